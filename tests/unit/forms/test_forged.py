"""Entries of a cache that are forged: their checksum is right, and so is each type; a string in them is not.

Which strings there are is asked of the types, so that a new field is forged, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from maestro_tool import fingerprint, forms, meaning, nf, pipeline, sharding
from maestro_tool.cache import FileCache, NoCache
from maestro_tool.nic import load_profile
from maestro_tool.packet.classes import CLASSES
from maestro_tool.rss import RssSolution, problem, solve_problem
from maestro_tool.rss.verify import check
from maestro_tool.symex import Analysis

ROOT = Path(__file__).parents[3]
EVIL = ("EVIL()", 'x"); system("id"); ("', "`id`", "a\nb", "*/ int x; /*", "evil", "", "\x1b[2J", "é", "x" * 5000)

FW = nf.load(ROOT / "nfs/fw")
REQUEST = pipeline.Request(FW.sources, FW.arguments, FW.ports, (FW.root,), (), FW.limits, FW.pure)


@cache
def honest() -> tuple[pipeline.Analysed, str, str]:
    """The analysis, its key and its text in a cache."""
    stored: dict[str, str] = {}

    class Recorder(NoCache):
        def put(self, key: str, content: bytes) -> None:
            stored[key] = content.decode()

        def reject(self, key: str, reason: str) -> None:
            raise AssertionError(reason)

    made = pipeline.analyse(REQUEST, Recorder(), pipeline.Stopwatch())
    [(key, text)] = stored.items()
    return made, key, text


def text_of(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n"


def read_again(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[bool, list[str]]:
    """Whether ``text``, under the right key and checksum, is used as the NF's analysis, and what is said of it."""
    made, key, _ = honest()
    said: list[str] = []
    store = FileCache(folder / "cache", warn=said.append)
    store.put(key, text.encode())
    marker = RuntimeError("analysed again")

    def analyse(*_: Any, **__: Any) -> None:
        raise marker

    monkeypatch.setattr(pipeline, "_load", lambda request, watch: (made.loaded, made.made_of))
    monkeypatch.setattr("maestro_tool.symex.conjecture", analyse)
    try:
        pipeline.analyse(made.request, store, pipeline.Stopwatch())
    except RuntimeError as error:
        assert error is marker
        return False, said
    return True, said


