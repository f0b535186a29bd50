"""Mutants of the sharding analysis: each premise of the argument, removed or weakened, fails a test that is named.

``mutants`` makes them from syntax trees, ``swap`` puts one in place of the original, ``runs`` asks the tests (``warm``:
what is the same for all), ``survivors`` reads the list of those that no test can tell from the original, and why.
"""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_SHARDING: Final = ROOT / "maestro_tool" / "sharding"

#: Files whose survivors are all explained.
EXPLAINED: Final = (
    *sorted((_SHARDING / "lemmas").glob("*.py")),
    *sorted((_SHARDING / "rules").glob("*.py")),
    _SHARDING / "facts" / "groups.py",
    _SHARDING / "facts" / "key_places.py",
)

#: File -> the functions of it that premises are in; all, if none is named.
TARGETS: Final = {
    **{file: frozenset[str]() for folder in ("lemmas", "rules") for file in sorted((_SHARDING / folder).glob("*.py"))},
    _SHARDING / "facts" / "groups.py": frozenset[str](),
    _SHARDING / "facts" / "key_places.py": frozenset(
        (
            "KeyPlaces.maps",
            "KeyPlaces.index_map",
            "KeyPlaces.source",
            "key_places",
            "_agree",
            "_place",
            "holds_key",
            "_both_allocated",
        )
    ),
}

#: The tests that are asked.
TESTS: Final = (ROOT / "tests" / "unit" / "sharding",)

SURVIVORS: Final = Path(__file__).with_name("survivors.yaml")
