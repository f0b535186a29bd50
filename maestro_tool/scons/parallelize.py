"""`env.Parallelize` and `env.SequentialNF`: from an NF's name to the nodes of its programs.

build/analysis/<nf>/analysis.json      once, for all NICs
build/<nic>/<nf>/plan.json, certificate.json, <nf>.h, gen/...
build/<nic>/<nf>/lib<nf>.a             the NF: what others embed, with the runtime's library
build/<nic>/<nf>/<nf>                  the DPDK program
build/sequential/<nf>/...              the same without a plan
build/runtime/libmaestro.a             once
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from SCons.Action import Action
from SCons.Errors import UserError
from SCons.Script import GetOption
from SCons.Util import Split, flatten, is_List

from maestro_tool import inputs, nf, own_files, profiles, runtime
from maestro_tool.choices import OPTIMISE
from maestro_tool.scons import (
    builders,
    cells,
    compilation,
    compile_commands,
    library,
    outputs,
    places,
    summary,
    variables,
    why,
    words,
)
from maestro_tool.scons.environment import compiler, file, files, folders_of_headers, for_runtime, once, translated
from maestro_tool.scons.mistakes import reported
from maestro_tool.scons.places import at_top

#: As `nic.profile.Name`, whose module takes long to load: it becomes the name of a folder.
_CARD = re.compile("[a-z0-9][a-z0-9_-]{0,40}")


def add(env: Any) -> None:
    """Register the pseudo-builders in ``env``."""
    env.AddMethod(reported(at_top(_parallelize)), "Parallelize")
    env.AddMethod(reported(at_top(_sequential)), "SequentialNF")
    env.AddMethod(reported(at_top(_runtime)), "MaestroRuntime")
    env.AddMethod(reported(at_top(_bench)), "Bench")


def _parallelize(env: Any, name: str, sources: Any = None, **overrides: Any) -> Any:
    """Nodes of the parallel program of ``name``, per NIC: executable, library, header, plan.

    ``sources``: default: the NF's folder below $MAESTRO_NFS.  NIC: a name, a .yaml file, or a list.
    ``A+B``: the cards of port 0 and port 1.  NF_ARGS: the NF's options that the analysis assumes.  PORTS: number of
    devices.  STRATEGY: one of `choices.STRATEGIES`.  TABLES_FOR: a capture, or a folder with port0.pcap ...: what
    the tables are balanced for.  FULL_HASH: related packets agree in the whole hash, not only in the index.
    OPTIMISE: one of `choices.OPTIMISE`.  FOLDER: where the files go; default: <nic>/<nf> in the build folder.
    """
    strategy = variables.strategy(str(overrides.pop("STRATEGY", env["STRATEGY"])))
    full_hash = bool(overrides.pop("FULL_HASH", False))
    optimise = _optimise(overrides)
    traffic = [Path(places.name(env, t)) for t in flatten([overrides.pop("TABLES_FOR", [])]) if t]
    captures = tuple(c for t in traffic for c in (sorted(t.glob("port*.pcap")) if t.is_dir() else (t,)))
    words.check((*traffic, *captures))
    nics = overrides.pop("NIC", env["NIC"])
    elsewhere = overrides.pop("FOLDER", None)
    cc = compiler(env)
    build = cc["MAESTRO_BUILD"]
    function = _function(env, name, sources, overrides)
    place = f"#{build}/analysis/{name}"
    request = _request(cc, function)

    def analyse() -> Any:
        made = cc.MaestroAnalyse(
            [f"{place}/analysis.json", f"{place}/{inputs.INPUTS}", f"{place}/{inputs.OUTSIDE}"],
            files(env, function.sources),
            **request,
        )
        env.Depends(made, _inputs(cc, function))
        _read_again(env, made, f"{place}/{inputs.INPUTS}")
        outputs.settle(cc, place, made)
        return made

    analysis, read, outside = once(env, place, *_asked(cc, function, request), analyse)
    nodes = []
    for nic in (places.card(env, n) for n in (nics if is_List(nics) else [nics])):
        described = cards(env, nic)
        checked = tuple(_checked(env, cc, card) for card in dict.fromkeys(described))
        if not GetOption("keep_going"):  # a profile that is wrong is told before analyses begin
            env.Requires(analysis, checked)
        label = profiles.label(nic)
        folder = f"#{places.folder(env, elsewhere).get_path()}" if elsewhere else f"#{build}/{label}/{name}"
        options = {
            "MAESTRO_NF": name,
            "MAESTRO_CARDS": label,
            "MAESTRO_NIC": builders.places("--nic", ["+".join(file(env, card).path for card in described)]),
            "MAESTRO_HASH": ["--full-hash"] if full_hash else [],
            "MAESTRO_OPTIMISE": optimise,
            "MAESTRO_TABLES": builders.literal("--traffic", traffic),
            "STRATEGY": strategy,
            "MAESTRO_HEADERS": builders.literal("--header", function.headers),
        }

        def generate(cards: list[Path] = described, folder: str = folder, options: dict[str, Any] = options) -> Any:
            made = cc.MaestroGenerate(
                [f"{folder}/plan.json", *_outputs(function, folder), f"{folder}/certificate.json"],
                [analysis, *files(env, tuple(dict.fromkeys(cards)))],
                **options,
            )
            env.Depends(made, [*_inputs(cc, function), read])
            bases = [base for card in cards for base in profiles.with_bases(card)[1:]]
            env.Depends(made, files(env, (*function.sources, *dict.fromkeys(bases), *captures)))
            return made

        generated = once(env, f"{folder}/plan.json", options, cc["MAESTRO_IDENTITY"], generate)
        env.Requires(generated, checked)
        program, archive, objects = _compile(cc, function, folder, generated, outside)
        if elsewhere is None:
            summary.declare(
                build,
                cells.Product(name, label, generated[0], program[0], checked, analysis, tuple(generated[1:]),
                              tuple(objects), archive[0], tuple(cc["MAESTRO_RUNTIME"]), bool(env["MAESTRO_VERBOSE"])),
            )  # fmt: skip
        nodes += [program, archive, generated[1], generated[0]]
    return flatten(nodes)


def _checked(env: Any, cc: Any, card: Path) -> Any:
    """The profile ``card`` as the phases read it, once for all NFs."""
    target = f"#{cc['MAESTRO_BUILD']}/profiles/{card.stem}.json"

    def check() -> Any:
        bases = files(env, tuple(profiles.with_bases(card)[1:]))
        made = cc.MaestroProfile(
            target, [file(env, card), *bases], MAESTRO_CARD=[words.Place("", file(env, card).path)]
        )
        env.Depends(made, cc["MAESTRO_TOOL"])
        return made

    return once(env, target, card, None, check)[0]


def _sequential(env: Any, name: str, sources: Any = None, **overrides: Any) -> Any:
    """Nodes of the program of ``name`` for one core: executable, library, header.  Arguments as of Parallelize."""
    optimise = _optimise(overrides)
    cc = compiler(env)
    function = _function(env, name, sources, overrides)
    folder = f"#{cc['MAESTRO_BUILD']}/sequential/{name}"
    request = _request(cc, function) | {
        "MAESTRO_NF": name,
        "MAESTRO_OPTIMISE": optimise,
        "MAESTRO_HEADERS": builders.literal("--header", function.headers),
    }

    def generate() -> Any:
        made = cc.MaestroSequential(
            [*_outputs(function, folder), f"{folder}/{inputs.INPUTS}", f"{folder}/{inputs.OUTSIDE}"],
            files(env, function.sources),
            **request,
        )
        env.Depends(made, _inputs(cc, function))
        _read_again(env, made, f"{folder}/{inputs.INPUTS}")
        return made

    generated = once(env, folder, *_asked(cc, function, request), generate)
    program, archive, _ = _compile(cc, function, folder, generated, generated[-1])
    return flatten([program, archive, generated[0]])


def _runtime(env: Any) -> Any:
    """The library of the runtime that goes with the libraries of NFs in this environment."""
    return compiler(env)["MAESTRO_RUNTIME"][:1]


def _asked(cc: Any, function: nf.NetworkFunction, request: dict[str, Any]) -> tuple[Any, Any]:
    """What is asked for, and with which flags and commands."""
    how = {name: request[name] for name in ("MAESTRO_COMPILE", "MAESTRO_REAL")}
    return (function, {n: v for n, v in request.items() if n not in how}), (how, str(cc["MAESTRO_TOOLCHAIN"]))


def _optimise(overrides: dict[str, Any]) -> list[Any]:
    """The words that say OPTIMISE to a command."""
    return builders.literal("--optimise", [variables.optimise(str(overrides.pop("OPTIMISE", OPTIMISE[0])))])


def _bench(env: Any, names: list[str], **overrides: Any) -> Any:
    """A node that measures the NFs ``names``, as they are, as STRATEGY says, and with all state shared: phases and
    packets, to $MAESTRO_BUILD/bench.json."""
    cc = compiler(env)
    build = f"#{cc['MAESTRO_BUILD']}"
    harness = cc.Object(f"{build}/bench/bench_nf.o", file(env, runtime.RUNTIME / "bench" / "bench_nf.c"))
    subjects, programs = [], []
    for name in names:
        env.Parallelize(name, NIC="soft", **overrides)
        env.SequentialNF(name, **overrides)
        folders = {"sequential": f"{build}/sequential/{name}", "parallel": f"{build}/soft/{name}"}
        for strategy in ("locks", *(["tm"] if _has_transactions() else [])):
            folders[strategy] = f"{build}/bench/{name}/{strategy}"
            env.Parallelize(name, NIC="soft", **overrides | {"STRATEGY": strategy, "FOLDER": folders[strategy]})
        made = []
        for kind, folder in folders.items():
            parts = [harness, env.File(f"{folder}/gen/main_{name}.o"), env.File(f"{folder}/lib{name}.a")]
            made += cc.Program(f"{build}/bench/{name}/bench_{kind}", [*parts, cc["MAESTRO_RUNTIME"][0]])
        cc.Depends([harness, *made], cc["MAESTRO_TOOLCHAIN"])
        analysis = env.File(f"{build}/analysis/{name}/analysis.json")
        users = [env.File(f"{folders[kind]}/{name}") for kind in ("sequential", "parallel")]
        subjects += ["--nf", name, analysis.path, *(program.path for program in (*users, *made))]
        programs += [*users, *made, analysis]
    node = env.Alias(
        "bench-of-" + "-".join(names),
        programs,
        Action(builders.command("bench $MAESTRO_SUBJECTS $MAESTRO_HOW -o $MAESTRO_BUILD/bench.json"), "BENCH"),
        **words.EXACT,
        MAESTRO_BUILD=cc["MAESTRO_BUILD"],
        MAESTRO_SUBJECTS=[words.Word(w) for w in subjects],
        MAESTRO_HOW=_optimise(dict(overrides)),
    )
    env.AlwaysBuild(node)
    return node


def _has_transactions() -> bool:
    """Whether this machine's CPU says that it has RTM; without, `tm` does what `locks` does."""
    try:
        return " rtm " in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


