"""The C library that generated programs link with; data of this package, found through its path."""

from pathlib import Path

RUNTIME = Path(__file__).parent
INCLUDE = RUNTIME / "include"
SOURCE = RUNTIME / "src"
