"""Claims about indices and what lies at them, as SMT-LIB text; all are to be refuted."""

from __future__ import annotations

from collections.abc import Sequence

from maestro_tool.smtlib.terms import Script, concat, disjunction


def beyond(script: Script, index: int, capacity: int) -> str:
    """An index is none below ``capacity``."""
    return f"(bvuge {script.term('', index)} (_ bv{capacity} {script.pool.width[index]}))"


def outside(script: Script, owner: int, each: int, bounds: Sequence[int], end: bool) -> str:
    """One of the indices does not lie in the block of ``each`` entries that index ``owner`` has; with ``end``, they may
    be the end of it, too."""
    start, least = f"(bvmul {script.term('', owner)} (_ bv{each} 32))", "bvugt" if end else "bvuge"
    return disjunction(f"({least} (bvsub {script.term('', b)} {start}) (_ bv{each} 32))" for b in bounds)


def moved(script: Script, owner: int, each: int, index: int, capacity: int) -> list[str]:
    """An index lies elsewhere in the block of packet a than in that of packet b, which differ in ``owner`` alone."""
    places, claims = [], []
    for s in script.pool.symbols(index) - {owner}:
        script.unify(script.bits("a", s) or (), script.bits("b", s) or ())
    for side in "ab":
        mine = script.term(side, owner)
        places.append(f"(bvsub {script.term(side, index)} (bvmul {mine} (_ bv{each} 32)))")
        claims.append(f"(bvult {mine} (_ bv{capacity} 32))")
    return [*claims, f"(distinct {' '.join(places)})"]


def other_keys(
    script: Script, stored: dict[int, tuple[int, int]], parts: Sequence[Sequence[int]], key: Sequence[int]
) -> str:
    """A key of these parts (as in `certificate.json`) is not what lies in an entry, of which ``stored`` are the bytes
    (as `Certificate.stored_bytes`); all others may be anything."""
    claims, held = [], dict[int, str]()
    for byte in {b for offset, size, *_ in parts for b in range(offset, offset + size)}:
        value, low = stored.get(byte, (None, 0))
        known = f"((_ extract {low + 7} {low}) {script.term('', value)})" if value is not None else None
        held[byte] = known or script.constant(f"?{byte}", 8)
    for (offset, size, *bits), part in zip(parts, key, strict=True):
        whole = [held[b] for b in range(offset, offset + size)]
        value_of = concat(whole)
        if len(bits) == 1:  # what is calculated of the bytes
            for b in stored.keys() & set(range(offset, offset + size)):
                script.given["key", f"a.{b}"] = ("", *stored[b])
            value_of = script.term("key", bits[0])
        elif bits:  # some bits of a little-endian number; whole bytes of it are in the order of memory
            number = concat(whole[::-1])
            steps = range(bits[0], sum(bits), 8 if bits[1] % 8 == 0 else bits[1])
            value_of = concat([f"((_ extract {low + steps.step - 1} {low}) {number})" for low in steps])
        claims.append(f"(distinct {value_of} {script.term('', part)})")
    return disjunction(claims)
