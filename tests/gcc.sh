#!/bin/sh
# What tests call gcc (tests/compiling.py): $CCACHE_COMPILER, through ccache where it compiles.
# $CCACHE_HEADERS: a folder with rte_config.h.gch, DPDK's headers precompiled for the same flags.  gcc finds it before
# the real file, which -include puts first of all; in vain in a unit that says first what the C library is to declare.
compiles='' source=/dev/null
: "${CCACHE_COMPILER:?run through tests/compiling.py}"
for word; do
  case $word in
    -c) compiles=yes ;;
    *.c) source=$word ;;
  esac
done
[ $compiles ] || exec "$CCACHE_COMPILER" "$@"
if [ "$CCACHE_HEADERS" ] && ! grep -q '^#define _.*_SOURCE' "$source"; then
  # It would say that it reads rte_config.h.gch, and not what is in it.
  skip=''
  for word; do
    shift
    case $skip$word in
      -MD) ;;
      -MF) skip=yes ;;
      yes*) skip='' ;;
      *) set -- "$@" "$word" ;;
    esac
  done
  exec ccache "$CCACHE_COMPILER" "-I$CCACHE_HEADERS" -fpch-preprocess "$@"
fi
exec ccache "$CCACHE_COMPILER" "$@"
