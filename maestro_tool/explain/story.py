"""A condensed decision tree, told: conditions, operations and verdicts as texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from maestro_tool.explain.steps import Action, Edit
from maestro_tool.explain.tree import Choice, Leaf, Lookup, Node, Test, leaves, split_conjunction
from maestro_tool.explain.words import Facts, Words, place, rewritten
from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import lnot
from maestro_tool.expr.symbols import NOW
from maestro_tool.expr.walk import bottom_up
from maestro_tool.operations.row import Effect

OTHERWISE = "otherwise"


@dataclass(frozen=True, slots=True)
class Passage:
    """``actions``, then the first of ``ways`` whose condition holds; or, where there are none, ``verdict``.

    ``decided_by``: values that decide among the ways, where no conditions are said.  ``paths``: the call paths (numbers
    in `Analysis.paths`) that come by here.
    """

    actions: tuple[str, ...]
    ways: tuple[Way, ...]
    verdict: str | None
    decided_by: str | None
    paths: tuple[int, ...] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Way:
    when: str
    then: Passage


def occurrences(passage: Passage) -> Counter[tuple[Way, ...]]:
    """How often each group of ways occurs; inside of one that was seen before, nothing counts again."""
    counts: Counter[tuple[Way, ...]] = Counter()
    work = [passage]
    while work:
        ways = work.pop().ways
        if ways:
            counts[ways] += 1
            if counts[ways] == 1:
                work += (way.then for way in ways)
    return counts


def tell(node: Node, words: Words, known: Sequence[Expr] = ()) -> Passage:
    """``known``: what holds of packets that come here."""
    actions = tuple(actions_of(node.operations, words, known))
    paths = tuple(sorted(n for leaf in leaves(node) for n in leaf.paths))
    if isinstance(node.end, Leaf):
        return Passage(actions, (), _verdict(node.end, words, known), None, paths)
    decided_by = words.inputs(node.end.inputs, known) if isinstance(node.end, Choice) else None
    return Passage(actions, tuple(_ways(node.end, words, known)), None, decided_by, paths)


def _ways(end: Test | Lookup | Choice, words: Words, known: Sequence[Expr]) -> list[Way]:
    match end:
        case Test(condition, then, other):
            return _tests(condition, then, other, words, known)
        case Lookup(operation, yes, no):
            found, missed = _outcomes(operation, words, known)
            return [Way(found, tell(yes, words, known)), Way(missed, tell(no, words, known))]
        case Choice(_, nodes):
            passages = sorted((tell(n, words, known) for n in nodes), key=_order)
            return [Way("or" if n else "either", passage) for n, passage in enumerate(passages)]


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


def _order(passage: Passage) -> tuple[bool, str]:
    """Ways of a choice: first those that go on, then by verdict."""
    return passage.verdict is not None, passage.verdict or ""


def _plain(node: Node) -> bool:
    """It all ends there."""
    return not node.operations and isinstance(node.end, Leaf)


def _negations(e: Expr) -> int:
    """How many there are in the text of ``e``, which has what is shared several times."""

    def below(x: Expr) -> tuple[Expr, ...]:
        return split_conjunction(x) or (x.args if x.op == "lor" else ())

    def count(x: Expr, counted: list[int]) -> int:
        return 1 + len(x.args[0].args) if x.op == "lnot" and not counted else sum(counted)

    return bottom_up(e, count, {}, below)


def _verdict(leaf: Leaf, words: Words, known: Sequence[Expr]) -> str:
    facts = Facts.of(known)
    match leaf.verdict:
        case Expr():
            text = f"send to {words.port(leaf.verdict, facts)} ({words.other_verdicts})"
        case int():
            text = f"send to port {leaf.verdict}"
        case _:
            text = leaf.verdict
    return text if leaf.verdict == "drop" else "; ".join([*_edits(leaf.edit, facts), text])


def _edits(edit: Edit, facts: Facts) -> Iterator[str]:
    if edit.grown > 0:
        yield f"insert {_bytes(edit.grown)} {place(edit.at, facts)}"
    elif edit.grown < 0:
        last = edit.at - edit.grown - 1
        yield f"remove {_bytes(-edit.grown)}, frame[{edit.at}..{last}]" if last > edit.at else f"remove frame[{last}]"
    if edit.cut:
        yield "cut the frame's end"
    if edit.rewrites:
        yield f"rewrite {', '.join(rewritten(edit.rewrites, facts))}"


def _bytes(count: int) -> str:
    return "1 byte" if count == 1 else f"{count} bytes"


# --------------------------------------------------------------------------- operations


#: Bytes of entries, or of the object.
_READS, _WRITES = (Effect.READ, Effect.LOOK), (Effect.WRITE, Effect.CHANGE)


def actions_of(operations: Sequence[Action], words: Words, known: Sequence[Expr]) -> list[str]:
    """What operations do, each once; reading and writing one entry is one action."""
    actions: dict[str, str] = {}  # what it is done to -> what is done
    read, both = set[str](), set[str]()
    for o in operations:
        verb, what = action(o, words, known)
        if what not in actions:
            actions[what] = verb
            if o.op.effect in _READS:
                read.add(what)
        elif what in read and o.op.effect in _WRITES:
            if what not in both:
                actions[what] += f" and {verb}"
            both.add(what)
        elif actions[what] != verb and what not in both:
            actions.setdefault(f"{verb} {what}", "")
    return [f"{verb} {what}".strip() for what, verb in actions.items()]


def action(o: Action, words: Words, known: Sequence[Expr]) -> tuple[str, str]:
    """A verb, and what it is done to."""
    return o.op.wording.verb, _fill(o.op.wording.what, o, words, known)


def briefly(o: Action, words: Words, known: Sequence[Expr]) -> str:
    """What is done to an object, which is not named again."""
    return _fill(o.op.wording.brief, o, words, known).strip()


def _outcomes(o: Action, words: Words, known: Sequence[Expr]) -> tuple[str, str]:
    """The conditions of both sides of a lookup."""
    wording = o.op.wording
    return _fill(wording.yes, o, words, known), _fill(wording.no, o, words, known)


def _fill(template: str, o: Action, words: Words, known: Sequence[Expr]) -> str:
    """See `operations.row.Wording`."""
    names = [words.object(n).name for n in o.objects]
    entry = words.entry(o.index, known)
    prefix, length = o.key if o.key is not None and len(o.key) == 2 else (None, None)
    return template.format(
        verb=o.op.wording.verb,
        objects=", ".join(names),
        first=names[0],
        second=names[-1],
        key=words.key(o.key, known),
        prefix=words.key((prefix,), known) if prefix is not None else "",
        length=words.key((length,), known) if length is not None else "",
        entry=entry,
        the_entry=entry or "the index",
        some=entry or "an entry",
        of=f" ({entry})" if entry else "",
        from_on="" if o.index is None else f" from {words.value(o.index, Facts.of(known))} on",
        age=_age(o.before, words, known),
    )


def _age(before: Expr | None, words: Words, known: Sequence[Expr]) -> str:
    """``now - limit`` is an age of ``limit``."""
    if before is None:
        return "the time limit"
    if before.op == "add" and before.args[0] is NOW and before.args[1].is_const:
        return _duration((1 << before.width) - before.args[1].const)
    if before.op == "sub" and before.args[0] is NOW:
        return words.value(before.args[1], Facts())
    return words.value(before, Facts.of(known))


def _duration(nanoseconds: int) -> str:
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if nanoseconds % size == 0:
            return f"{nanoseconds // size} {unit}"
    return f"{nanoseconds} ns"
