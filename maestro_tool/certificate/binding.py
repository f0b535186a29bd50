"""Whether ``certificate.json`` is what was written, and about the plan and the generated C that lie beside it."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from maestro_tool import canonical
from maestro_tool.certificate.read import SCHEMA, Certificate, Event
from maestro_tool.smtlib.frames import CLASSES, place

_KEY: Final = re.compile(r"static const uint8_t key_(\d+)\[\] = \{([^}]*)\};")
_GROUPS: Final = re.compile(r"static const uint16_t groups\[\] = \{([^}]*)\};")
_OBJECT: Final = re.compile(
    r'\{ \.name = "(?:[^"\\]|\\.)*"(?:\s*"(?:[^"\\]|\\.)*")*, \.kind = MAESTRO_(\w+), \.treatment = MAESTRO_(\w+), '
    r"\.split = (\w+),\s+\.ranged = (\w+), \.guarded = (\w+), \.ages_per_worker = (\w+),"
)
_BYTE_INPUTS: Final = re.compile(r"static const struct maestro_byte_input byte_inputs_(\d+)\[\] = \{\n((?:.*\n)*?)\};")
_PAIRS: Final = r"\{0\}|\{\d+, \{(?:\{\d+, (?:\d+|0x[0-9a-f]{2})\}(?:, )?)*\}\}"
_BYTE_INPUT: Final = re.compile(rf" {{4}}\{{ MAESTRO_(\w+), (\d+), ({_PAIRS}), ({_PAIRS}) \}},")
#: Behind the last view of each port.
_BYTES_OF_PORT: Final = re.compile(
    r"\.l3v6 = \{.*\},\n(?: +\.byte_inputs = byte_inputs_(\d+),\n +\.n_byte_inputs = (\d+),\n)? +\},"
)
#: Bytes that have names in plan.json.
_NAMED: Final = {"dst_mac": "frame[0..5]", "src_mac": "frame[6..11]", "ether_type": "frame[12..13]"}
_PORT: Final = {
    "table_size": re.compile(r"\.table_size = (\d+),"),
    "function": re.compile(r"\.function = MAESTRO_(\w+),"),
    "software": re.compile(r"\.software_classes = (0x[0-9a-f]+),"),
    **{view: re.compile(rf"\.{view} = (\{{.*\}}),\n") for view in ("l4", "l3", "l4v6", "l3v6")},
}


class BindingError(Exception):
    """``kind``: ``missing``, ``damaged``, or ``mismatch`` (files that do not belong together)."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind, self.text = kind, text


def load(folder: Path) -> dict[str, Any]:
    """The certificate of a build, which is that of the files beside it; `BindingError` if it is not."""
    text = _read(folder, "certificate.json")
    try:
        value = json.loads(text)
        document = value["certificate"]
        if value["schema"] != SCHEMA:
            raise BindingError("damaged", f"its schema is not {SCHEMA}: build it again")
        sealed = hashlib.sha256(canonical.compact(document).encode()).hexdigest() == value["digest"]
        if not sealed or text != (canonical.compact(value) + "\n").encode():
            raise BindingError("damaged", "certificate.json is not as it was written")
        _check_files(folder, document)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
        raise BindingError("damaged", f"certificate.json is none: {type(error).__name__}: {error}") from error
    return dict(document)


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise BindingError("missing", f"cannot read {folder / name}: {error.strerror}") from error


def _check_files(folder: Path, document: dict[str, Any]) -> None:
    if re.fullmatch(r"[A-Za-z_]\w*", document["nf"], re.ASCII) is None:
        raise ValueError("no name of an NF")
    plan, program = "plan.json", f"gen/{document['nf']}_parallel.c"
    contents = {name: _read(folder, name) for name in (plan, program)}
    if document["digests"] != {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}:
        raise BindingError("mismatch", f"{plan} or {program} is not the one that was certified")
    certificate = Certificate(document)
    found = (*_of_plan(json.loads(contents[plan]), certificate), *_of_program(contents[program].decode(), certificate))
    for what, theirs, mine in found:
        if theirs != mine:
            raise BindingError("mismatch", f"{what} is not that of the certificate")