# --------------------------------------------------------------------------- the NF


def _function(env: Any, name: str, sources: Any, overrides: dict[str, Any]) -> nf.NetworkFunction:
    """The NF as its folder describes it, or as the call does; relative to the top folder where it is below that."""
    arguments, ports = overrides.pop("NF_ARGS", None), overrides.pop("PORTS", None)
    for option in ("STRATEGY", "TABLES_FOR", "FULL_HASH", "OPTIMISE"):  # of programs only
        overrides.pop(option, None)
    if overrides:
        raise UserError(f"unknown argument for the NF {name}: {', '.join(sorted(overrides))}")
    files_or_folder = None if sources is None else places.sources(env, sources)
    if files_or_folder is None:
        folder = env.get("MAESTRO_FOLDERS", {}).get(name)
        function: nf.NetworkFunction = translated(
            nf.load, Path(folder) if folder else nf.folder_of(name, Path(str(env["MAESTRO_NFS"]).lstrip("#"))), name
        )
    elif len(files_or_folder) == 1 and files_or_folder[0].is_dir():
        function = translated(nf.load, files_or_folder[0], name)
    else:
        translated(nf.check_name, name)
        if not files_or_folder:
            raise UserError(f"the NF {name} has no sources: the list is empty, or Glob found nothing")
        own = own_files.find(files_or_folder)
        function = nf.NetworkFunction(name, tuple(files_or_folder), own.headers, own.generated)
    if folders := [Path(d) for d in places.headers(env)]:  # some of its headers may be found there only
        own = own_files.find(function.sources, folders)
        function = replace(function, headers=own.headers, generated=own.generated)
    words.check((*function.sources, *function.headers, *function.generated))
    if arguments is not None:
        function = replace(function, arguments=tuple(str(a) for a in flatten([Split(arguments)])))
    words.check_arguments(name, function.arguments)
    return function if ports is None else replace(function, ports=variables.port_count("PORTS", str(ports)))


