"""Hostile names and arguments: they arrive in commands as they are, or are refused in one line; no shell runs them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from SCons.Action import Action
from SCons.Environment import Base as Environment
from SCons.Errors import UserError
from SCons.Subst import Literal
from scons_tree import Tree

from maestro_tool.scons import builders, words

#: What a shell, SCons, make or a compiler could take for something else.
PARTS = (
    "`touch marker`", "$(touch marker)", "$SOURCE", "${TARGET.dir}", "$$", "$(", "$)", "$HOME", "${__import__('os')}",
    "a b", " ", "\t", "\n", "\r", "'", '"', "\\", '\\"', "-x", "--arg", "-o", "@file", "#", "%s", "%", "~", "*", "?",
    "[ab]", "{a,b}", ";", "&&", "|", ">out", "<in", "!", "^", "(", ")", "=", ":", ",", "+", "é", "\u4e2d\u6587",
    "\u202e", "\udcff", "x", ".c", "..",
)  # fmt: skip
HOSTILE = st.lists(st.sampled_from(PARTS) | st.text(max_size=3), min_size=1, max_size=4).map("".join)


def encodable(text: str) -> bool:
    """Whether it can be a word of a command: without NUL, and of no lone surrogates but those of bytes."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


class Recorder:
    """A program that writes down the words it gets."""

    def __init__(self, folder: Path) -> None:
        self.record, self.program = folder / "record", folder / "program"
        # Without a shell around it, this one sees what it is given.
        self.program.write_text(f"#!/bin/sh\nprintf '%s\\0' \"$@\" >{self.record}\n")
        self.program.chmod(0o755)

    def words(self) -> list[str]:
        return [os.fsdecode(word) for word in self.record.read_bytes().split(b"\0")[:-1]]


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Recorder:
    return Recorder(tmp_path_factory.mktemp("recorder"))


@pytest.fixture(scope="module")
def env(recorder: Recorder) -> Any:
    made = Environment(tools=["gcc", "gnulink", "ar"], MAESTRO_PYTHON=Literal(str(recorder.program)))
    made.SetDefault(MAESTRO_VERBOSE=False)
    builders.add(made)
    return made


def executed(action: Any, env: Any, target: list[Any], source: list[Any]) -> None:
    assert action(target, source, env, show=False, presub=False) == 0


@settings(max_examples=80, deadline=None)
@given(st.lists(HOSTILE.filter(words._is_utf8).filter(encodable), min_size=1, max_size=6))
def test_arguments_arrive_as_they_are(recorder: Recorder, env: Any, given_: list[str]) -> None:
    """Those of the NF (nf.yaml, args=, NF_ARGS), by the very actions of the steps."""
    analyse = Action(
        "$( $MAESTRO_PYTHON -P -m maestro_tool $) analyse --ports $PORTS $MAESTRO_ARGS -o $TARGET $SOURCES"
    )
    with_words = env.Override({**words.EXACT, "PORTS": 2, "MAESTRO_ARGS": builders.literal("--arg", given_)})
    executed(analyse, with_words, [env.File("out.json")], [env.File("a b.c")])
    analyse.get_contents([env.File("out.json")], [env.File("a b.c")], with_words)
    expected = ["-P", "-m", "maestro_tool", "analyse", "--ports", "2", *(f"--arg={a}" for a in given_)]
    assert recorder.words() == [*expected, "-o", "out.json", "a b.c"]
    run = Action(builders.command("run ${SOURCES[0]} --in ${SOURCES[1].dir} --out $MAESTRO_OUT -- $NF_ARGS"))
    with_words = env.Override({**words.EXACT, "MAESTRO_OUT": "o", "NF_ARGS": [words.Word(a) for a in given_]})
    executed(run, with_words, [env.File("x")], [env.File("prog ram"), env.File("some where/port0.pcap")])
    assert recorder.words()[3:] == ["run", "prog ram", "--in", "some where", "--out", "o", "--", *given_]


