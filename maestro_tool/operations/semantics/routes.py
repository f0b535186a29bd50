"""Longest-prefix matching of addresses of 32 bits."""

from __future__ import annotations

from maestro_tool.operations.semantics.call import Call, Outcome

_BITS = 32
_SHORT = 24  # the longest prefix that needs no block
_LARGEST = 0x7FFF
_NONE = 0xFFFF
_BLOCKS = 256


class Lpm:
    """``routes``: (length, prefix) -> number.  Prefixes of more than 24 bits lie in blocks by their first 24, of which
    there are 256 at most."""

    def __init__(self, routes: dict[tuple[int, int], int] | None = None) -> None:
        self.routes: dict[tuple[int, int], int] = {}
        self._blocks: set[int] = set()
        for (length, prefix), value in (routes or {}).items():
            self.set(prefix, length, value)

    def set(self, prefix: int, length: int, value: int) -> bool:
        if length > _BITS or value > _LARGEST:
            return False
        block = prefix >> (_BITS - _SHORT)
        if length > _SHORT and block not in self._blocks:
            if len(self._blocks) == _BLOCKS:
                return False
            self._blocks.add(block)
        self.routes[length, _cut(prefix, length)] = value
        return True

    def find(self, address: int) -> int:
        found = (self.routes.get((length, _cut(address, length))) for length in range(_BITS, -1, -1))
        return next((value for value in found if value is not None), _NONE)


def _cut(address: int, length: int) -> int:
    return address >> (_BITS - length) << (_BITS - length)


def lpm_lookup(call: Call) -> Outcome:
    """``key``: the address.  Ensures: ``value`` is the number of the longest prefix of it, 0xFFFF if there is none."""
    (table,) = call.objects
    return Outcome(produced={"value": table.find(call.key[0])})


def lpm_update(call: Call) -> Outcome:
    """``key``: a prefix and its length.

    Ensures: if the length is 32 at most, ``value`` below 0x8000 and a block free where one is needed, ``done`` is 1 and
    the prefix has this number, whatever it had before.  Else ``done`` is 0 and nothing changes.
    """
    (table,) = call.objects
    prefix, length = call.key
    return Outcome(produced={"done": int(table.set(prefix, length, call.value))})