def cards(env: Any, nic: str) -> list[Path]:
    """The profiles that ``nic`` names, of port 0 on; UserError where one is not there, or has an odd name."""
    parts = profiles.split(nic)
    words.check(parts)
    for stem in profiles.label(nic).split("+"):
        if not _CARD.fullmatch(stem):
            raise UserError(f"nic={nic}: a profile cannot be called {stem!r}: use a-z, 0-9, - and _")
    return [translated(profiles.resolve, part, Path(str(env["MAESTRO_CONFIGS"]).lstrip("#"))) for part in parts]


def arguments(env: Any, name: str, sources: Any, **overrides: Any) -> tuple[str, ...]:
    """The options of the NF that Parallelize with the same arguments assumes."""
    return _function(env, name, sources, overrides).arguments


def described(env: Any, name: str, sources: Any, **overrides: Any) -> tuple[nf.NetworkFunction, dict[str, Any]]:
    """The NF that Parallelize with the same arguments means, and construction variables that say it to a command."""
    function = _function(env, name, sources, overrides)
    return function, _request(compiler(env), function)


def _request(cc: Any, function: nf.NetworkFunction) -> dict[str, Any]:
    """Overrides for a builder that reads the sources: it must see what the compiler sees."""
    compiled = _words(cc, function)
    return {
        "CPPPATH": cc["CPPPATH"],  # where SCons' scanner looks
        "PORTS": function.ports,
        "MAESTRO_ARGS": builders.literal("--arg", function.arguments),
        "MAESTRO_LIMITS": [
            *builders.literal("--limit", [f"{n}={v}" for n, v in function.limits]),
            *builders.literal("--pure", function.pure),
            *builders.literal("--xdp", function.attachment.words),
        ],
        "MAESTRO_COMPILE": [*builders.literal("--cc", compiled.compiler), *builders.literal("--flag", compiled.flags)],
        "MAESTRO_REAL": builders.places("--headers", cc["MAESTRO_DPDK_FOLDERS"]),
    }


