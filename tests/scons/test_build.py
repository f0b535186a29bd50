"""The build as a user meets it: what is built when, and what is said when it cannot be."""

from __future__ import annotations

import json
import shutil

import pytest
from scons_tree import Tree

from maestro_tool.scons import mistakes


@pytest.mark.quick
def test_builds_then_has_nothing_to_do(tree: Tree) -> None:
    result = tree.built("nf=nop", "nic=soft", "-j2", "trace=trace.json")
    assert {"ANALYSE build/analysis/nop/analysis.json", "LINK build/soft/nop/nop"} <= set(result.steps)
    assert "nop for soft: shared-nothing" in result.out
    assert "no constraint" in result.out
    assert "build/soft/nop/nop\n" in result.out
    again = tree.built("nf=nop", "nic=soft")
    assert again.steps == []
    assert again.out.splitlines() == [
        "scons: `programs' is up to date.",
        "nop for soft: shared-nothing; up to date: build/soft/nop/nop",
        "steps run: 0; from the local cache: 0; from the remote: 0",
    ]
    events = json.loads((tree.root / "trace.json").read_text())["traceEvents"]
    assert "analyse build/analysis/nop/analysis.json" in {e["name"] for e in events}
    assert any(e["name"].endswith(" build/soft/nop/nop") for e in events)
    assert len(events) >= len(result.steps) and all(e["dur"] > 0 and e["tid"] in (1, 2) for e in events)
    assert "no constraint" in tree.built("verbose=1").out
    lost = tree.run("SCons", "-Q", "nf=nop", full=True)
    assert (lost.status, lost.err) == (
        0,
        "scons: standard output: No space left on device: what was built is not shown\n",
    )


def test_comment_edit_analyses_and_links_nothing(tree: Tree) -> None:
    tree.built("-j2")
    text = (tree.root / "nfs/nop/nop_main.c").read_text()
    tree.write("nfs/nop/nop_main.c", f"/* a comment\n   on rte_udp_hdr's dgram_len */\n{text}")
    result = tree.built()
    (analysed,) = [line for line in result.out.splitlines() if line.startswith("ANALYSE")]
    assert "symex" in analysed and "(cached)" in analysed
    # Lines moved: the mirrored file is compiled again, and nothing else.
    assert [s for s in result.steps if s.startswith("CC")] == ["CC build/soft/nop/gen/nop_main.o"]


def test_change_of_meaning_analyses_again(tree: Tree) -> None:
    tree.built("-j2")
    tree.edit("nfs/nop/nop_main.c", "return device ^ 1", "return 1 - device")
    assert "(cached)" not in next(line for line in tree.built().out.splitlines() if line.startswith("ANALYSE"))


def test_matrix_analyses_once(tree: Tree) -> None:
    result = tree.built("nf=all", "nic=soft,e810", "-j2")
    assert [s for s in result.steps if s.startswith("ANALYSE")] == ["ANALYSE build/analysis/nop/analysis.json"]
    assert {"LINK build/soft/nop/nop", "LINK build/e810/nop/nop"} <= set(result.steps)
    assert "nop for e810: shared-nothing" in result.out


def test_profile_edit_analyses_nothing(tree: Tree) -> None:
    tree.built("-j2")
    tree.write("configs/soft.yaml", "# edited\n" + (tree.root / "configs/soft.yaml").read_text())
    assert tree.built().verbs() == {"GENERATE"}


def test_arguments_and_ports_reach_the_analysis(tree: Tree) -> None:
    tree.built("ports=3")
    assert json.loads((tree.root / "build/soft/nop/plan.json").read_text())["n_ports"] == 3
    assert "ANALYSE build/analysis/nop/analysis.json" in tree.built("ports=4").steps


def test_path_as_target_needs_no_variables(tree: Tree) -> None:
    assert "LINK build/e810/nop/nop" in tree.built("build/e810/nop/nop").steps


def test_clean_removes_what_was_built(tree: Tree) -> None:
    tree.built("-j2")
    tree.built("-c")
    assert tree.targets() == set()