def spots(value: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(place, container, step) of each string of a JSON value, with places as `meaning.places` has them."""
    if isinstance(value, dict):
        for name, item in value.items():
            below = f"{place}.{name}".strip(".")
            if below.startswith("configuration."):
                yield "configuration.*", value, name
            elif isinstance(item, str):
                yield below, value, name
            else:
                yield from spots(item, below)
    elif isinstance(value, list):
        for n, item in enumerate(value):
            if isinstance(item, str):
                yield place, value, n
            else:
                yield from spots(item, place)


def put(place: str, evil: str) -> Callable[[Any, Any], None]:
    def change(container: Any, step: Any) -> None:
        if place == "configuration.*":
            container[evil] = container.pop(step)
        else:
            container[step] = evil

    return change


def with_example(place: str, value: Any) -> None:
    """Adds to the analysis of fw what it has no example of."""
    pointer = {"place": "config", "access": ["config", 0]}
    if place.startswith("objects.shapes"):
        doubt = {"equality": "FlowId_eq", "hash": "FlowId_hash", "field": "src_ip"}
        value["objects"][0]["shapes"] = [{"offsets": None, "equality": None, "doubt": doubt}]
    elif place.startswith("objects.pair"):
        table = value["objects"][0]
        read = {"offsets": list(range(64)), "equality": None, "doubt": None}
        table |= {"shapes": [read, read], "key_offsets": [0, 0], "pair": [table["key"][:1], table["key"][1:2]]}
    elif place == "notes.about":
        value["notes"] = [{"loc": 0, "code": "not in environment", "about": ["HOME"]}]
    elif place.startswith("left_out"):
        note = {"loc": 0, "code": "not in environment", "about": ["HOME"]}
        [event, *_] = next(p["events"] for p in value["paths"] if p["events"])
        value["left_out"] = [{"port": 0, "condition": [], "events": [event], "why": note}]
    elif place == "files.name":
        value["files"].append({"name": "expire", "digest": None, "loc": 0})
    elif place.startswith("memory_pointers"):
        value["memory_pointers"].append(pointer | {"target": ["config", 0]})
    elif place.startswith("object_pointers"):
        value["object_pointers"].append(pointer | {"object": 0})


PLACES = sorted(meaning.places(Analysis))
#: What else would be right: nothing there, a text for people.
ALLOWED = {
    "paths.events.function": {""},
    "objects.shapes.doubt.hash": {""},
    "objects.shapes.doubt.field": {""},
    "left_out.events.function": {""},
    "left_out.why.about": {e for e in EVIL if e.isprintable() and len(e) < 5000},
    "notes.about": {e for e in EVIL if e.isprintable() and len(e) < 5000},
}


def test_every_string_says_what_it_means() -> None:
    for kind in (Analysis, RssSolution, pipeline.Request):
        unknown = [place for place, what in meaning.places(kind).items() if what == meaning.UNKNOWN]
        assert not unknown, f"{kind.__name__}: annotate {unknown} with Means(...), and check it where it is read"


def test_the_honest_entry_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_again(honest()[2], tmp_path, monkeypatch) == (True, [])


@pytest.mark.parametrize("place", PLACES)
def test_a_forged_string_of_an_analysis_is_a_miss(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = json.loads(honest()[2])
    if place == "files.digest":
        document["value"][1]["files"].append({"name": "expire", "digest": "0" * 64, "loc": 0})
    elif place == "arguments":
        document["value"][1]["arguments"].append("")
    elif not any(found == place for found, _, _ in spots(document["value"][1])):
        with_example(place, document["value"][1])
    examples = [(c, s) for found, c, s in spots(document["value"][1]) if found == place]
    assert examples, f"no example of {place}: add one to with_example"
    container, step = examples[0]
    if place not in ("files.digest", "arguments"):  # else what is forged could be refused for another reason
        assert read_again(text_of(document), tmp_path / "right", monkeypatch) == (True, [])
    before = json.dumps(container)
    for n, evil in enumerate(EVIL):
        put(place, evil)(container, step)
        used, said = read_again(text_of(document), tmp_path / str(n), monkeypatch)
        if evil in ALLOWED.get(place, ()):
            assert used
        else:
            assert not used and len(said) == 1 and "is not used, and made again" in said[0], (place, evil, said)
            assert said[0].isprintable()
        restored = json.loads(before)
        container.clear()
        container.update(restored) if isinstance(container, dict) else container.extend(restored)


def test_a_forged_place_in_an_expression_is_a_miss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = json.loads(honest()[2])
    node = next(n for n in document["expressions"] if n[0] == "sym" and n[2].startswith("cfg."))
    for n, evil in enumerate(EVIL):
        node[2] = f"cfg.{evil}"
        used, said = read_again(text_of(document), tmp_path / str(n), monkeypatch)
        assert not used and len(said) == 1, evil


@pytest.mark.parametrize("change", [("ports", 3), ("arguments", ["--expire", "1"])])
def test_an_analysis_of_another_question_is_a_miss(
    change: tuple[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = json.loads(honest()[2])
    document["value"][1][change[0]] = change[1]
    used, said = read_again(text_of(document), tmp_path, monkeypatch)
    assert not used and "it is of other arguments or another number of ports" in said[0]


def test_the_analysis_of_another_question_is_a_miss_whatever_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An NF without state has no names: its analysis could be that of any program."""
    document = json.loads(honest()[2])
    document["value"][0] = document["value"][0].replace("a", "b")
    used, said = read_again(text_of(document), tmp_path, monkeypatch)
    assert not used and "it answers another question" in said[0]


def test_a_location_that_does_not_exist_is_a_miss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = json.loads(honest()[2])
    document["value"][1]["paths"][0]["loc"] = 10**9
    used, said = read_again(text_of(document), tmp_path, monkeypatch)
    assert not used and "'1000000000' is no location of this program" in said[0]


# --------------------------------------------------------------------------- solutions


@cache
def problem_and_solution() -> tuple[Any, RssSolution]:
    """One with rules, flags, notes and a set-up."""
    plan = sharding.derive_plan(honest()[0].analysis)
    found = problem(plan.constraints, load_profile(ROOT / "configs" / "e810.yaml"), 2)
    return found, solve_problem(found)


@pytest.mark.parametrize("place", sorted(meaning.places(RssSolution)))
def test_a_forged_string_of_a_solution_is_found(place: str) -> None:
    asked, solution = problem_and_solution()
    document = json.loads(forms.write(solution))
    assert check(asked, forms.read(RssSolution, text_of(document))) == []
    if not any(found == place for found, _, _ in spots(document["value"])):
        port = document["value"]["ports"][0]
        if place == "notes":
            document["value"]["notes"] = ["x"]
        else:
            port |= {"ports.balance6": {"balance6": [["uniform", 2, 1.0]]},
                     "ports.of_bytes": {"of_bytes": [["tcp4", ["src_mac"]]]},
                     "ports.rules": {"rules": [["tcp4", ["x"]]]}}[place]  # fmt: skip
    examples = [
        (c, s) for found, c, s in spots(document["value"]) if found == place and c[s] not in CLASSES
    ]  # of a rule the class is no string of its own
    for container, step in examples[:3]:
        before = container[step]
        for evil in EVIL:
            if (place, evil) == ("reason", ""):
                continue
            container[step] = evil
            try:
                found = check(asked, forms.read(RssSolution, text_of(document)))
            except ValueError:
                continue  # no form of a solution
            assert found, (place, evil)
        container[step] = before
    assert examples


def test_a_forged_set_of_groups_is_found() -> None:
    asked, solution = problem_and_solution()
    size = solution.ports[0].table_size
    for groups in ((1,) * size, (0, 2) * (size // 2), (0,) * (size - 1) + (60000,)):
        assert check(asked, replace(solution, groups=groups))


def test_a_stored_contradiction_is_not_believed(tmp_path: Path) -> None:
    """Only what can be checked comes out of a cache: not that there is no solution."""
    asked, solution = problem_and_solution()
    said: list[str] = []
    store = FileCache(tmp_path / "cache", warn=said.append)
    key = fingerprint.solution_key(asked.digest)
    store.put(key, forms.write(RssSolution(False, asked.digest, 0, reason="evil")).encode())
    plan = sharding.derive_plan(honest()[0].analysis)
    cards = (load_profile(ROOT / "configs" / "e810.yaml"),) * 2
    assert pipeline.solve(plan, cards, store, pipeline.Stopwatch()) == solution
    assert len(said) == 1 and "it says that there is no solution" in said[0]
