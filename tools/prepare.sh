# Sourced by ./demo and ./test: puts everything in place that is missing, or says what to install.
#   prepare REQUIREMENTS DEBIAN_PACKAGE...
# Debian packages come from apt-get when run as root; Python packages go to .venv, pinned by REQUIREMENTS.

die() {
  echo "error: $*" >&2
  exit 1
}

have_python() {
  python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# Names of the Debian packages that are needed and not there.
missing_packages() {
  have_python || echo python3 python3-venv
  command -v gcc >/dev/null && echo '#include <stdio.h>' | gcc -E - >/dev/null 2>&1 || echo gcc libc6-dev
  command -v pkg-config >/dev/null || echo pkg-config
  pkg-config --exists libdpdk 2>/dev/null || echo libdpdk-dev
  [ -e /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
  for package in "$@"; do
    command -v "$package" >/dev/null || echo "$package"
  done
}

prepare_packages() {
  missing=$(missing_packages "$@" | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null ||
    die "missing (names of Debian's packages): $missing; install what your system calls these"
  [ "$(id -u)" = 0 ] || die "missing packages; as root, run: apt-get install $missing"
  echo "== installing $missing"
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp)
  # shellcheck disable=SC2086  # words are package names
  if ! { apt-get update && apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die "apt-get could not install: $missing"
  fi
  rm -f "$log"
  have_python || die "Python 3.11 or newer is needed; Debian 12 and newer have it"
}

# DPDK counts CPUs in /sys and reads /proc; a bare chroot has neither.
prepare_kernel_folders() {
  for pair in proc:/proc/self/status sysfs:/sys/devices/system/cpu; do
    type=${pair%%:*} probe=${pair#*:}
    folder=/$(echo "$probe" | cut -d/ -f2)
    [ -e "$probe" ] && continue
    echo "== mounting $folder, which is empty here"
    mount -t "$type" "$type" "$folder" 2>/dev/null ||
      die "$folder is empty and DPDK needs it; as root, run: mount -t $type $type $folder"
  done
}

prepare_python() {
  stamp=.venv/installed-$1
  cmp -s "$1" "$stamp" && return 0
  echo "== installing Python packages into .venv"
  [ -x .venv/bin/pip ] && .venv/bin/python -c '' 2>/dev/null || python3 -m venv --clear .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input -r "$1" ||
    die "pip could not install $1"
  cp "$1" "$stamp"
}

prepare() {
  requirements=$1
  shift
  prepare_kernel_folders
  prepare_packages "$@"
  prepare_python "$requirements"
  PATH=$PWD/.venv/bin:$PATH
  export PATH
}
