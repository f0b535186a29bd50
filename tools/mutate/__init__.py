"""Mutants of the sharding analysis: each premise of the argument, removed or weakened, fails a test that is named.

``mutants`` makes them from syntax trees, ``swap`` puts one in place of the original, ``runs`` asks the tests (``warm``:
what is the same for all), ``survivors`` reads the list of those that no test can tell from the original, and why.
"""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_TOOL: Final = ROOT / "maestro_tool"
_SHARDING: Final = _TOOL / "sharding"

#: File -> the functions of it that premises are in; all, if none is named.
TARGETS: Final = {
    **{file: frozenset[str]() for folder in ("lemmas", "rules") for file in sorted((_SHARDING / folder).glob("*.py"))},
    # Whose bits a condition or an equation is about; the rest says it in names.
    _SHARDING / "facts" / "bits.py": frozenset(("_origins", "_made", "bits_said", "pair_bytes", "pair_fields")),
    _SHARDING / "facts" / "groups.py": frozenset[str](),
    _SHARDING / "facts" / "key_places.py": frozenset(
        (
            "KeyPlaces.maps",
            "KeyPlaces.index_map",
            "KeyPlaces.source",
            "key_places",
            "_agree",
            "_place",
            "_may_be_there",
            "_goes_with_another",
            "_tell",
            "holds_key",
            "_both_allocated",
        )
    ),
    _SHARDING / "facts" / "reach.py": frozenset[str](),
    _SHARDING / "facts" / "narrow.py": frozenset[str](),
    _SHARDING / "facts" / "pairs.py": frozenset[str](),
    # What keys are equal.
    _TOOL / "symex" / "keys.py": frozenset(
        (
            "compared",
            "hash_follows",
            "_as_formula",
            "_blocks",
            "_computed",
            "_conjuncts",
            "_implies",
            "_other",
            "_part",
            "_plainly_same",
            "_proved",
            "_same",
            "_seen_to_differ",
        )
    ),
}

#: The tests that are asked.
TESTS: Final = tuple(
    ROOT / "tests" / "unit" / name
    for name in ("sharding", "symex/test_equality.py", "symex/test_keys.py", "symex/test_key_bits.py")
)

SURVIVORS: Final = Path(__file__).with_name("survivors.yaml")
