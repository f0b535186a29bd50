"""Who computes the sharding on this NIC, and why: the words of the build's summary and of plan.json.

``shared-nothing``: the NIC sends packets to their owner (profile soft: this program's dispatcher in its place).
``handoff``: the sharding exists, but the NIC cannot compute it on some port; software hashes and passes packets on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from maestro_tool.nic.profile import NicProfile
from maestro_tool.rss.solution import PortSolution, RssSolution


@dataclass(frozen=True, slots=True)
class Strategy:
    """``why``: a sentence for each port, and what else is to be known before it is used.

    ``by_hand``: the sentences of ports whose packets software hands to their owner.
    """

    name: str
    why: tuple[str, ...]
    by_hand: tuple[str, ...] = ()


def strategy_of(solution: RssSolution, profiles: Sequence[NicProfile], *, forced: bool = False) -> Strategy:
    """The strategy of a satisfiable solution; ``profiles``: one per port; ``forced``: NICs were not asked to hash."""
    why = [f"port {p.port}: {_who(p, profiles[p.port], forced=forced)}" for p in solution.ports]
    by_hand = tuple(
        text
        for text, p in zip(why, solution.ports, strict=True)
        if _constrained(p) and not _by_nic(p) and (forced or profiles[p.port].rss.kind != "software")
    )
    return Strategy("handoff" if by_hand else "shared-nothing", (*why, *solution.notes), by_hand)


def unused(p: PortSolution, profile: NicProfile) -> list[str]:
    """What the card offers, or claims to, that the plan does without; and the reason."""
    return list(_unused(p, profile))


def _constrained(p: PortSolution) -> bool:
    return any(how != "any" for _, how in p.steering)


def _by_nic(p: PortSolution) -> bool:
    return any(how == "nic" for _, how in p.steering)


def _who(p: PortSolution, profile: NicProfile, *, forced: bool) -> str:
    if not _constrained(p):
        return "any core may take any packet"
    if _by_nic(p):
        classes = {how: [c for c, h in p.steering if h == how] for how in ("nic", "software")}
        others = f"; software steers {', '.join(classes['software'])}" if classes["software"] else ""
        others += f", by {_of_bytes(p)}" if p.of_bytes else ""
        return f"the NIC steers {', '.join(classes['nic'])}{_setup(p)}{others}"
    rss = profile.rss
    if rss.kind == "software":
        by_bytes = f", by {_of_bytes(p)}" if p.of_bytes else ""
        return f"the program hashes and dispatches{by_bytes}; no card is needed"
    if forced:
        reason = "asked for by strategy=handoff"
    elif rss.kind == "none":
        reason = f"{profile.pmd} has no RSS"
    elif (rss.settable.key != "always" and rss.fixed_key is None) or rss.settable.table != "always":
        which = "key" if rss.settable.key != "always" else "table"
        often = "never takes" if "never" in (rss.settable.key, rss.settable.table) else "does not always take"
        reason = f"{profile.name} {often} a {which} of ours"
    else:
        whose = "its key" if rss.fixed_key else "one key"
        if p.of_bytes:
            return f"software hashes and hands packets to their owner: {profile.name} does not hash {_of_bytes(p)}"
        reason = f"no set-up of {profile.name} hashes what the plan needs with {whose}"
    return f"software hashes and hands packets to their owner: {reason}"


def _of_bytes(p: PortSolution) -> str:
    """The bytes that software hashes, and of which classes; parts of such a class that have none go by their fields."""
    classes: dict[tuple[str, ...], list[str]] = {}
    for name, fields in p.of_bytes:
        classes.setdefault(fields, []).append(name)
    return "; ".join(
        f"{', '.join(fields) or 'header fields'} of {', '.join(names)}" for fields, names in classes.items()
    )


def _setup(p: PortSolution) -> str:
    """What is special about the set-up, in brackets."""
    words = [f"set-up {p.setup}"] if p.setup != "default" else []
    if p.function != "toeplitz":
        words.append(f"symmetric hash, {p.function}")
    if p.rules:
        words.append("by rte_flow RSS rules")
    if p.key_fixed:
        words.append("with the card's own key")
    return f" ({', '.join(words)})" if words else ""


def _unused(p: PortSolution, profile: NicProfile) -> Iterator[str]:
    rss = profile.rss
    for flag in rss.flags_advertised:
        if flag not in rss.flags_programmed:
            yield f"{flag}: advertised, but the driver does not program it"
    if p.setup == "default" and rss.selections:
        names = ", ".join(s.name for s in rss.selections)
        how = ", by rte_flow" if any(s.rules for s in rss.selections) else ""
        yield f"hashing fewer fields ({names}{how}): the key makes the other fields not matter, which spreads as well"
    kinds = {"port": rss.symmetric.port, "flow": rss.symmetric.flow}
    for level, kind in kinds.items():
        if kind == "none" or p.function != "toeplitz":
            continue
        where = "by rte_flow" if level == "flow" else "by rss_conf.algorithm, which DPDK has from 23.11 on"
        yield (
            f"symmetric hashing ({kind}), {where}: the key makes those packets meet that the plan "
            "relates, and no others"
        )
