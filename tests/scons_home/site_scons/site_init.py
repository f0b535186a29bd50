"""Read by SCons in tests (tests/compiling.py): builds compile through ccache, too.

SCons hands only some of its environment on to the programs that it starts.
"""

import os

import SCons.Defaults

if folder := os.environ.get("CCACHE_DIR"):
    SCons.Defaults.ConstructionEnvironment["CC"] = f"{folder}/bin/gcc"
    SCons.Defaults.ConstructionEnvironment["ENV"] = {n: v for n, v in os.environ.items() if n.startswith("CCACHE_")}
