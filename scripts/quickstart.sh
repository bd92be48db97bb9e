#!/usr/bin/env bash
# Two hosts, two daemons, one call: see scripts/quickstart.ts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash scripts/setup.sh run
exec node --import tsx scripts/quickstart.ts "$@"
