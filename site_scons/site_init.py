"""Run by SCons before the SConstruct: version guards, and this checkout on the path of imports."""

import sys
from pathlib import Path

EnsurePythonVersion(3, 11)  # noqa: F821 (SCons defines it)
EnsureSConsVersion(4, 5)  # noqa: F821
sys.path.insert(1, str(Path(__file__).resolve().parent.parent))
