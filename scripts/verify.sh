#!/usr/bin/env bash
# Everything that must hold before a change lands: set-up, static checks, all tests. Needs root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash scripts/setup.sh test
checked=0
npm run --silent check || checked=$?
npx vitest run --reporter=default --reporter=./test/summary-reporter.ts "$@"
exit "$checked"
