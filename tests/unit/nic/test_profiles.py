"""Profiles: the shipped ones are right in form, and each mistake is reported at its place."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from maestro_tool.cli import main
from maestro_tool.diagnostics import InputError
from maestro_tool.located_yaml import MAX_BYTES
from maestro_tool.nic import find_profiles, load_profile
from maestro_tool.nic.load import json_schema, to_json
from maestro_tool.nic.profile import Flag, NicProfile, Tunnel
from maestro_tool.profiles import aliases, plain, resolve

CONFIGS = Path(__file__).parents[3] / "configs"
ALL = sorted(p.stem for p in CONFIGS.glob("*.yaml"))

GOOD = """\
name: card
description: a test card
pmd: net_card
drivers: [net_card]
rss:
  kind: hardware
  key_length: 40
  tables: {default: 128, choices: [128]}
  max_queues: 16
  flags_advertised: [RTE_ETH_RSS_IPV4, RTE_ETH_RSS_FRAG_IPV4]
  flags_programmed: [RTE_ETH_RSS_IPV4]
  classes:
    ipv4_other: {flags: [RTE_ETH_RSS_IPV4], fields: [src_ip, dst_ip]}
sources:
  rss.key_length: made up
"""


def shipped(name: str) -> NicProfile:
    return load_profile(resolve(name, CONFIGS), [CONFIGS])


def write(folder: Path, text: str | bytes, name: str = "card") -> Path:
    path = folder / f"{name}.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("name", ALL)
def test_shipped_profile_is_valid_and_gives_sources(name: str) -> None:
    profile = shipped(name)
    assert profile.name == name and profile.sources
    if name != "soft":
        assert {"drivers", *(["rss.kind"] if profile.rss.kind == "none" else [])} <= set(profile.sources)
    for path, source in profile.sources.items():
        # What drivers do is said with the line where they do it.
        assert "drivers/" not in source or re.search(r"drivers/\S+\.[ch]:\d", source), f"{path}: {source}"
        assert "drivers/" not in source or source.startswith(("DPDK 2", "Linux ")), f"{path}: which version?"
    if profile.rss.kind == "hardware":
        needed = {"rss.key_length", "rss.tables", "rss.flags_advertised"}
        assert needed <= set(profile.sources), f"{needed - set(profile.sources)} without a source"


@pytest.mark.parametrize("name", ALL)
def test_only_software_runs_on_any_card(name: str) -> None:
    profile = shipped(name)
    assert (profile.planned_drivers == ()) == (name == "soft")
    assert profile.rss.kind != "software" or profile.drivers == ("any",)


#: Drivers that Debian does not build, for want of a library (DPDK 22.11.11 drivers/net/mana/meson.build).
NOT_IN_DEBIAN = {"net_mana"}


def test_drivers_are_those_of_dpdk() -> None:
    """What `rte_eth_dev_info.driver_name` can show is a name that some installed driver has."""
    pkg_config = shutil.which("pkg-config")
    if not pkg_config or subprocess.run([pkg_config, "--exists", "libdpdk"], check=False).returncode:
        pytest.skip("needs DPDK")
    variable = [pkg_config, "--variable=libdir", "libdpdk"]
    folder = Path(subprocess.run(variable, capture_output=True, text=True, check=True).stdout.strip()) / "dpdk"
    libraries = [p.read_bytes() for p in folder.glob("pmds-*/librte_*.so") if re.search("_(net|common)_", p.name)]
    if not libraries:
        pytest.skip("needs DPDK's drivers")
    for name in ALL:
        for driver in shipped(name).drivers:
            there = any(b"\0" + driver.encode() + b"\0" in library for library in libraries)
            left_out = driver in NOT_IN_DEBIAN and not list(folder.glob(f"pmds-*/librte_{driver}.so"))
            assert there or left_out or driver == "any", f"{name}: no driver {driver}"


def test_flags_exist_in_dpdk(tmp_path: Path) -> None:
    """Every flag and every tunnel that a profile may list is a symbol of rte_ethdev.h."""
    compiler, pkg_config = shutil.which("gcc"), shutil.which("pkg-config")
    if not compiler or not pkg_config or subprocess.run([pkg_config, "--exists", "libdpdk"], check=False).returncode:
        pytest.skip("needs a C compiler and DPDK's headers")
    flags = (*get_args(Flag), *get_args(Tunnel))
    source = tmp_path / "flags.c"
    source.write_text("#include <rte_ethdev.h>\nuint64_t flags[] = {" + ", ".join(flags) + "};\n")
    cflags = subprocess.run([pkg_config, "--cflags", "libdpdk"], capture_output=True, text=True, check=True).stdout
    subprocess.run([compiler, "-fsyntax-only", *cflags.split(), source], check=True)


def test_profile_outside_the_repository(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    assert load_profile(resolve("card", tmp_path)).rss.key_length == 40
    assert {"card", "e810", "soft"} <= set(find_profiles([CONFIGS, tmp_path, tmp_path / "missing"]))


def test_earlier_directories_win(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("name: card", "name: e810"), "e810")
    assert load_profile(find_profiles([tmp_path, CONFIGS])["e810"]).pmd == "net_card"
    assert load_profile(resolve("e810", tmp_path)).pmd == "net_card"


def test_unknown_nic_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match="unknown NIC 'e81O'") as caught:
        shipped("e81O")
    hint = caught.value.hint or ""
    assert (
        hint.startswith("did you mean e810? soft needs no card, FILE.yaml is a profile of your own") and "x710" in hint
    )


def test_aliases_name_one_profile_each_and_shadow_none() -> None:
    profiles = find_profiles([CONFIGS])
    listed = [alias for name in ALL for alias in shipped(name).aliases]
    assert {"xl710", "x520", "x540", "cx5", "i210"} <= set(listed)
    assert len(listed) == len(set(listed)) and not set(listed) & set(profiles)
    assert set(aliases(profiles)) == set(listed)
    assert shipped("xl710").name == "x710" and resolve("x520", CONFIGS) == CONFIGS / "82599.yaml"
    assert plain("cx5+x710", CONFIGS) == "connectx+x710" and plain("soft", CONFIGS) == "soft"


def test_a_users_profile_wins_over_an_alias(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("name: card", "name: xl710"), "xl710")
    assert resolve("xl710", tmp_path) == tmp_path / "xl710.yaml" and plain("xl710", tmp_path) == "xl710"


def test_aliases_are_not_inherited_and_doubtful_ones_name_nothing(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("pmd:", "aliases: [other, twice]\npmd:"))
    write(tmp_path, "extends: card\nname: child\naliases: [twice]\n", "child")
    write(tmp_path, "aliases: [", "broken")
    assert load_profile(tmp_path / "child.yaml").aliases == ("twice",)
    assert aliases(find_profiles([tmp_path])) == {"other": "card"}
    with pytest.raises(InputError, match="unknown NIC 'othr'") as caught:
        resolve("othr", tmp_path)
    assert (caught.value.hint or "").startswith("did you mean other? ")


def test_defaults_and_json_forms(tmp_path: Path) -> None:
    profile = load_profile(write(tmp_path, GOOD))
    assert profile.rss.passed == 40 and to_json(profile)["rss"]["settable"]["key"] == "always"
    assert "rss" in json_schema()["properties"]
    with pytest.raises(Exception, match="frozen"):
        profile.rss.key_length = 52  # type: ignore[misc]


MISTAKES = [  # (change to GOOD, line, column, message)
    (("key_length: 40", "key_lenght: 40"), 7, 3, "unknown field 'rss.key_lenght'"),
    (("key_length: 40", "key_length: forty"), 7, 15, "rss.key_length: .*integer"),
    (("key_length: 40", "key_length: 4000"), 7, 15, "rss.key_length: .*128"),
    (("key_length: 40", "key_length: 40.0"), 7, 15, "rss.key_length: .*integer"),
    (("key_length: 40", "key_length: true"), 7, 15, "rss.key_length: .*integer"),
    (("key_length: 40", "key_length: 8"), 6, 3, "need a longer key"),
    (("drivers: [net_card]", "drivers: [any]"), 1, 1, "any stands alone, and only where the NIC hashes nothing"),
    (("drivers: [net_card]", "drivers: [net_card, any]"), 1, 1, "any stands alone"),
    (("drivers: [net_card]", "drivers: []"), 4, 10, "at least 1"),
    (("drivers: [net_card]", "drivers: ['net card']"), 4, 11, "drivers.0: .*pattern"),
    (("  key_length: 40\n", "  key_length: 40\n  read_back: {key: perhaps}\n"), 8, 20, "rss.read_back.key: .*boolean"),
    (
        ("  key_length: 40\n", "  key_length: 40\n  read_back: {keys: false}\n"),
        8,
        15,
        "unknown field 'rss.read_back.keys'",
    ),
    (("kind: hardware", "kind: hardwear"), 6, 9, "unknown value 'hardwear'"),
    (("ipv4_other:", "ipv4_othr:"), 13, 5, "unknown value 'ipv4_othr'"),
    (("[src_ip, dst_ip]", "[src_ip, vlan_id]"), 13, 62, "unknown value 'vlan_id'"),
    (("flags: [RTE_ETH_RSS_IPV4]", "flags: [RTE_ETH_RSS_IPV5]"), 13, 26, "unknown value 'RTE_ETH_RSS_IPV5'"),
    (("[src_ip, dst_ip]", "[src_ip, src_ip]"), 13, 17, "listed twice"),
    (("choices: [128]", "choices: [128, 100]"), 8, 11, "100 is no power of two"),
    (("default: 128", "default: 64"), 8, 11, "default 64 is not among"),
    (("flags: [RTE_ETH_RSS_IPV4]", "flags: [RTE_ETH_RSS_FRAG_IPV4]"), 6, 3, "flags_programmed does not list"),
    (("programmed: [RTE_ETH_RSS_IPV4]", "programmed: [RTE_ETH_RSS_IPV6]"), 6, 3, "flags_advertised does not"),
    (("max_queues: 16", "key_length: 48"), 9, 3, "'key_length' is given twice"),
    (("drivers: [net_card]", "drivers: [net_card"), 5, 4, "not YAML"),
    (("pmd: net_card", "pmd: !!python/object/apply:os.system [x]"), 3, 6, "os.system values are not allowed"),
    (("pmd: net_card", "pmd: !!binary aGk="), 3, 6, "binary values are not allowed"),
    (("kind: hardware", "kind: none\n  key_reversed: true"), 6, 3, "no key_reversed"),
    (("key_length: 40", "key_length: 40\n  initial_hash: -1"), 8, 17, "rss.initial_hash: .*0"),
    (("key_length: 40", "key_length: 40\n  initial_hash: 0x100000000"), 8, 17, "rss.initial_hash: .*4294967295"),
    (
        ("key_length: 40", "key_length: 40\n  blind_to: [RTE_PTYPE_TUNNEL_GTP]"),
        8,
        14,
        "unknown value 'RTE_PTYPE_TUNNEL_GTP'",
    ),
    (("kind: hardware", "kind: none\n  blind_to: [RTE_PTYPE_TUNNEL_GTPU]"), 6, 3, "kind none has no flags.*blind_to"),
    (("name: card", "name: other"), 1, 7, "name is 'other'"),
    (("rss.key_length: made up", "rss.key_len: made up"), 1, 1, "no field of a profile"),
    (("  key_length: 40\n", ""), 6, 3, "rss.key_length is missing"),
]


@pytest.mark.parametrize(("change", "line", "column", "message"), MISTAKES)
def test_mistakes_are_located(tmp_path: Path, change: tuple[str, str], line: int, column: int, message: str) -> None:
    assert change[0] in GOOD
    path = write(tmp_path, GOOD.replace(*change))
    with pytest.raises(InputError) as caught:
        load_profile(path)
    error = caught.value
    assert re.search(message, error.message)
    assert error.location is not None
    assert (error.location.file, error.location.line, error.location.column) == (str(path), line, column)
    assert path.read_text().splitlines()[line - 1] in error.render()


def test_an_unknown_flag_is_said_before_what_else_is_wrong(tmp_path: Path) -> None:
    text = GOOD.replace("key_length: 40", "key_length: forty").replace(
        "programmed: [RTE_ETH_RSS_IPV4]", "programmed: [foo]"
    )
    path = write(tmp_path, text)
    with pytest.raises(InputError, match=r"rss.flags_programmed.0: unknown value 'foo'") as caught:
        load_profile(path)
    assert "RTE_ETH_RSS_IPV4, RTE_ETH_RSS_FRAG_IPV4" in (caught.value.hint or "")
    assert caught.value.location is not None and "programmed: [foo]" in caught.value.render()


def test_did_you_mean(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_profile(write(tmp_path, GOOD.replace("key_length: 40", "key_lenght: 40")))
    assert caught.value.hint == "did you mean key_length?"


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{c}: &{c} [{', '.join(['*' + p] * 10)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"- a\n- b\n",
        b"just text",
        b"a: b: c",
        b"\tname: x",
        b"name: \x00",
        b"\xff\xfe\xff",
        b"a: &a [*a]",
        b"[" * 5000,
        b"{a: " * 3000,
        b"x: " + b"y" * (MAX_BYTES + 1),
        b"1: 2",
        b"? [a, b]\n: c",
        b"a: 2001-99-99",
        b"--- a\n--- b",
        b"*nowhere",
        BOMB.encode(),
    ],
)
def test_hostile_files_are_errors_not_tracebacks(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(InputError) as caught:
        load_profile(write(tmp_path, text))
    assert caught.value.render()


def test_missing_file_and_directory(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(InputError, match="cannot read profile"):
            load_profile(path)


# --------------------------------------------------------------------------- extends


def test_extends_merges_mappings_and_takes_away_with_null(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    child = write(
        tmp_path,
        "extends: card\nname: child\nrss:\n  key_length: 52\n  flags_programmed: []\n  classes: {ipv4_other: null}\n",
        "child",
    )
    profile = load_profile(child)
    assert (profile.name, profile.pmd, profile.rss.key_length) == ("child", "net_card", 52)
    assert profile.rss.classes == {} and profile.rss.max_queues == 16


def test_an_inherited_mistake_is_reported_in_the_parent(tmp_path: Path) -> None:
    parent = write(tmp_path, GOOD.replace("key_length: 40", "key_length: no"))
    child = write(tmp_path, "extends: card\nname: child\n", "child")
    with pytest.raises(InputError) as caught:
        load_profile(child)
    assert caught.value.location is not None
    assert (caught.value.location.file, caught.value.location.line) == (str(parent), 7)


BAD_PARENTS = [("child", "extends itself"), ("nothing", "no profile 'nothing'"), ("[1]", "name of a profile")]


@pytest.mark.parametrize(("parent", "message"), BAD_PARENTS)
def test_bad_parents(tmp_path: Path, parent: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_profile(write(tmp_path, f"extends: {parent}\nname: child\n", "child"))


def test_circles_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "extends: b\nname: a\n", "a")
    write(tmp_path, "extends: a\nname: b\n", "b")
    with pytest.raises(InputError, match="extends itself"):
        load_profile(tmp_path / "a.yaml")


def test_a_user_card_extends_a_shipped_one(tmp_path: Path) -> None:
    path = write(tmp_path, "extends: e810\nname: mine\nrss: {tables: {default: 128}}\n", "mine")
    assert load_profile(path, [CONFIGS]).rss.tables.default == 128


SELECTION = """\
extends: e810
name: mine
description: a card of mine, in a folder of mine
rss:
  flags_advertised: [RTE_ETH_RSS_IPV4, RTE_ETH_RSS_NONFRAG_IPV4_TCP, RTE_ETH_RSS_L3_DST_ONLY]
  flags_programmed: [RTE_ETH_RSS_IPV4, RTE_ETH_RSS_NONFRAG_IPV4_TCP, RTE_ETH_RSS_L3_DST_ONLY]
  classes:
    {udp4: null, sctp4: null, tcp6: null, udp6: null, sctp6: null, ipv6_other: null}
  field_selection: port
  selections:
    - {name: dst, flags: [RTE_ETH_RSS_IPV4, RTE_ETH_RSS_L3_DST_ONLY], classes: {tcp4: [dst_ip]}, placement: packed}