def _words(cc: Any, function: nf.NetworkFunction) -> compilation.Words:
    """How the NF's units are compiled; found once for a folder."""
    found: dict[Path, compilation.Words] = cc["MAESTRO_WORDS"]
    root = _root(function)
    if root not in found:
        found[root] = compilation.words(cc, [str(root), *cc["MAESTRO_FOLDERS_OF_HEADERS"]])
        compilation.check_places(found[root].flags, root)
    return found[root]


def _inputs(cc: Any, function: nf.NetworkFunction) -> list[Any]:
    """What all steps depend on, besides their sources: headers, this tool, and what checks ask of the compiler."""
    return [
        *files(cc, (*function.headers, *cc["MAESTRO_INCLUDED"])),
        cc["MAESTRO_TOOL"],
        cc["MAESTRO_TOOLCHAIN"],
    ]


def _read_again(env: Any, made: Any, record: str) -> None:
    """Have ``made`` made again if other files are there than were read; such files are known only when they were."""
    known = Path(env.File(record).abspath)
    if inputs.changed(known):
        declared = {child.get_path() for child in (*made[0].sources, *made[0].depends) if hasattr(child, "get_path")}
        others = [name for name in inputs.differences(known) if name not in declared]
        for node in made:
            why.always(node, f"what it read is otherwise: {', '.join(others)}" if others else "")
    # What was read is no part of the signature; and a CacheDir has no tags, as our own cache has.
    env.NoCache(made)


