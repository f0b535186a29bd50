"""What a solution says for people, by code; a solution that is read may say nothing else."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

_TEXTS: Final = {
    "by hand": "port {}: this NIC cannot compute the sharding; software hashes and hands off",
    "uneven": "port {}: 16 workers reach max/mean {} even on uniform addresses",
    "uneven6": "port {}: IPv6: 16 workers reach max/mean {} even on uniform addresses",
    "few indices": "the constraints leave {} indices to decide by: at most {} workers",
    "groups": "the table keeps related indices together, in {} groups: at most {} workers",
}


def note(code: str, *numbers: float) -> str:
    """The text of a code."""
    return _TEXTS[code].format(*numbers)


def is_note(text: str) -> bool:
    """Whether `note` may have made it."""
    return _all().fullmatch(text) is not None


@cache
def _all() -> re.Pattern[str]:
    return re.compile("|".join(re.escape(text).replace(r"\{\}", r"[0-9]+(?:\.[0-9]+)?") for text in _TEXTS.values()))