def _of_plan(plan: dict[str, Any], c: Certificate) -> Iterator[tuple[str, Any, Any]]:
    """(what, as the plan says it, as the certificate does)."""
    yield "plan.json: the NF", (plan["nf"], plan["n_ports"]), (c.document["nf"], len(c.ports))
    yield "plan.json: the strategy", plan["strategy"], c.document["strategy"]
    written = {o for _, _, e in c.events() for o, _, writes in c.accesses(e) if writes}
    members = ("name", "kind", "treatment", "split", "ranged")
    yield (
        "plan.json: objects",
        [[*(o[m] for m in members), o["written"]] for o in plan["objects"]],
        [[*(o[m] for m in members), n in written] for n, o in enumerate(c.objects) if "of" not in o],
    )
    accesses: list[Counter[tuple[str, str]]] = [Counter() for _ in plan["objects"]]
    for _, _, e in c.events():
        op, objects = _as_called(c, e)
        for n in objects:
            accesses[n][op, e["location"]] += 1
    for n, o in enumerate(plan["objects"]):
        theirs = {(a["operation"], a["location"]): a["times"] for a in o["accesses"]}
        yield f"plan.json: accesses to {o['name']}", theirs, accesses[n]
    touching: list[list[int]] = [[] for _ in c.objects]
    for number, e in enumerate(c.document["events"]):
        for obj in e["objects"]:
            touching[obj].append(number)
    yield "certificate.json: accesses", c.document["accesses"], touching
    used = sorted({e for p in (*c.document["paths"], *c.document["left_out"]) for e in p["events"]})
    yield "certificate.json: events", used, list(range(len(c.document["events"])))
    for n, (theirs, mine) in enumerate(zip(plan["ports"], c.ports, strict=True)):
        what = f"plan.json: port {n}: "
        yield f"{what}key, function", [theirs["key"], theirs["function"]], [mine["key"], mine["function"]]
        yield f"{what}table", plan["groups"] or list(range(theirs["table_size"])), mine["parts"]
        yield f"{what}table", theirs["table_size"], len(mine["parts"])
        yield f"{what}steering", theirs["steering"], {name: how for name, (how, *_) in mine["classes"].items()}
        yield f"{what}software_input", theirs["software_input"], mine["software"]
        of_bytes = {
            name: [_NAMED.get(f, f) for f in fields] for name, fields in theirs.get("software_bytes", {}).items()
        }
        yield f"{what}software_bytes", of_bytes, dict(_of_bytes(mine))
        hashed = {name: _as_named(inputs[0]) for name, (how, *inputs) in mine["classes"].items() if how == "nic"}
        yield f"{what}hashed", {name: theirs["hashed"][name] for name in hashed}, hashed


def _as_called(c: Certificate, e: Event) -> tuple[str, list[int]]:
    """What the NF does to which of its objects: an event may be about a part of a double map."""
    first = c.objects[e["objects"][0]] if e["objects"] else {"kind": ""}
    if e["op"] == "expire_pairs":
        return "dmap_expire", list(e["objects"][:2])
    if "of" in first:
        number, n = map(int, first["of"])
        return ("dmap_get_b" if n else "dmap_get_a", [number]) if e["op"] == "map_get" else ("", [])
    if first["kind"] == "dmap" and e["op"].startswith("vector_"):
        return "dmap_read" if e["op"] == "vector_read" else "dmap_put", list(e["objects"])
    return e["op"], list(dict.fromkeys(e["objects"]))


def _of_bytes(port: dict[str, Any]) -> list[tuple[str, list[str]]]:
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


def _as_named(items: list[str]) -> list[str]:
    """Fields as profiles call them: ports have one name, be it IPv4 or IPv6."""
    return [i.lstrip("?").replace("port6", "port") for i in items]