def test_sequential_program(tree: Tree) -> None:
    assert "LINK build/sequential/nop/nop" in tree.built("nf=nop", "sequential", "-j2").steps


def test_run_replays_a_capture(tree: Tree) -> None:
    result = tree.built("nf=nop", "run", "-j2", "traffic=--flows 100 --packets 1000")
    assert "worker" in result.out
    sent = {p.name for p in (tree.root / "build/run/soft/nop").iterdir()}
    assert sent == {"port0.pcap", "port1.pcap", "run.json"}


def test_no_absolute_paths_in_artifacts(firewall: Tree) -> None:
    for name in firewall.targets():
        if name.endswith((".json", ".c", ".h")):
            assert str(firewall.root) not in (firewall.root / "build" / name).read_text(), name


@pytest.mark.quick
def test_plan_of_the_firewall(firewall: Tree) -> None:
    plan = json.loads((firewall.root / "build/soft/fw/plan.json").read_text())
    assert (plan["schema"], plan["nf"], plan["nic"]) == ("maestro-plan/1", "fw", "soft")
    assert plan["strategy"] == "shared-nothing"
    lan_wan = {"src_ip": "dst_ip", "dst_ip": "src_ip", "src_port": "dst_port", "dst_port": "src_port"}
    assert any(c["ports"] == [0, 1] and dict(c["equal"]) == lan_wan for c in plan["constraints"])
    assert all(place.startswith("nfs/fw/") for c in plan["constraints"] for place in c["locations"])
    assert [p["port"] for p in plan["ports"]] == [0, 1]
    assert all(len(bytes.fromhex(p["key"])) == p["key_length"] for p in plan["ports"])


# --------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nf=lb"], "unknown nf=lb; known: nop, all"),
        (["nic=x99"], "unknown nic=x99; soft needs no card, FILE.yaml is a profile of your own"),
        (["nfs=nop"], "unknown variable: nfs; known: CC, CFLAGS, args, cache, cache_mode, cluster, cpu, explain,"),
        (["strategy=fast"], "unknown strategy=fast; known: auto, shared-nothing"),
        (["ports=none"], "ports=none: expected a number"),
        (["workers=0", "run"], "workers=0: expected a number"),
        (["run", "traffic=nowhere"], "traffic=nowhere: no such capture or folder"),
        (["nf="], "nf= names nothing"),
    ],
)
def test_mistakes_on_the_command_line(tree: Tree, words: list[str], message: str) -> None:
    result = tree.scons(*words)
    assert result.status == 2
    assert message in result.err and 'File "' not in result.err
    assert not message.startswith("unknown nic=x99") or {"e810,", "soft,"} <= set(result.err.split())
    assert not (tree.root / "build/analysis").exists()


def test_help_explains_every_variable_and_target(tree: Tree) -> None:
    result = tree.built("-h")
    for word in ("nf:", "nic:", "strategy:", "ports:", "args:", "workers:", "traffic:", "verbose:", "run ", "bench ",
                 "sequential ", "Known: nop", " e810,", " soft,"):  # fmt: skip
        assert word in result.out, word


def test_bad_profile(tree: Tree) -> None:
    tree.write("configs/soft.yaml", "name: soft\nrss: [1\n")
    result = tree.scons()
    assert result.status == 2
    assert "configs/soft.yaml:" in result.err and "error:" in result.err
    assert "Failed:\n  build/profiles/soft.json: maestro profile failed" in result.out
    assert not any(name.startswith("soft/") for name in tree.targets())


def test_syntax_error_in_an_nf(tree: Tree) -> None:
    tree.edit("nfs/nop/nop_main.c", "return", "retrun (")
    result = tree.scons()
    assert result.status == 2
    assert "nfs/nop/nop_main.c:" in result.err and "error:" in result.err
    assert tree.targets() == set()


def test_bad_nf_yaml(tree: Tree) -> None:
    tree.write("nfs/nop/nf.yaml", "ports: many\n")
    result = tree.scons()
    assert result.status == 2
    assert "nfs/nop/nf.yaml:1:8: error: 'ports' must be a number" in result.err


