#!/bin/sh
# What tests/releases needs: mmdebstrap, which unpacks other releases of Debian.  As root.
set -eu
command -v mmdebstrap >/dev/null && exit 0
{ [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; } || { echo "error: needs Debian and root" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install -y --no-install-recommends mmdebstrap >/dev/null
