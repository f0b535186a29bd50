"""The JSON forms of artifacts: what was written is read; anything else is refused, or is another value's one form."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_tool import forms, pipeline, sharding
from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import FALSE, TRUE, const, eq, sym, zext
from maestro_tool.expr.symbols import Produced, memory_byte, packet_byte
from maestro_tool.frontend import load_program
from maestro_tool.nic import load_profile
from maestro_tool.rss import RssSolution, solve
from maestro_tool.sharding.plan import ShardingPlan
from maestro_tool.symex import Analysis, analyse
from maestro_tool.symex.callpath import CallPath, Event, KeyField, KeyShape, PinnedFile

ROOT = Path(__file__).parents[3]
NFS = sorted(p.name for p in (ROOT / "nfs").iterdir() if any(p.rglob("*.c")))


@dataclass(frozen=True)
class Artifact:
    kind: Any
    value: Any

    @property
    def text(self) -> str:
        return forms.write(self.value)


@cache
def analysis_of(nf: str) -> Analysis:
    folder = ROOT / "nfs" / nf
    return analyse(load_program(sorted(folder.rglob("*.c")), [folder], []))


@cache
def artifacts(nf: str) -> tuple[Artifact, ...]:
    """All that is made of an NF for one card."""
    analysis = analysis_of(nf)
    plan = sharding.derive_plan(analysis)
    request = pipeline.Request((Path("a.c"),), ("--x", "1"), 3, (Path("i"),), ("D=1",), (("forks", 5),), ("f",))
    solution = solve(plan.constraints, load_profile(ROOT / "configs" / "e810.yaml"), 2)
    return (
        Artifact(Analysis, analysis), Artifact(ShardingPlan, plan), Artifact(RssSolution, solution),
        Artifact(pipeline.Request, request),
    )  # fmt: skip


@pytest.mark.parametrize("nf", NFS)
def test_what_is_written_is_read(nf: str) -> None:
    for made in artifacts(nf):
        assert forms.read(made.kind, made.text) == made.value
        assert dumps(json.loads(made.text)) == made.text  # so that damage below is damage, not another way to write it


def dumps(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n"


# --------------------------------------------------------------------------- damage

Place = tuple[str | int, ...]


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, below in items:
        yield from places(below, (*place, step))


def damaged(document: Any, place: Place, change: Callable[[Any, str | int], None]) -> str:
    document = json.loads(json.dumps(document))
    container = document
    for step in place[:-1]:
        container = container[step]
    change(container, place[-1])
    return dumps(document)


def drop(container: Any, step: str | int) -> None:
    del container[step]


def duplicate(container: Any, step: str | int) -> None:
    if isinstance(container, list):
        assert isinstance(step, int)
        container.insert(step, container[step])
    else:
        container[f"{step}|again"] = container[step]  # a name that is there twice: see `again`


def again(text: str) -> str:
    return text.replace('|again"', '"')


def put(value: Any) -> Callable[[Any, str | int], None]:
    def change(container: Any, step: str | int) -> None:
        container[step] = value

    return change


def off_by(n: int) -> Callable[[Any, str | int], None]:
    def change(container: Any, step: str | int) -> None:
        container[step] = container[step] + n if type(container[step]) is int else n

    return change


JUNK: tuple[Any, ...] = (
    None,
    True,
    False,
    -1,
    0,
    1,
    2**31,
    2**64,
    2**200,
    1.5,
    "",
    "junk",
    "map",
    [],
    [0],
    [[0]],
    {},
    {"a": 1},
)
CHANGES = (drop, duplicate, off_by(1), off_by(-1), *map(put, JUNK))


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_damage_is_refused_or_another_value(data: st.DataObject) -> None:
    """The only exception is ValueError, and no two texts are one value."""
    made = data.draw(st.sampled_from(artifacts("fw")), "artifact")
    document = json.loads(made.text)
    where = data.draw(st.sampled_from([p for p in places(document) if p]), "place")
    text = again(damaged(document, where, data.draw(st.sampled_from(CHANGES), "change")))
    try:
        value = forms.read(made.kind, text)
    except ValueError:
        assert text != made.text
        return
    assert (value == made.value) == (text == made.text)
    assert forms.write(value) == text


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_members_are_there_once(data: st.DataObject) -> None:
    made = data.draw(st.sampled_from(artifacts("fw")), "artifact")
    document = json.loads(made.text)
    where = data.draw(st.sampled_from([p for p in places(document) if p and isinstance(p[-1], str)]), "place")
    open_ended = where[-2:-1] == ("configuration",)  # a table by name: any of its entries may be missing
    for change in (duplicate,) if open_ended else (duplicate, drop):
        with pytest.raises(ValueError):
            forms.read(made.kind, again(damaged(document, where, change)))


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", "{}", "[" * 100_000, '{"schema":"maestro-form/1"}', "\ud800", '{"schema":"\\ud800"}'],
    ids=["empty", "cut", "null", "list", "object", "deep", "nothing", "surrogate", "escaped-surrogate"],
)
def test_what_is_no_document_is_refused(text: str) -> None:
    for made in artifacts("fw"):
        with pytest.raises(ValueError):
            forms.read(made.kind, text)


def test_another_way_to_write_it_is_refused() -> None:
    for made in artifacts("fw"):
        for text in (
            made.text[:-1],
            made.text + " ",
            made.text.replace(":", ": ", 1),
            made.text.replace("/1", "/2", 1),
        ):
            with pytest.raises(ValueError):
                forms.read(made.kind, text)
    with pytest.raises(ValueError):
        forms.read(Analysis, forms.write(analysis_of("fw"), "maestro-x/1"))


def test_an_unused_expression_is_refused() -> None:
    document = json.loads(artifacts("fw")[0].text)
    document["expressions"].append(["const", 8, 77])
    with pytest.raises(ValueError):
        forms.read(Analysis, dumps(document))


# --------------------------------------------------------------------------- what is between fields


def with_paths(change: Callable[[CallPath], CallPath]) -> Analysis:
    found = analysis_of("fw")
    return replace(found, paths=tuple(map(change, found.paths)))


def with_events(op: str, **members: Any) -> Analysis:
    def change(e: Event) -> Event:
        return replace(e, **members) if e.op.name == op else e

    return with_paths(lambda p: replace(p, events=tuple(map(change, p.events))))


def with_object(number: int, **members: Any) -> Analysis:
    found = analysis_of("fw")
    return replace(found, objects=tuple(replace(o, **members) if o.id == number else o for o in found.objects))


def with_raw_keys(*raw: Expr) -> Analysis:
    """As if the map's equality read bytes 0 and 4."""

    def change(e: Event) -> Event:
        return replace(e, key=None, raw=raw) if "raw" in e.op.operands else e

    found = with_object(0, key=None, shapes=(KeyShape((0, 4)),))
    return replace(found, paths=tuple(replace(p, events=tuple(map(change, p.events))) for p in found.paths))


