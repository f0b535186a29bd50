"""An explanation for a terminal: coloured where there is one, and no wider than it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from maestro_tool.dialects import DIALECTS
from maestro_tool.explain.report import Conflict, Explanation, Flow, ObjectText, Quality
from maestro_tool.explain.story import Passage, Way, occurrences

#: Lines longer than this are hard to read, however wide the terminal is.
_WIDEST = 100
_WORKERS = ("2", "4", "8", "16")

_RULES = {
    "R1": "packets with equal keys meet on one core",
    "R2": "of two constraints, the coarser one implies the other",
    "R3": "constraints over different fields would send everything to one core",
    "R4": "the key depends on something that no NIC hashes",
    "R5": "what an entry is compared with stands for the entry",
}
_TRAFFIC = {
    "uniform": "all fields vary",
    "/16": "hosts inside one /16",
    "/24": "hosts inside one /24",
    "/48": "hosts inside one /48",
    "/64": "hosts inside one /64",
    "/112": "hosts inside one /112",
    "ports": "one pair of hosts, ports vary",
    "zipf": "few flows have most packets",
}
_STYLES = {"read-only": "green", "sharded": "green", "per-core": "green", "shared": "yellow"}


def show(explanation: Explanation, console: Console | None = None) -> None:
    """Print it; without colours where the output is no terminal or NO_COLOR is set."""
    console = console or Console(highlight=False)
    with console.capture() as text:
        for part in _parts(explanation):
            console.print(part, width=min(console.width, _WIDEST))
    console.file.write("".join(f"{line.rstrip()}\n" for line in text.get().splitlines()))  # rich fills lines up


def _parts(e: Explanation) -> Iterator[RenderableType]:
    arguments = f" with {' '.join(e.arguments)}" if e.arguments else ""
    yield Text.assemble(
        (f"{e.nf} on {e.nic}: ", "bold"),
        (e.strategy or "no strategy", "bold green" if e.strategy else "bold red"),
        arguments,
    )
    yield _list([f"written in {DIALECTS[e.dialect].description}", *e.why])
    yield _title("How packets flow", "of conditions in a row, the first that holds counts")
    for ports, tree in _flows(e.flows):
        yield Padding(_tree(ports, tree), (0, 0, 0, 2))
    yield _title("Packets that must meet on one core")
    yield _list([f"{c.text} [{c.rule}: {', '.join(c.objects)}]" for c in e.constraints] or [_no_constraint(e)])
    if e.conflicts:
        yield _title("Conflicts")
        yield from (_conflict(c) for c in e.conflicts)
    if e.objects:
        yield _title("State")
        yield from (_object(o) for o in e.objects)
    if e.relaxations:
        yield _title("Permitted differences from the sequential program")
        yield _list(e.relaxations)
    if e.quality:
        yield _title("How well the keys spread", "load of the fullest worker / mean; 1.00 is best")
        yield from (_quality(ports, q) for ports, q in _qualities(e.quality))
    if e.pinned or e.notes:
        yield _title("Assumptions")
        yield _list(
            [*(f"{p}; the program refuses to start otherwise" for p in e.pinned), *(f"note: {n}" for n in e.notes)]
        )
    rules = sorted(
        {
            r
            for r in (*(c.rule for c in e.constraints), *(o.rule for o in e.objects), *(c.rule for c in e.conflicts))
            if r
        }
    )
    if rules:
        yield _title("Rules")
        yield _list([f"{r}: {_RULES[r]}" for r in rules])


def _no_constraint(e: Explanation) -> str:
    if e.conflicts:
        return "none: no way to part packets keeps this state apart, so it is shared; see below"
    return "none: any core may take any packet"


def _title(text: str, remark: str = "") -> Text:
    return Text.assemble("\n", (text, "bold cyan"), (f"  ({remark})" if remark else "", "dim"))


def _list(lines: Iterable[str], indent: int = 2) -> RenderableType:
    """Lines, each with a hanging indent."""
    return Group(*(_hanging(Text(line), indent) for line in lines))


def _hanging(text: Text, indent: int) -> RenderableType:
    grid = Table.grid(padding=0)
    grid.add_column(width=indent)
    grid.add_column(overflow="fold")
    grid.add_row("", text)
    return grid


# --------------------------------------------------------------------------- the decision tree


def _flows(flows: Sequence[Flow]) -> list[tuple[str, Passage]]:
    """Ports that do the same together."""
    together: list[tuple[list[int], Passage]] = []
    for flow in flows:
        for ports, tree in together:
            if tree == flow.tree:
                ports.append(flow.port)
                break
        else:
            together.append(([flow.port], flow.tree))
    return [(_ports(ports), tree) for ports, tree in together]


def _ports(ports: Sequence[int]) -> str:
    return f"port {ports[0]}" if len(ports) == 1 else f"ports {', '.join(map(str, ports))}"


def _tree(title: str, passage: Passage) -> Tree:
    counts = occurrences(passage)
    labels: dict[tuple[Way, ...], str] = {}
    tree = Tree(_lines(Text(title, "bold"), passage), guide_style="dim")
    _grow(tree, passage, counts, labels)
    return tree


def _grow(
    tree: Tree, passage: Passage, counts: Counter[tuple[Way, ...]], labels: dict[tuple[Way, ...], str]
) -> None:  # fmt: skip
    """What is told once is not told again: it has a letter."""
    for way in passage.ways:
        head = Text(way.when)
        then = way.then
        if then.ways in labels:
            tree.add(_lines(head, then, at=labels[then.ways]))
            continue
        mark = ""
        if counts[then.ways] > 1:
            mark = labels[then.ways] = f"[{_letter(len(labels))}]"
        _grow(tree.add(_lines(head, then, mark=mark)), then, counts, labels)


def _letter(n: int) -> str:
    return chr(ord("A") + n % 26) + (str(n // 26) if n >= 26 else "")


def _lines(head: Text, passage: Passage, *, mark: str = "", at: str = "") -> Group:
    """Condition, actions, verdict; on one line where only a verdict follows.

    ``mark``: what the ways from here are called;  ``at``: what they are called where they were shown before.
    """
    if passage.verdict is not None:
        end = Text(f"-> {passage.verdict}", "bold red" if passage.verdict == "drop" else "bold green")
    else:
        end = Text(f"-> go on at {at}" if at else mark, "magenta")
    if not passage.actions and passage.decided_by is None:
        return Group(Text.assemble(head, " ", end) if end.plain else head)
    parts = [head]
    if passage.actions:
        parts.append(Text("; ".join(passage.actions), "blue"))
    if end.plain:
        parts.append(end)
    if passage.decided_by is not None and not at:
        parts.append(Text(f"decided by {passage.decided_by}:"))
    return Group(*parts)


# --------------------------------------------------------------------------- the rest


def _object(o: ObjectText) -> RenderableType:
    size = f", {o.capacity} entries" if o.capacity is not None else ""
    rule = f" by {o.rule}" if o.rule else ""
    head = Text.assemble(
        (o.name, "bold"), f" ({o.kind}{size}): ", (f"{o.treatment}{rule}", _STYLES.get(o.treatment, ""))
    )
    lines = [o.reason, *([f"to shard it: {o.remedy}"] if o.remedy else [])]
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=4)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold", style="dim")
    by_port: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for a in o.accesses:
        by_port.setdefault((a.what, a.locations), []).append(a.port)
    for (what, locations), ports in by_port.items():
        grid.add_row("", _ports(ports), Text(what), Text("\n".join(locations)))
    return Group(_hanging(head, 2), _list(lines, 6), grid)


def _conflict(c: Conflict) -> RenderableType:
    rule = f" [{c.rule}]" if c.rule else ""
    lines = [*(f"at {place}" for place in c.locations)] + ([f"to lift it: {c.remedy}"] if c.remedy else [])
    return Group(_hanging(Text(c.text + rule, "yellow"), 2), _list(lines, 6))


def _qualities(quality: Sequence[Quality]) -> list[tuple[str, Quality]]:
    """Ports that spread alike together."""
    together: list[tuple[list[int], Quality]] = []
    for q in quality:
        for ports, other in together:
            if (q.nic, q.index_bits, q.balance, q.balance6, q.table_size) == (
                other.nic,
                other.index_bits,
                other.balance,
                other.balance6,
                other.table_size,
            ):
                ports.append(q.port)
                break
        else:
            together.append(([q.port], q))
    return [(_ports(ports), q) for ports, q in together]


def _quality(ports: str, q: Quality) -> RenderableType:
    bits = ", ".join(f"{field} {n}" for field, n in q.index_bits.items()) or "none"
    index = q.table_size.bit_length() - 1
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    table.add_column("      workers", no_wrap=True)
    counts = [n for n in _WORKERS if any(n in by for by in q.balance.values())]
    for n in counts:
        table.add_column(n, justify="right")
    for family, balance in (("", q.balance), ("IPv6: ", q.balance6)):
        for traffic, name in _TRAFFIC.items():
            by = balance.get(traffic, {})
            if by:
                table.add_row(f"      {family}{name}", *(f"{by[n]:.2f}" if n in by else "" for n in counts))
    head = (
        f"{ports}: index bits that each field decides, of {index}: {bits}; key bits free to choose: {q.free_key_bits}"
    )
    return Group(_hanging(Text(head), 2), table)
