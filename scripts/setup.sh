#!/usr/bin/env bash
# Prepares a checkout: `setup.sh run` for what the daemon and the quickstart need, `setup.sh test` for all tests
# with their real peers too. Quick when everything is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case "${1:-run}" in
  run | test) want=${1:-run} ;;
  *)
    echo "usage: setup.sh [run|test]" >&2
    exit 2
    ;;
esac

# Debian's and Ubuntu's package of each program or file.
declare -A package_of=([ip]=iproute2 [ping]=iputils-ping [gcc]=gcc [/usr/include/stdio.h]=libc6-dev)
if [ "$want" = test ]; then
  package_of+=([tshark]=tshark [tcpdump]=tcpdump [l2tpns]=l2tpns [xl2tpd]=xl2tpd [pppd]=ppp [pppoe]=pppoe)
  package_of+=([vpnserver]=softether-vpnserver [vpncmd]=softether-vpncmd)
  # IPsec for SoftEther's L2TPv3: the plugin encrypts without the kernel.
  package_of+=([charon-systemd]=charon-systemd [swanctl]=strongswan-swanctl)
  package_of+=([/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so]=libcharon-extra-plugins)
  package_of+=([freeradius]=freeradius [radclient]=freeradius-utils [eapol_test]=eapoltest)
  package_of+=([openssl]=openssl [python3]=python3)
  package_of+=([dhcpcd]=dhcpcd-base [dhcp6c]=wide-dhcpv6-client [iperf3]=iperf3)
  # For the kernel lab. The other package named busybox has it linked dynamically.
  package_of+=([qemu-system-x86_64]=qemu-system-x86 [/var/lib/dpkg/info/busybox-static.list]=busybox-static)
  package_of+=([cpio]=cpio [xz]=xz-utils [modprobe]=kmod)
fi

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
present() {
  if [[ $1 == /* ]]; then [ -e "$1" ]; else command -v "$1" > /dev/null; fi
}

check_node() {
  local found
  found=$(node --version 2> /dev/null || true)
  local major=${found#v}
  major=${major%%.*}
  if [ "${major:-0}" -lt 20 ]; then
    echo "Node.js 20 or newer is needed, found ${found:-none}. See https://nodejs.org/ or your distribution's package nodejs." >&2
    exit 1
  fi
}

install_packages() {
  local missing=() what
  for what in "${!package_of[@]}"; do
    present "$what" || missing+=("${package_of[$what]}")
  done
  [ ${#missing[@]} -eq 0 ] && return
  if ! present apt-get; then
    echo "Missing: ${missing[*]} (Debian's names). Install them with your system's package tool, then try again." >&2
    exit 1
  fi
  if [ "$(id -u)" -ne 0 ]; then
    echo "Missing packages. As root: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  echo "Installing ${missing[*]}"
  # The peers are for tests in namespaces: their packages must not start daemons on this host.
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap "rm -f $policy" EXIT
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
  fi
  export DEBIAN_FRONTEND=noninteractive
  local install=(apt-get install -y -qq --no-install-recommends "${missing[@]}")
  "${install[@]}" > /dev/null 2>&1 || { apt-get update -qq && "${install[@]}" > /dev/null; }
}

# npm keeps a list of what it has put into node_modules: whether that is what package-lock.json wants.
modules_are_current() {
  node -e '
    const wanted = require("./package-lock.json").packages;
    const there = require("./node_modules/.package-lock.json").packages;
    const isStale = ([path, { version, optional }]) => path && !optional && there[path]?.version !== version;
    process.exit(Object.entries(wanted).some(isStale) ? 1 : 0);
  ' 2> /dev/null
}

install_modules() {
  modules_are_current && return
  echo "Installing npm packages"
  # Not `npm ci`: it refuses a lock file without the other platforms' optional packages, which npm leaves out of a
  # lock file wherever the registry did not offer them. Locked versions are kept all the same.
  npm install --no-save --no-audit --no-fund --loglevel=error
}

check_node
install_packages
install_modules
npm run --silent build