def test_failure_leaves_the_last_good_result_out(tree: Tree) -> None:
    tree.built("-j2")
    tree.edit("nfs/nop/nop_main.c", "return", "retrun (")
    assert tree.scons().status == 2
    assert "analysis/nop/analysis.json" not in tree.targets()


def test_nothing_is_said_of_programs_from_before(tree: Tree) -> None:
    tree.built("-j2")
    assert "nop for" not in tree.built("nf=nop", "build/runtime").out  # not asked for
    assert "nop for" not in tree.built("build/sequential/nop/nop.h").out
    tree.edit("nfs/nop/nop_main.c", "return", "retrun (")
    failed = tree.scons("-k")
    assert failed.status == 2 and (tree.root / "build/soft/nop/nop").is_file()
    assert "nop for" not in failed.out and "maestro analyse failed" in failed.out


def test_folders_whose_names_are_no_c_names(tree: Tree) -> None:
    """The NF is called as the folder, with _ for what a C name cannot hold; by either name it may be asked for."""
    tree.write("nfs/my-fw/fw.c", "int x;\n")
    (tree.root / "nfs/empty").mkdir()
    for word in ("nf=my-fw", "nf=my_fw", "nf=nfs/my-fw", "build/soft/my_fw/plan.json", "nf=all"):
        result = tree.scons("-n", word)
        assert result.status == 0 and "build/soft/my_fw/plan.json" in result.out, (word, result.err)
    explained = tree.scons("nf=my-fw", "explain")
    assert explained.status == 2 and "the program has no nf_init()" in explained.err + explained.out
    assert "nf=empty: no C sources in nfs/empty" in tree.scons("nf=empty").err
    tree.write("nfs/my_fw/fw.c", "int x;\n")
    both = tree.scons("nf=my-fw")
    assert both.status == 2 and "nfs/my-fw and nfs/my_fw would both be called my_fw" in both.err


@pytest.mark.parametrize("name", ["nf", "string"])
def test_an_nf_may_be_called_as_a_header(tree: Tree, name: str) -> None:
    """Its own <name>.h is not taken for nf.h, or string.h."""
    shutil.copytree(tree.root / "nfs/nop", tree.root / "nfs" / name)
    tree.built(f"nf={name}")
    assert (tree.root / "build/soft" / name / name).is_file()


def test_a_folder_that_cannot_be_written(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(tree.root / "build")
    tree.write("build", "")
    result = tree.scons()
    assert (result.status, result.err) == (2, "\nscons: *** build: cannot build in this folder: File exists\n")
    # Root may write everywhere, so the system cannot be asked to refuse.
    monkeypatch.setattr("os.access", lambda path, mode: path.name != ".sconsign.dblite")
    (tree.root / "ours").mkdir()
    mistakes.folder(tree.root / "ours")
    (tree.root / "ours/.sconsign.dblite").touch()
    with pytest.raises(SystemExit):
        mistakes.folder(tree.root / "ours")


def test_keep_going_builds_the_other_and_lists_failures(tree: Tree) -> None:
    tree.write("nfs/broken/broken.c", "int nf_process( {\n")
    result = tree.scons("-k", "-j2", "nf=all")
    assert result.status == 2
    assert "nop for soft: shared-nothing" in result.out
    assert "build/analysis/broken/analysis.json: maestro analyse failed" in result.out


def test_missing_dpdk_says_what_to_install(tree: Tree) -> None:
    result = tree.scons(PKG_CONFIG_LIBDIR="/nonexistent", PKG_CONFIG_PATH="")
    assert result.status == 2
    assert "apt-get install libdpdk-dev" in result.err


def test_missing_python_package_says_what_to_install(tree: Tree) -> None:
    hide = (
        "from importlib import util; find = util.find_spec\n"
        "util.find_spec = lambda name, package=None: None if name == 'pycparser' else find(name, package)\n"
    )
    tree.edit("SConstruct", "DefaultEnvironment(", f"{hide}DefaultEnvironment(")
    result = tree.scons()
    assert result.status == 2
    assert "pip install" in result.err and "pycparser" in result.err
