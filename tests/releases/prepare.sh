#!/bin/sh
# What tests/releases needs: mmdebstrap, which unpacks other releases of Debian; with --arm64, what makes programs for
# arm64 and runs them, too; with --clang, clang.  As root.
set -eu
packages=mmdebstrap
for word in "$@"; do
  case $word in
    --arm64) packages="$packages gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user" ;;
    --clang) packages="$packages clang" ;;
    *) echo "error: prepare.sh knows no $word" >&2; exit 1 ;;
  esac
done
{ [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; } || { echo "error: needs Debian and root" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install -y --no-install-recommends $packages >/dev/null