def _of_program(text: str, c: Certificate) -> Iterator[tuple[str, Any, Any]]:
    """(what, as the generated C says it, as the certificate does)."""
    members = ("kind", "treatment", "split", "ranged", "guarded", "ages_per_worker")
    said = [tuple(x.lower().replace("_", "-") for x in found) for found in _OBJECT.findall(text)]
    yield (
        "the program: objects",
        said,
        [
            tuple(str(o[m]).lower().replace("_", "-") for m in members)
            for o in c.objects
            if o["kind"] != "global" and "of" not in o
        ],
    )  # variables are no objects that the runtime allocates, and parts of double maps none by themselves
    keys = {int(n): bytes(int(b, 16) for b in re.findall(r"0x([0-9a-f]{2})", body)) for n, body in _KEY.findall(text)}
    yield (
        "the program: keys",
        [keys[n].hex() if n in keys else "" for n in range(len(c.ports))],
        [p["key"] if keys else "" for p in c.ports],
    )
    sizes = [int(n) for n in _PORT["table_size"].findall(text)]
    yield "the program: table sizes", sizes, [len(p["parts"]) for p in c.ports]
    groups = [[int(n) for n in body.split(",") if n.strip()] for body in _GROUPS.findall(text)]
    parts = c.ports[0]["parts"]
    yield "the program: groups", groups, [] if parts == list(range(len(parts))) else [parts]
    functions = [f.lower() for f in _PORT["function"].findall(text)]
    yield "the program: functions", functions, [p["function"] for p in c.ports]
    software = [[n for n in CLASSES if p["classes"][n][0] == "software"] for p in c.ports]
    yield (
        "the program: software_classes",
        [int(m, 16) for m in _PORT["software"].findall(text)],
        [sum(1 << CLASSES.index(n) for n in names) for names in software],
    )
    arrays = {int(n): _byte_inputs(body) for n, body in _BYTE_INPUTS.findall(text)}
    mine = [[(*_shape(name), list(map(place, items))) for name, items in _of_bytes(p)] for p in c.ports]
    yield "the program: bytes", [arrays.get(n, []) for n in range(len(c.ports))], mine
    told = [n and (int(n), int(count)) for n, count in _BYTES_OF_PORT.findall(text)]
    yield "the program: bytes", told, [(n, len(found)) if found else "" for n, found in enumerate(mine)]
    yield "the program: bytes", text.count(".byte_inputs ="), sum(map(bool, mine))
    for view in ("l4", "l3", "l4v6", "l3v6"):
        inputs = [_pairs(m) for m in _PORT[view].findall(text)]
        yield f"the program: {view}", inputs, [[place(f) for f in p["software"][view]] for p in c.ports]
    always = re.findall(r"\.always_write = (\w+),", text)
    yield "the program: always_write", always[0] if always else "false", str(c.document["always_write"]).lower()


#: A class, the least length of its frames, their bytes at offsets; offsets and lengths of what is hashed.
_ByteInput = tuple[str, int, list[tuple[int, int]], list[tuple[int, int]]]


def _shape(kind: str) -> tuple[str, int, list[tuple[int, int]]]:
    """Class, least length and bytes at offsets of a kind of frames."""
    name, _, words = kind.rstrip("]").partition("[")
    shape = words.split("; ")[-1]
    if not shape or shape.startswith("not "):
        return name, 0, []
    length, *tests = shape.split()
    asked = [(int(at), bytes.fromhex(values)) for at, _, values in (t.partition("=") for t in tests)]
    return name, int(length), [(at + n, value) for at, values in asked for n, value in enumerate(values)]


def _byte_inputs(body: str) -> list[_ByteInput]:
    """An array of the generated C; [] if it is none."""
    found = [_BYTE_INPUT.fullmatch(line) for line in body.splitlines()]
    if not all(found):
        return []
    return [(m[1].lower(), int(m[2]), _pairs(m[3]), _pairs(m[4])) for m in found if m is not None]


def _pairs(text: str) -> list[tuple[int, int]]:
    """Of ``{2, {{26, 4}, {30, 4}}}`` the pairs, which are as many as it says."""
    found = [(int(a), int(b, 0)) for a, b in re.findall(r"\{(\d+), (0x[0-9a-f]{2}|\d+)\}", text)]
    if re.match(r"\{(\d+)", text) is None or int(text[1:].partition(",")[0].rstrip("}")) != len(found):
        raise ValueError(f"it does not have as many parts as it says: {text:.80}")
    return found
