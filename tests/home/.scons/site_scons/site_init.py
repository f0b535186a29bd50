"""Read by SCons where $HOME is tests/home (tests/compiling.py): builds of tests compile through ccache.

SCons hands only some of its environment on to the programs that it starts.
"""

import os

import SCons.Defaults

if folder := os.environ.get("CCACHE_DIR"):
    SCons.Defaults.ConstructionEnvironment["CC"] = f"{folder}/bin/gcc"
    SCons.Defaults.ConstructionEnvironment["ENV"] = {n: v for n, v in os.environ.items() if n.startswith("CCACHE_")}