@settings(max_examples=80, deadline=None)
@given(HOSTILE.filter(encodable), st.booleans())
def test_names_arrive_as_they_are_or_are_refused(recorder: Recorder, env: Any, name: str, is_folder: bool) -> None:
    """In a compiler's command, whose flags are for a shell; a marker would be made here."""
    path = f"nfs/{name}/x.c" if is_folder else f"nfs/a/{name}.c"
    reason = words.oddity(path)
    if reason is not None:
        assert reason.isprintable()
        with pytest.raises(UserError) as caught:
            words.check([path])
        assert str(caught.value).isprintable()
        return
    cc = env.Override({"ESCAPE": words.quoted, "CC": str(recorder.program), "CPPPATH": [f"build/{name}/gen"],
                       "CPPDEFINES": {"TEXT": '\\"a b\\"'}})  # fmt: skip
    source, target = env.File(f"#{path}"), env.File(f"#build/{path}.o")
    executed(Action("$CCCOM"), cc, [target], [source])
    found = recorder.words()
    assert found[:3] == ["-o", str(target), "-c"] and found[-1] == str(source)
    assert '-DTEXT="a b"' in found
    include = str(env.Dir(f"build/{name}/gen"))
    assert f"-I{include}" in found
    assert not Path("marker").exists()


@pytest.mark.parametrize(
    "name", ["plain.c", "a b.c", "é.c", "中.c", "a%s.c", "a=b,c:d@e+f.c", "_.c", "build/soft+x/gen/a.c"]
)
def test_names_that_builds_can_have(name: str) -> None:
    assert words.oddity(name) is None


REFUSED = {
    "`touch marker`": "must do without '`'",
    "$(touch marker)": "must do without '$'",
    "$SOURCE": "must do without '$'",
    'a"b': "must do without '\"'",
    "a'b": 'must do without "\'"',
    "a\nb": "must do without '\\n'",
    "a#b": "must do without '#'",
    "a;touch marker": "must do without ';'",
    "\udcff": "is not UTF-8",
    " a": "must not start or end with blanks",
}


@pytest.mark.parametrize("name", REFUSED)
def test_names_that_builds_do_without(name: str) -> None:
    assert REFUSED[name] in str(words.oddity(f"nfs/nop/{name}"))


@pytest.mark.parametrize("name", ["`touch marker`", "$(touch marker)", "$SOURCE", "a\nb", "\udcff"])
def test_a_source_with_an_odd_name_is_refused_in_one_line(tree: Tree, name: str) -> None:
    """As a source of nfs/, and in an SConstruct of somebody else's."""
    (tree.root / "nfs/nop/nop_main.c").rename(tree.root / "nfs/nop" / f"{name}.c")
    result = tree.scons("nf=nop")
    assert result.status == 2 and REFUSED[name] in result.err, result.err
    assert len(result.err.strip().splitlines()) <= 2  # the other one says where in the SConstruct
    assert not (tree.root / "marker").exists() and not (tree.root / "build/analysis").exists()


@pytest.mark.parametrize("where", ["folder", "header", "card", "capture", "cpppath"])
def test_other_odd_names_are_refused(tree: Tree, where: str) -> None:
    odd = "x`touch marker`"
    words_ = ["nf=nop"]
    if where == "folder":
        shutil.copytree(tree.root / "nfs/nop", tree.root / "nfs" / odd)
        words_ = [f"nf=nfs/{odd}"]
    elif where == "header":
        tree.write(f"nfs/nop/{odd}.h", "")
        tree.edit("nfs/nop/nop_main.c", "#include", f'#include "{odd}.h"\n#include')
    elif where == "card":
        shutil.copy(tree.root / "configs/soft.yaml", tree.root / f"{odd}.yaml")
        words_.append(f"nic={odd}.yaml")
    elif where == "capture":
        tree.write(odd, "")
        words_.append(f"traffic={odd}")
    else:
        tree.edit("SConstruct", 'tools=["gcc", "gnulink", "ar"]', f'tools=["gcc", "gnulink", "ar"], CPPPATH=["{odd}"]')
    result = tree.scons(*words_)
    assert result.status == 2 and "must do without '`': rename it" in result.err, result.err
    assert not (tree.root / "marker").exists()


def test_names_of_cards_become_folders(tree: Tree) -> None:
    tree.write("....yaml", "")
    result = tree.scons("nf=nop", "nic=....yaml")
    assert result.status == 2 and "a profile cannot be called '...'" in result.err


