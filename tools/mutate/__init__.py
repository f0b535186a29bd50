"""Mutants of the sharding analysis: each premise of the argument, removed or weakened, fails a test that is named.

``mutants`` makes them from syntax trees, ``swap`` puts one in place of the original, ``runs`` asks the tests (``warm``:
what is the same for all), ``survivors`` reads the list of those that no test can tell from the original, and why.
"""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_SHARDING: Final = ROOT / "maestro_tool" / "sharding"

#: File -> the functions of it that premises are in; all, if none is named.
TARGETS: Final = {
    **{file: frozenset[str]() for file in sorted((_SHARDING / "lemmas").glob("*.py"))},
    **{file: frozenset[str]() for file in sorted((_SHARDING / "rules").glob("*.py"))},
    _SHARDING / "facts" / "groups.py": frozenset[str](),
    _SHARDING / "facts" / "key_places.py": frozenset(f"KeyPlaces.{f}" for f in ("maps", "index_map", "source"))
    | {"key_places", "_agree", "_place", "holds_key", "same"},
}

#: The tests that are asked.
TESTS: Final = (ROOT / "tests" / "unit" / "sharding",)

SURVIVORS: Final = Path(__file__).with_name("survivors.yaml")