def test_keys_that_are_only_bytes() -> None:
    found = with_raw_keys(packet_byte(0), packet_byte(4))
    assert forms.read(Analysis, forms.write(found)) == found


BYTE = packet_byte(0)
FIELD = KeyField("a", 0, 2)

#: Objects of fw: 0 is a map, 1 a vector, 2 an allocator.
WRONG = {
    "objects are not numbered": lambda: with_object(1, id=2),
    "keys that lie in something else": lambda: with_object(0, key_vectors=(2,)),
    "keys that lie in something else ": lambda: with_object(0, key_vectors=(3,)),
    "does not lie in its bytes": lambda: with_object(0, key=(replace(FIELD, size=0),)),
    "does not lie in its bytes ": lambda: with_object(0, key=(replace(FIELD, offset=1 << 20),)),
    "does not lie in its bytes  ": lambda: with_object(0, key=(replace(FIELD, bits=(8, 1)),)),
    "does not lie in its bytes   ": lambda: with_object(0, key=(replace(FIELD, bits=(1, 16)),)),
    "a port that does not exist": lambda: with_paths(lambda p: replace(p, port=2)),
    "do not fit their path's condition": lambda: with_events("map_get", condition_length=99),
    "do not fit their path's condition ": lambda: with_events("expire", condition_length=3),
    "no operation map_get on such objects": lambda: with_events("map_get", objects=(1,)),
    "no operation map_get on such objects ": lambda: with_events("map_get", objects=(3,)),
    "no operation map_get on such objects  ": lambda: with_events("map_get", objects=(0, 0)),
    "expire with a result": lambda: with_events("expire", result=True),
    "map_get with index": lambda: with_events("map_get", index=zext(BYTE, 32)),
    "map_get with stored": lambda: with_events("map_get", stored=((0, BYTE),)),
    "expire without value": lambda: with_events("expire", value=None),
    "vector_write without span": lambda: with_events("vector_write", span=None),
    "map_get with a function": lambda: with_events("map_get", function="f"),
    "key's home": lambda: with_events("map_put", key_home=(2, zext(BYTE, 32))),
    "key's home ": lambda: with_events("map_put", key_home=(3, zext(BYTE, 32))),
    "key's home  ": lambda: with_events("map_put", key_home=(1, BYTE)),
    "a key that is not one of its object": lambda: with_events("map_get", key=None),
    "a key that is not one of its object ": lambda: with_events("map_get", key=(BYTE,)),
    "a key of which bytes are missing": lambda: with_raw_keys(),
    "a key of which bytes are missing ": lambda: with_raw_keys(BYTE),
    "a key of which bytes are missing  ": lambda: with_raw_keys(BYTE, zext(BYTE, 16)),
    "no event produces map_get.9.value": lambda: with_events("expire", value=sym(Produced("map_get", 9, "value"), 64)),
    "no event produces expire.0.nothing": lambda: with_events("expire", value=sym(Produced("expire", 0, "nothing"), 64)),
    "no event produces map_get.1.value": lambda: with_events("expire", value=sym(Produced("map_get", 1, "value"), 64)),
    "a.0 is no symbol of a path": lambda: with_events("expire", value=zext(memory_byte("a", 0), 64)),
    "a.pkt.0 is no symbol of a path": lambda: with_events("expire", value=zext(packet_byte(0, "a"), 64)),
    "not a name and offsets": lambda: replace(
        analysis_of("fw"), pinned=(replace(analysis_of("fw").pinned[0], access=(1,)),)),
    "not a name and offsets ": lambda: replace(
        analysis_of("fw"), pinned=(replace(analysis_of("fw").pinned[0], access=("a", "b")),)),
    "no SHA-256": lambda: replace(analysis_of("fw"), files=(PinnedFile("f", "A" * 64, 0),)),
    "32 bits where 0 are needed": lambda: with_paths(lambda p: replace(p, condition=(zext(BYTE, 32),))),
    "0 bits where 8 are needed": lambda: with_paths(lambda p: replace(p, packet_writes=((0, TRUE),))),
    "8 bits where 16 are needed": lambda: with_paths(lambda p: replace(p, verdict=BYTE)),
    "greater than or equal to 0": lambda: with_paths(lambda p: replace(p, loc=-1)),
}  # fmt: skip


