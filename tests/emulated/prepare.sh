#!/bin/sh
# What the emulated cards need and tests cannot build: QEMU with the card igb (8 or newer), a kernel, and busybox.
#   tests/emulated/prepare.sh [FOLDER]
# QEMU is installed, the rest is unpacked to FOLDER (default build/emulated); the machine's own sources of packages stay as
# they are.  Debian 12; as root.
set -eu
sources=/etc/apt/sources.list.d/debian.sources
{ [ "$(id -u)" = 0 ] && [ -e $sources ]; } || { echo "error: needs Debian 12 and root" >&2; exit 1; }
cd "$(dirname "$0")/../.."
folder=${1:-build/emulated}
mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial"
folder=$(realpath "$folder")
mirror=$(sed -n 's/^URIs: //p' $sources | head -n 1)
signed="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
printf 'deb %s %s bookworm%s main\n' "$signed" "$mirror" "" "$signed" "$mirror" -backports >"$folder/apt/sources.list"
apt() {
  command=$1
  shift
  "apt-$command" -qq -o Dir::Etc::SourceList="$folder/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::State::Lists="$folder/apt/lists" -o Dir::Cache="$folder/apt/cache" -o APT::Sandbox::User=root "$@"
}
export DEBIAN_FRONTEND=noninteractive
apt get update
apt get install -y --no-install-recommends -t bookworm-backports qemu-system-x86 >"$folder/apt/log" 2>&1 ||
  { tail "$folder/apt/log" >&2; exit 1; }
apt get install -y --no-install-recommends cpio >>"$folder/apt/log" 2>&1
# Without -t: the kernel of the release.
kernel=$(apt cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1)
cd "$folder/apt"
apt get download "$kernel" busybox-static
rm -rf "$folder/kernel" "$folder/busybox"
for package in "$kernel"_*.deb; do
  dpkg --fsys-tarfile "$package" | tar -x --one-top-level="$folder/kernel" --wildcards './boot/vmlinuz*' \
    '*/drivers/uio/uio.ko' '*/drivers/uio/uio_pci_generic.ko' '*/drivers/virtio/*' '*/net/9p/*' '*/fs/9p/*' \
    '*/fs/fscache/*' '*/fs/netfs/*'
done
dpkg -x busybox-static_*.deb "$folder/busybox"
rm -rf "$folder/apt"
echo "ready: python -m pytest tests/emulated"