def _outputs(function: nf.NetworkFunction, folder: str) -> list[str]:
    """Everything that code generation writes, by name: ``<nf>.h`` first."""
    root = _root(function)
    mirrored = [f"gen/{os.path.relpath(f, root)}" for f in (*function.sources, *function.headers, *function.generated)]
    own = [f"{function.name}.h", f"gen/{function.name}_parallel.c", f"gen/main_{function.name}.c"]
    return [f"{folder}/{name}" for name in (*own, *mirrored)]


# --------------------------------------------------------------------------- compiling


def _compile(
    cc: Any, function: nf.NetworkFunction, folder: str, generated: list[Any], outside: Any
) -> tuple[Any, Any, list[Any]]:
    """(program, library, objects) of generated C; declared once, however often it is asked for.

    ``outside``: what is known of headers that are not mirrored.
    """

    def declare() -> Any:
        main = f"main_{function.name}.c"
        # Not the folder of <nf>.h, which may have the name of a header that the NF includes (nf.h, string.h).
        cell = cc.Dir(folder).get_path()
        own = cc.Clone(
            CPPPATH=[f"{folder}/gen", *_with_copies(cc, _root(function), f"{folder}/gen")],
            MAESTRO_CELL=cell,
            # Wherever it lies: units that are the same for several NICs are compiled once.
            MAESTRO_PREFIX_MAPS=[
                *cc["MAESTRO_PREFIX_MAPS"], words.Place("-ffile-prefix-map=", f"{cell}/gen", "=gen")
            ],
        )  # fmt: skip
        units = [n for n in generated if str(n).endswith(".c")]
        own.Replace(**own["MAESTRO_APART"])
        for_tables = {f"{function.name}_parallel.c": for_runtime(own)}
        objects = {
            n.name: own.MaestroObject(f"{os.path.splitext(str(n))[0]}.o", n, **for_tables.get(n.name, {}))
            for n in units
        }
        own.Depends(list(objects.values()), [*files(own, own["MAESTRO_INCLUDED"]), folders_of_headers(own)])
        whole = [o for n, o in objects.items() if n != main]
        made = library.declare(own, folder, function.name, whole)
        program = own.Program(f"{folder}/{function.name}", [objects[main], made, own["MAESTRO_RUNTIME"][0]])
        own.Depends([*objects.values(), made, program], own["MAESTRO_TOOLCHAIN"])
        own.Depends([*objects.values()], [outside, own["MAESTRO_CHANGED"]])
        outputs.settle(own, folder, flatten([generated, *objects.values(), made, program]))
        compile_commands.declare(
            cc["MAESTRO_BUILD"], objects.values(), lambda: _units(own, cc, function, folder, units, objects)
        )
        return program, made, flatten([*objects.values()])

    program, made, objects = once(cc, f"program in {folder}", (), cc["MAESTRO_IDENTITY"], declare)
    return program, made, objects


def _units(
    own: Any, cc: Any, function: nf.NetworkFunction, folder: str, units: list[Any], objects: dict[str, Any]
) -> Iterator[compile_commands.Unit]:
    """What editors are told of units, of which those that people edit are in the NF's folder, too."""
    root = _root(function)
    edited = {f"gen/{os.path.relpath(f, root)}": file(cc, f) for f in function.sources}
    searched = (cc.Dir(f"#{root}"), *flatten([cc["CPPPATH"]]), cc.Dir(f"{folder}/gen"))
    for node in units:
        mine = edited.get(os.path.relpath(node.get_path(), folder.lstrip("#")))
        yield compile_commands.Unit(own, objects[node.name][0], node, (mine, searched) if mine else None)


@functools.cache
def _root(function: nf.NetworkFunction) -> Path:
    return function.root


def _with_copies(cc: Any, root: Path, gen: str) -> list[Any]:
    """$CPPPATH, where the copy in ``gen`` of a folder of the NF comes before it, as in the analysis."""
    result: list[Any] = []
    for folder in flatten([cc["CPPPATH"]]):
        below = os.path.relpath(cc.Dir(folder).get_path(), root)
        if not below.startswith("."):
            result.append(f"{gen}/{below}")
        result.append(folder)
    return result
