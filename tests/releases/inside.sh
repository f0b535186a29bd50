#!/bin/sh
# Runs a command with the compiler, DPDK and Python of another Debian, in this tree.  For `unshare --mount`: the mounts
# end with the command.
#   inside.sh ROOT TREE COMMAND...    ROOT: where `debian.unpacked` unpacked a release; TREE: this checkout
set -eu
root=$1 tree=$2
shift 2
mkdir -p "$root$tree"
mount --bind "$tree" "$root$tree"
for folder in proc sys dev; do
  mount --rbind "/$folder" "$root/$folder"
done
exec chroot "$root" /usr/bin/env -C "$tree" "$@"
