"""Whether ``certificate.json`` is what was written, and about the plan and the generated C that lie beside it."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from maestro_tool import canonical
from maestro_tool.certificate.c_data import CError, read
from maestro_tool.certificate.program import of_program
from maestro_tool.certificate.read import SCHEMA, Certificate, Event, is_of_element, touches
from maestro_tool.certificate.relaxations import relaxations, wrongly_shown
from maestro_tool.certificate.steering import NAMED, as_named, kinds_of_bytes


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
    program = f"gen/{document['nf']}_parallel.c"
    digests = document["digests"]
    if not {"plan.json", program} <= digests.keys() or not all(map(_is_of_the_build, digests)):
        raise ValueError("digests of other files")
    contents = {name: _read(folder, name) for name in digests}
    for name, content in contents.items():
        if digests[name] != hashlib.sha256(content).hexdigest():
            raise BindingError("mismatch", f"{name} is not the one that was certified")
    certificate, plan = Certificate(document), json.loads(contents["plan.json"])
    texts = {name: content.decode("utf-8", "surrogateescape") for name, content in contents.items()}
    sources = {name: text for name, text in texts.items() if name not in ("plan.json", program)}
    try:
        items = read(texts[program])
        found = [*_of_plan(plan, certificate), *of_program(items, certificate, plan, sources)]
    except CError as error:
        raise BindingError("mismatch", f"{program}: {error}") from error
    for what, theirs, mine in found:
        if theirs != mine:
            raise BindingError("mismatch", f"{what} is not that of the certificate")


def _is_of_the_build(name: str) -> bool:
    path = PurePosixPath(name)
    return name == "plan.json" or (str(path) == name and path.parts[0] == "gen" and ".." not in path.parts)


def _of_plan(plan: dict[str, Any], c: Certificate) -> Iterator[tuple[str, Any, Any]]:
    """(what, as the plan says it, as the certificate does)."""
    yield "plan.json: the NF", (plan["nf"], plan["n_ports"]), (c.document["nf"], len(c.ports))
    yield "plan.json: the strategy", plan["strategy"], c.document["strategy"]
    yield (
        "plan.json: constraints",
        [{m: said[m] for m in ("ports", "equal", "classes", "rule", "objects")} for said in plan["constraints"]],
        c.document["constraints"],
    )
    yield "plan.json: relaxations", [(r["kind"], r["object"]) for r in plan["relaxations"]], relaxations(c)
    yield "plan.json: what is shown of indices", wrongly_shown(plan, c), []
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
            name: [NAMED.get(f, f) for f in fields] for name, fields in theirs.get("software_bytes", {}).items()
        }
        yield f"{what}software_bytes", of_bytes, dict(kinds_of_bytes(mine))
        hashed = {name: as_named(inputs[0]) for name, (how, *inputs) in mine["classes"].items() if how == "nic"}
        yield f"{what}hashed", {name: theirs["hashed"][name] for name in hashed}, hashed


def _as_called(c: Certificate, e: Event) -> tuple[str, list[int]]:
    """What the NF does to which of its objects: an event may be about a part of a double map."""
    first = c.objects[e["objects"][0]] if e["objects"] else {"kind": ""}
    if e["op"] == "expire_pairs":
        return "dmap_expire", list(e["objects"][:2])
    if "of" in first:
        number, n = map(int, first["of"])
        return ("dmap_get_b" if n else "dmap_get_a", [number]) if e["op"] == "map_get" else ("", [])
    if first["kind"] == "dmap" and is_of_element(e):
        return "dmap_put" if any(writes for _, writes in touches(e)) else "dmap_read", list(e["objects"])
    return e["op"], list(dict.fromkeys(e["objects"]))