@pytest.mark.parametrize("message", WRONG)
def test_what_does_not_fit_is_refused(message: str) -> None:
    """It can be written, for types are right; who reads it is told what is wrong."""
    text = forms.write(WRONG[message]())
    with pytest.raises(ValueError, match=message.strip().replace(".", r"\.")):
        forms.read(Analysis, text)


def test_verdicts_of_all_kinds() -> None:
    for verdict in (0, 65_535, "drop", "flood", zext(BYTE, 16), const(3, 16)):
        found = with_paths(lambda p, v=verdict: replace(p, condition=(), events=(), packet_writes=(), verdict=v))  # type: ignore[misc]
        assert forms.read(Analysis, forms.write(found)) == found


@pytest.mark.parametrize("relation", [FALSE, eq(packet_byte(30, "a"), packet_byte(26, "b"))], ids=str)
def test_relations_of_plans(relation: Any) -> None:
    plan = artifacts("fw")[1].value
    related = replace(plan, constraints=(replace(plan.constraints[0], equal=(), relation=relation),))
    assert forms.read(ShardingPlan, forms.write(related)) == related


@pytest.mark.parametrize(
    ("old", "new"),
    [('"rule":"R1"', '"rule":"R6"'), ('"treatment":"sharded"', '"treatment":"split"'), ('"tcp4"', '"tcp5"'),
     ('"src_ip"', '"source"'), ('"high":31', '"high":32'), ('"low":0', '"low":32'), ('"because":"', '"because":"not '),
     ('"kind":"capacity-split"', '"kind":"capacity"')],
)  # fmt: skip
def test_unknown_words_in_plans_are_refused(old: str, new: str) -> None:
    text = artifacts("fw")[1].text
    assert old in text
    with pytest.raises(ValueError):
        forms.read(ShardingPlan, text.replace(old, new, 1))


def test_pydantic_is_not_loaded_before_json_is() -> None:
    modules = (
        "maestro_tool.cli, maestro_tool.cli.build, maestro_tool.pipeline, maestro_tool.symex, maestro_tool.sharding"
    )
    code = f"import sys, {modules}, maestro_tool.frontend; assert 'pydantic' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
