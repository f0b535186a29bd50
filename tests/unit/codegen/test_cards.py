"""What a program is told of cards that take keys, or hash, in another way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from maestro_tool import nf, pipeline
from maestro_tool.cache import NoCache
from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.nic import load_profile
from maestro_tool.nic.profile import NicProfile

ROOT = Path(__file__).parents[3]


def card(folder: Path, name: str, facts: str) -> NicProfile:
    path = folder / f"{name}.yaml"
    path.write_text(f"extends: '82599'\nname: {name}\nrss: {{{facts}}}\n")
    return load_profile(path, [ROOT / "configs"])


def test_tunnels_that_a_card_must_not_look_into(tmp_path: Path) -> None:
    """The program is told of them only where it asks the card to hash."""
    function, watch = nf.load(ROOT / "tests/dialects/state/toll"), pipeline.Stopwatch()
    found = pipeline.analyse(pipeline.Request(function.sources, include_dirs=(function.root,)), NoCache(), watch)
    for name, strategy, told in (
        ("e810", "auto", True), ("e810", "handoff", False), ("e810-comms", "auto", False), ("82599", "auto", False),
    ):  # fmt: skip
        profile = load_profile(ROOT / f"configs/{name}.yaml")
        text = pipeline.generate(found, (profile,) * 2, "toll", strategy, NoCache(), watch)["gen/toll_parallel.c"]
        assert ("blind_to_1[] = { RTE_PTYPE_TUNNEL_GTPU };" in text) == told == (".n_blind_to = 1," in text), name


def test_reversed_keys_and_initial_hashes(tmp_path: Path) -> None:
    function, watch = nf.load(ROOT / "tests/dialects/state/toll"), pipeline.Stopwatch()
    request = pipeline.Request(function.sources, include_dirs=(function.root,))
    found = pipeline.analyse(request, NoCache(), watch)
    usual = card(tmp_path, "usual", "")
    other = card(tmp_path, "other", "key_reversed: true, initial_hash: 0xFFFFFFFF")
    files = pipeline.generate(found, (usual, other), "toll", "auto", NoCache(), watch)
    text = files["gen/toll_parallel.c"]
    arrays = {
        name: re.findall(r"0x\w\w", rows) for name, rows in re.findall(r"uint8_t (key\w+)\[\] = \{(.*?)\};", text, re.S)
    }
    assert arrays["key_given_1"] == arrays["key_1"][::-1] != arrays["key_1"] and "key_given_0" not in arrays
    assert re.findall(r"\.initial_hash = (\w+),", text) == ["0x0", "0xffffffff"]
    with pytest.raises(UnsupportedError, match="hashes start with different values"):
        pipeline.generate(found, (usual, other), "toll", "auto", NoCache(), watch, full_hash=True)