"""


def test_the_schema_is_published_and_describes_all_profiles(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema == json_schema()
    for name in ALL:
        profile = to_json(shipped(name))
        assert set(profile) <= set(schema["properties"])
        assert set(profile["rss"]) <= set(schema["$defs"]["RssCapability"]["properties"])


RULES = GOOD.replace(
    "sources:",
    """\
  field_selection: flow
  selections:
    - name: dst_ip
      flags: [RTE_ETH_RSS_IPV4]
      classes: {ipv4_other: [dst_ip]}
      rules: {ipv4_other: [RTE_ETH_RSS_IPV4, RTE_ETH_RSS_L3_DST_ONLY]}
sources:""",
)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("field_selection: flow", "field_selection: none", "dst_ip selects fields by flow, but field_selection is none"),
        ("field_selection: flow", "field_selection: port", "selects fields by flow, but field_selection is port"),
        ("rules: {ipv4_other:", "rules: {tcp4:", "ipv4_other has a rule or fields, but not both"),
        ("key_length: 40", "key_length: 40\n  fixed_key: 'ab'", "a fixed_key has key_length bytes"),
        ("key_length: 40", "key_length: 40\n  fixed_key: XY", "fixed_key"),
    ],
)  # fmt: skip
def test_what_a_driver_does_not_program_is_not_offered(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert load_profile(write(tmp_path, RULES)).rss.selections[0].rules
    with pytest.raises(InputError, match=message):
        load_profile(write(tmp_path, RULES.replace(old, new)))


def test_maestro_profile_checks_and_prints_a_file_of_the_user(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, SELECTION, "mine")
    assert main(["profile", str(path)]) == 0
    text = capsys.readouterr().out
    assert "instead, set-up dst: RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_L3_DST_ONLY" in text and "key of 52 bytes" in text
    assert main(["profile", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rss"]["selections"][0]["placement"] == "packed"
    write(tmp_path, SELECTION.replace("[dst_ip]", "[dst_up]"), "mine")
    assert main(["profile", str(path)]) == 1
    error = capsys.readouterr().err
    assert "mine.yaml:11:" in error and "dst_up" in error and "Traceback" not in error


def test_all_shipped_profiles_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ALL