@pytest.mark.parametrize("argument", ["\udcff", "a\0b"])
def test_arguments_that_no_command_takes(argument: str) -> None:
    with pytest.raises(UserError, match="is not UTF-8 without NUL"):
        words.check_arguments("nop", ("good", argument))


def test_variables_are_what_was_typed(tree: Tree) -> None:
    """SCons would substitute, and evaluate what is Python in it."""
    odd = "$(id) ${1+1} $HOME $$"
    for variable, message in (("nf", "unknown nf=$(id) ${1+1} $HOME $$;"), ("strategy", f"unknown strategy={odd};"),
                              ("ports", f"ports={odd}: expected"), ("traffic", f"traffic={odd}: no such")):  # fmt: skip
        result = tree.scons("-n", f"{variable}={odd}")
        assert result.status == 2 and message in result.err, result.err
    arguments = tree.built("-n", "verbose=1", "build/analysis/nop/analysis.json", f"args={odd}").out
    assert "--arg=$(id) --arg=${1+1} --arg=$HOME --arg=$$ " in arguments


def test_signatures_have_all_of_an_argument(env: Any) -> None:
    """SCons leaves $( ... $) out of them."""
    action, node = Action("program $MAESTRO_ARGS"), [env.File("x")]

    def signature(*arguments: str) -> bytes:
        with_words = env.Override({"MAESTRO_ARGS": builders.literal("--arg", arguments)})
        return bytes(action.get_contents(node, node, with_words))

    several = ("$(a$)", "$(b$)", "$$(a$)", "", "$", "$$", "\\", "$(", "$)", "a b", "a  b", "a\nb", "%20", "a --arg=b")
    assert len({*(signature(a) for a in several), signature("a", "b")}) == len(several) + 1


def test_traffic_that_is_no_list_of_options(tree: Tree) -> None:
    result = tree.scons("nf=nop", "run", "traffic=--flows '5")
    assert result.status == 2 and "traffic=--flows '5: No closing quotation" in result.err


def test_hostile_names_that_work(tree: Tree) -> None:
    """Built to the end, by real compilers; the words of args= are the user's own."""
    (tree.root / "nfs/nop").rename(tree.root / "nfs/nop é")
    (tree.root / "nfs/nop é/nop_main.c").rename(tree.root / "nfs/nop é/ma%s in.c")
    odd_arguments = ["`touch marker`", "$(touch marker)", "$SOURCE.c", "a b", "'", "\n", "é"]
    tree.write("nfs/nop é/nf.yaml", f"arguments: {json.dumps(odd_arguments)}\n")
    result = tree.built("nf=nfs/nop é", "-j2")
    assert json.loads((tree.root / "build/soft/nop__/plan.json").read_text())["arguments"] == odd_arguments
    assert (tree.root / "build/soft/nop__/nop__").is_file() and "nop__ for soft: shared-nothing" in result.out
    assert '#line 1 "nfs/nop é/ma%s in.c"' in (tree.root / "build/soft/nop__/gen/ma%s in.c").read_text()
    odd = "$HOME `touch${IFS}marker` $SOURCE 'q"
    refused = tree.scons("nf=nfs/nop é", f"args=--x {odd}", "verbose=1")
    assert refused.status == 2 and "nop takes no options" in refused.err
    for word in odd.split():
        assert f"--arg={word}" in refused.out
    assert not (tree.root / "marker").exists()


def test_files_that_are_generated_are_not_the_users(tree: Tree) -> None:
    (tree.root / "nfs/nop/nop_main.c").rename(tree.root / "nfs/nop/main_nop.c")
    result = tree.scons("nf=nop")
    assert result.status == 2 and "the NF has a file 'main_nop.c', which is generated for it, too" in result.err


@pytest.mark.parametrize("name", ["-oevil.c", "a\nb.c"])
def test_commands_take_no_file_for_an_option(tree: Tree, name: str) -> None:
    """Without SCons: `maestro analyse -- -oevil.c`."""
    (tree.root / "nfs/nop/nop_main.c").rename(tree.root / name)
    result = tree.maestro("analyse", "-o", "out.json", "--", name)
    assert result.status == 1 and "cannot name a file or folder of an NF" in result.err
    assert len(result.err.splitlines()) == 2
