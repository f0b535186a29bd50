"""Read by SCons where $HOME is tests/home, as in tests: what they build is compiled through ccache (tests/compiling.py).

SCons looks for compilers elsewhere than in $PATH, and does not hand its environment on.
"""

import os
import shutil

import SCons.Defaults

if "CCACHE_DIR" in os.environ:
    SCons.Defaults.ConstructionEnvironment["CC"] = shutil.which("gcc")
    SCons.Defaults.ConstructionEnvironment["ENV"] = {n: v for n, v in os.environ.items() if n.startswith("CCACHE_")}
