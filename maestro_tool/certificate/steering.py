"""What a port hashes, in the words of plan.json and in the numbers of the program."""

from __future__ import annotations

from typing import Any, Final

from maestro_tool.smtlib.frames import CLASSES, bytes_asked_for, place

#: Bytes that have names in plan.json.
NAMED: Final = {"dst_mac": "frame[0..5]", "src_mac": "frame[6..11]", "ether_type": "frame[12..13]"}


def kinds_of_bytes(port: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Kinds of frames, as plan.json calls them, and the bytes of each, where software hashes such."""
    found = []
    for name, (how, *inputs) in ((name, port["classes"][name]) for name in CLASSES):
        shapes = [items[0][3:] for items in inputs if items[0].startswith("if ")] if how == "software" else []
        words = [*shapes, ""] if how == "software" and inputs else []
        for n, shape in enumerate(words):
            said = [f"not {s}" for s in shapes[:n]] + [shape] * bool(shape)
            items = inputs[n][bool(shape) :] if n < len(inputs) else []
            found.append((f"{name}[{'; '.join(said)}]" if said else name, list(items)))
    return found


def as_named(items: list[str]) -> list[str]:
    """Fields as profiles call them: ports have one name, be it IPv4 or IPv6."""
    return [i.lstrip("?").replace("port6", "port") for i in items]


#: A class, the least length of its frames, their bytes at offsets, behind masks; offsets and lengths of what is hashed.
ByteInput = tuple[str, int, list[tuple[int, int, int]], list[tuple[int | None, int]]]


def _shape(kind: str) -> tuple[str, int, list[tuple[int, int, int]]]:
    """Class, least length and bytes at offsets, behind masks, of a kind of frames."""
    name, _, words = kind.rstrip("]").partition("[")
    shape = words.split("; ")[-1]
    if not shape or shape.startswith("not "):
        return name, 0, []
    length, *tests = shape.split()
    return name, int(length), [asked for word in tests for asked in bytes_asked_for(word)]


def inputs_of_bytes(port: dict[str, Any]) -> list[ByteInput]:
    """As the program has them."""
    return [(*_shape(name), [place(i) for i in items]) for name, items in kinds_of_bytes(port)]
