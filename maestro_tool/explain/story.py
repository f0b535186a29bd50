"""A condensed decision tree, told: conditions, operations and verdicts as texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from maestro_tool.explain.steps import Operation
from maestro_tool.explain.tree import Choice, Leaf, Lookup, Node, Test, conjuncts, leaves
from maestro_tool.explain.words import Facts, Words, rewritten
from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import lnot

OTHERWISE = "otherwise"


@dataclass(frozen=True, slots=True)
class Passage:
    """``actions``, then the first of ``ways`` whose condition holds; or, where there are none, ``verdict``.

    ``paths``: the call paths (numbers in `Analysis.paths`) that come by here.
    """

    actions: tuple[str, ...]
    ways: tuple[Way, ...]
    verdict: str | None
    paths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Way:
    when: str
    then: Passage


def tell(node: Node, words: Words, known: Sequence[Expr] = ()) -> Passage:
    """``known``: what holds of packets that come here."""
    actions = tuple(actions_of(node.operations, words, known))
    paths = tuple(sorted(n for leaf in leaves(node) for n in leaf.paths))
    if isinstance(node.end, Leaf):
        return Passage(actions, (), _verdict(node.end, words, known), paths)
    return Passage(actions, tuple(_ways(node.end, words, known)), None, paths)


def _ways(end: Test | Lookup | Choice, words: Words, known: Sequence[Expr]) -> list[Way]:
    match end:
        case Test(condition, then, other):
            return _tests(condition, then, other, words, known)
        case Lookup(operation, yes, no):
            found, missed = _outcomes(operation, words, known)
            return [Way(found, tell(yes, words, known)), Way(missed, tell(no, words, known))]
        case Choice(inputs, nodes):
            when = f"depending on {words.inputs(inputs, known)}"
            told = [tell(n, words, known) for n in nodes]
            return [Way(when if n == 0 else "or", passage) for n, passage in enumerate(told)]


def _tests(condition: Expr, then: Node, other: Node, words: Words, known: Sequence[Expr]) -> list[Way]:
    """Tests in a row as one list, of which the first that holds counts."""
    excess = _negations(condition) - _negations(lnot(condition))
    if excess > 0 or (excess == 0 and _plain(then) and not _plain(other)):
        condition, then, other = lnot(condition), other, then
    ways = [Way(words.condition(condition, known), tell(then, words, [*known, condition]))]
    below = [*known, lnot(condition)]
    if (protocol := words.protocol(condition, below)) is not None:
        return [*ways, Way(protocol, tell(other, words, below))]
    if isinstance(other.end, Test) and not other.operations:
        return ways + _tests(other.end.condition, other.end.then, other.end.other, words, below)
    return [*ways, Way(OTHERWISE, tell(other, words, below))]


def _plain(node: Node) -> bool:
    """It all ends there."""
    return not node.operations and isinstance(node.end, Leaf)


def _negations(e: Expr) -> int:
    return sum(1 + len(p.args[0].args) if p.op == "lnot" else p.op == "lor" and _negated_or(p) for p in conjuncts(e))


def _negated_or(e: Expr) -> int:
    return sum(_negations(a) for a in e.args)


def _verdict(leaf: Leaf, words: Words, known: Sequence[Expr]) -> str:
    facts = Facts.of(known)
    match leaf.verdict:
        case Expr():
            text = f"send to {words.port(leaf.verdict, facts)}"
        case int():
            text = f"send to port {leaf.verdict}"
        case _:
            text = leaf.verdict
    changed = rewritten(leaf.rewrites, facts) if leaf.verdict != "drop" else []
    return f"rewrite {', '.join(changed)}; {text}" if changed else text


# --------------------------------------------------------------------------- operations


def actions_of(operations: Sequence[Operation], words: Words, known: Sequence[Expr]) -> list[str]:
    """What operations do, each once; reading and writing one entry is one action."""
    actions: dict[str, str] = {}  # what is done it to -> what is done
    for o in operations:
        verb, what = action(o, words, known)
        if verb == "write" and actions.get(what) in ("read", "read and write"):
            actions[what] = "read and write"
        elif actions.setdefault(what, verb) != verb and actions[what] != "read and write":
            actions.setdefault(f"{verb} {what}", "")
    return [f"{verb} {what}".strip() for what, verb in actions.items()]


def action(o: Operation, words: Words, known: Sequence[Expr]) -> tuple[str, str]:
    """A verb, and what it is done to."""
    names = ", ".join(words.object(n).name for n in o.objects)
    entry = words.entry(o.index, known)
    of_entry = f" ({entry})" if entry else ""
    match o.op:
        case "map_get":
            return "look up", f"{words.key(o.key, known)} in {names}"
        case "map_put":
            return "put", f"{words.key(o.key, known)} into {names}"
        case "map_erase":
            return "erase", f"{words.key(o.key, known)} from {names}"
        case "vector_read" | "global_read":
            return "read", names + of_entry
        case "vector_write" | "global_write":
            return "write", names + of_entry
        case "dchain_allocate":
            return "take", f"a new index from {names}"
        case "dchain_rejuvenate":
            return "refresh", f"the age in {names}{of_entry}"
        case "dchain_free":
            return "free", f"the index in {names}{of_entry}"
        case "dchain_is_allocated":
            return "check", f"the index in {names}{of_entry}"
        case "expire":
            return "forget", f"what is older than {_age(o.before, words, known)} in {names}"
        case "opaque":
            return "call", "a function that is not followed"
    by = f" by {words.key(o.key, known)}" if o.key else ""
    return o.op.replace("_", " "), names + by + of_entry


def _age(before: Expr | None, words: Words, known: Sequence[Expr]) -> str:
    """``now - limit`` is an age of ``limit``."""
    if before is None:
        return "the time limit"
    if before.op == "add" and any(_is_now(a) for a in before.args):
        (other,) = (a for a in before.args if not _is_now(a)) if not all(map(_is_now, before.args)) else (before,)
        if other.is_const:
            return f"{(1 << other.width) - other.const} ns"
    if before.op == "sub" and _is_now(before.args[0]):
        return words.value(before.args[1], Facts())
    return words.value(before, Facts.of(known))


def _is_now(e: Expr) -> bool:
    return e.op == "sym" and e.value == "now"


def _outcomes(o: Operation, words: Words, known: Sequence[Expr]) -> tuple[str, str]:
    """The conditions of both sides of a lookup."""
    names = ", ".join(words.object(n).name for n in o.objects)
    entry = words.entry(o.index, known)
    match o.op:
        case "map_get":
            return f"{words.key(o.key, known)} found in {names}", f"not in {names}"
        case "dchain_allocate":
            return f"{names} has room: take a new index", f"{names} is full"
        case "dchain_is_allocated" | "dchain_rejuvenate" | "dchain_free":
            return f"{entry or 'the index'} in use in {names}", f"not in use in {names}"
    verb, what = action(o, words, known)
    return f"{verb} {what}: yes", f"{verb} {what}: no"
