"""Call paths as text, for people and for tests."""

from __future__ import annotations

from maestro_tool.expr import Expr
from maestro_tool.expr.text import show
from maestro_tool.symex.callpath import Analysis, CallPath, Event, KeyField, StateObject


def show_analysis(analysis: Analysis) -> str:
    """Objects, pinned numbers, then every path: conditions, operations, packet writes, verdict."""
    lines = [_object(o) for o in analysis.objects]
    lines += [f"pinned {p.place} = {p.value}" for p in analysis.pinned]
    lines += [f"cfg.{name} is {value} in this run" for name, value in sorted(analysis.configuration.items())]
    lines += [f"note: {note.words}" for note in analysis.notes]
    for number, path in enumerate(analysis.paths):
        lines.append("")
        lines.append(f"path {number}, port {path.port}:")
        lines += [f"  {line}" for line in show_path(path, analysis.objects)]
    return "\n".join(lines) + "\n"


def show_path(path: CallPath, objects: tuple[StateObject, ...]) -> list[str]:
    """Lines of one path; conditions stand where they come to hold."""
    lines: list[str] = []
    shown = 0
    for n, event in enumerate(path.events):
        lines += [f"if {show(c)}" for c in path.condition[shown : event.condition_length]]
        shown = max(shown, event.condition_length)
        lines.append(_event(n, event, objects))
    lines += [f"if {show(c)}" for c in path.condition[shown:]]
    lines += [f"pkt[{offset}] = {show(e)}" for offset, e in path.packet_writes]
    verdict = show(path.verdict) if isinstance(path.verdict, Expr) else path.verdict
    lines.append(verdict if isinstance(verdict, str) and not isinstance(path.verdict, Expr) else f"send to {verdict}")
    return lines


def _object(o: StateObject) -> str:
    text = f"{o.kind} {o.id} {o.name}"
    if o.capacity is not None:
        text += f", capacity {o.capacity}"
    if o.element_size is not None:
        text += f", {o.element_size} bytes each"
    if o.kind == "map":
        fields = "unknown" if o.key is None else ", ".join(map(_key_field, o.key))
        text += f", key ({fields})"
    return text


def _key_field(f: KeyField) -> str:
    bits = "" if f.bits is None else f", bits {f.bits[0]}..{sum(f.bits) - 1}"
    if f.computed is not None:
        bits = f": {show(f.computed)}"
    return f"{f.name}@{f.offset}+{f.size}{bits}"


def _event(n: int, event: Event, objects: tuple[StateObject, ...]) -> str:
    names = ", ".join(objects[i].name for i in event.objects)
    parts = [f"{n}: {event.op.name} {names or event.function}".rstrip()]
    if event.index is not None:
        parts.append(f"[{show(event.index)}]")
    for operand in ("key", "raw", "operands"):
        if given := event.expressions(operand):
            parts.append(f"{operand} ({', '.join(map(show, given))})")
    if event.span is not None and not event.stored:
        parts.append(f"bytes {event.span[0]}..{event.span[1] - 1}")
    parts += [f"{offset}+{e.width // 8} := {show(e)}" for offset, e in event.stored]
    if event.value is not None:
        parts.append(f"value {show(event.value)}")
    if event.result is not None:
        parts.append("-> yes" if event.result else "-> no")
    return " ".join(parts)
