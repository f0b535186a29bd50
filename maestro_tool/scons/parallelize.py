"""`env.Parallelize` and `env.SequentialNF`: from an NF's name to the nodes of its programs.

build/analysis/<nf>/analysis.json      once, for all NICs
build/<nic>/<nf>/plan.json, certificate.json, <nf>.h, gen/...
build/<nic>/<nf>/lib<nf>.a             the NF with the runtime: what others embed
build/<nic>/<nf>/<nf>                  the DPDK program
build/sequential/<nf>/...              the same without a plan
build/runtime/*.o                      once
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from SCons.Action import Action
from SCons.Errors import UserError
from SCons.Script import GetOption
from SCons.Util import Split, flatten, is_List

from maestro_tool import (
    cache,
    cache_trust,
    dpdk,
    fingerprint,
    inputs,
    nf,
    own_files,
    profiles,
    runtime,
    steps,
    toolchain,
)
from maestro_tool.choices import OPTIMISE
from maestro_tool.diagnostics import MaestroError
from maestro_tool.scons import builders, cells, compilation, lock, outputs, signatures, summary, variables, words
from maestro_tool.scons.mistakes import told

#: Flags for all C here: the user's and ours.
_C_FLAGS = ("-std=gnu11", "-O3", "-g", "-Wall", "-DCAPACITY_POW2")

#: As `nic.profile.Name`, whose module takes long to load: it becomes the name of a folder.
_CARD = re.compile("[a-z0-9][a-z0-9_-]{0,40}")


def add(env: Any) -> None:
    """Register the pseudo-builders in ``env``."""
    env.AddMethod(told(_parallelize), "Parallelize")
    env.AddMethod(told(_sequential), "SequentialNF")
    env.AddMethod(told(_bench), "Bench")


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
    traffic = [Path(t) for t in flatten([overrides.pop("TABLES_FOR", [])]) if t]
    captures = tuple(c for t in traffic for c in (sorted(t.glob("port*.pcap")) if t.is_dir() else (t,)))
    words.check((*traffic, *captures))
    nics = overrides.pop("NIC", env["NIC"])
    elsewhere = overrides.pop("FOLDER", None)
    cc = _compiler(env)
    function = _function(env, name, sources, overrides)
    place = f"#{env['MAESTRO_BUILD']}/analysis/{name}"
    request = _request(env, function)

    def analyse() -> Any:
        made = env.MaestroAnalyse(
            [f"{place}/analysis.json", f"{place}/{inputs.INPUTS}", f"{place}/{inputs.OUTSIDE}"],
            _files(env, function.sources),
            **request,
        )
        env.Depends(made, _inputs(cc, function))
        _read_again(env, made, f"{place}/{inputs.INPUTS}")
        outputs.settle(env, place, made)
        return made

    analysis, read, outside = once(env, place, (function, request), analyse)
    nodes = []
    for nic in nics if is_List(nics) else [nics]:
        described = cards(env, str(nic))
        label = profiles.label(str(nic))
        folder = elsewhere or f"#{env['MAESTRO_BUILD']}/{label}/{name}"
        options = {
            "MAESTRO_NF": name,
            "MAESTRO_CARDS": label,
            "MAESTRO_NIC": builders.places("--nic", ["+".join(_file(env, card).path for card in described)]),
            "MAESTRO_HASH": ["--full-hash"] if full_hash else [],
            "MAESTRO_OPTIMISE": optimise,
            "MAESTRO_TABLES": builders.literal("--traffic", traffic),
            "STRATEGY": strategy,
            "MAESTRO_HEADERS": builders.literal("--header", function.headers),
        }

        def generate(cards: list[Path] = described, folder: str = folder, options: dict[str, Any] = options) -> Any:
            made = env.MaestroGenerate(
                [f"{folder}/plan.json", *_outputs(function, folder), f"{folder}/certificate.json"],
                [analysis, *_files(env, tuple(dict.fromkeys(cards)))],
                **options,
            )
            env.Depends(made, [*_inputs(cc, function), read])
            bases = [base for card in cards for base in profiles.with_bases(card)[1:]]
            env.Depends(made, _files(env, (*function.sources, *dict.fromkeys(bases), *captures)))
            return made

        generated = once(env, f"{folder}/plan.json", options, generate)
        program, library, objects = _compile(cc, function, folder, generated, outside)
        if elsewhere is None:
            summary.declare(
                cells.Product(name, label, generated[0], program[0], analysis, tuple(generated[1:]), tuple(objects),
                              library[0], tuple(flatten(cc["MAESTRO_RUNTIME"])))
            )  # fmt: skip
        nodes += [program, library, generated[1], generated[0]]
    return flatten(nodes)


def _sequential(env: Any, name: str, sources: Any = None, **overrides: Any) -> Any:
    """Nodes of the program of ``name`` for one core: executable, library, header.  Arguments as of Parallelize."""
    optimise = _optimise(overrides)
    cc = _compiler(env)
    function = _function(env, name, sources, overrides)
    folder = f"#{env['MAESTRO_BUILD']}/sequential/{name}"
    request = _request(env, function) | {
        "MAESTRO_NF": name,
        "MAESTRO_OPTIMISE": optimise,
        "MAESTRO_HEADERS": builders.literal("--header", function.headers),
    }

    def generate() -> Any:
        made = env.MaestroSequential(
            [*_outputs(function, folder), f"{folder}/{inputs.INPUTS}", f"{folder}/{inputs.OUTSIDE}"],
            _files(env, function.sources),
            **request,
        )
        env.Depends(made, _inputs(cc, function))
        _read_again(env, made, f"{folder}/{inputs.INPUTS}")
        return made

    generated = once(env, folder, (function, request), generate)
    program, library, _ = _compile(cc, function, folder, generated, generated[-1])
    return flatten([program, library, generated[0]])


def _optimise(overrides: dict[str, Any]) -> list[Any]:
    """The words that say OPTIMISE to a command."""
    return builders.literal("--optimise", [variables.optimise(str(overrides.pop("OPTIMISE", OPTIMISE[0])))])


def _bench(env: Any, names: list[str], **overrides: Any) -> Any:
    """A node that measures the NFs ``names``, as they are, as STRATEGY says, and with all state shared: phases and
    packets, to $MAESTRO_BUILD/bench.json."""
    cc, build = _compiler(env), f"#{env['MAESTRO_BUILD']}"
    harness = cc.Object(f"{build}/bench/bench_nf.o", _file(env, runtime.RUNTIME / "bench" / "bench_nf.c"))
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
            made += cc.Program(f"{build}/bench/{name}/bench_{kind}", parts)
        cc.Depends([harness, *made], cc["MAESTRO_TOOLCHAIN"])
        analysis = env.File(f"{build}/analysis/{name}/analysis.json")
        subjects += ["--nf", name, analysis.path, *(program.path for program in made)]
        programs += [*made, analysis]
    node = env.Alias(
        "bench-of-" + "-".join(names),
        programs,
        Action(builders.command("bench $MAESTRO_SUBJECTS -o $MAESTRO_BUILD/bench.json"), "BENCH"),
        **words.EXACT,
        MAESTRO_SUBJECTS=[words.Word(w) for w in subjects],
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
    if sources is None:
        folder = env.get("MAESTRO_FOLDERS", {}).get(name)
        function: nf.NetworkFunction = _translated(
            nf.load, Path(folder) if folder else nf.folder_of(name, Path(env["MAESTRO_NFS"])), name
        )
    else:
        _translated(nf.check_name, name)
        files = tuple(Path(n.get_path()) for n in env.arg2nodes(sources, env.fs.File))
        if not files:
            raise UserError(f"the NF {name} has no sources: the list is empty, or Glob found nothing")
        own = own_files.find(files)
        function = nf.NetworkFunction(name, files, own.headers, own.generated)
    if folders := [Path(d) for d in _include_dirs(env)]:  # some of its headers may be found there only
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
    return [_translated(profiles.resolve, part, Path(env["MAESTRO_CONFIGS"])) for part in parts]


def arguments(env: Any, name: str, sources: Any, **overrides: Any) -> tuple[str, ...]:
    """The options of the NF that Parallelize with the same arguments assumes."""
    return _function(env, name, sources, overrides).arguments


def described(env: Any, name: str, sources: Any, **overrides: Any) -> tuple[nf.NetworkFunction, dict[str, Any]]:
    """The NF that Parallelize with the same arguments means, and construction variables that say it to a command."""
    function = _function(env, name, sources, overrides)
    return function, _request(env, function)


def once(env: Any, target: str, request: Any, declare: Callable[[], Any]) -> Any:
    """What ``declare`` returns for ``target``: called once, however often the same ``request`` is made."""
    declared = _compiler(env)["MAESTRO_DECLARED"].setdefault(f"nodes of {target}", (request, []))
    if declared[0] != request:
        raise UserError(f"{target.lstrip('#')} is asked for twice, with different sources or arguments")
    if not declared[1]:
        declared[1].extend(declare())
    return declared[1]


def _request(env: Any, function: nf.NetworkFunction) -> dict[str, Any]:
    """Overrides for a builder that reads the sources: it must see what the compiler sees."""
    compiled = _words(env, function)
    return {
        "PORTS": function.ports,
        "MAESTRO_ARGS": builders.literal("--arg", function.arguments),
        "MAESTRO_LIMITS": [
            *builders.literal("--limit", [f"{n}={v}" for n, v in function.limits]),
            *builders.literal("--pure", function.pure),
        ],
        "MAESTRO_COMPILE": [*builders.literal("--cc", compiled.compiler), *builders.literal("--flag", compiled.flags)],
        "MAESTRO_REAL": builders.places("--headers", _compiler(env)["MAESTRO_DPDK_FOLDERS"]),
    }


def _words(env: Any, function: nf.NetworkFunction) -> compilation.Words:
    """How the NF's units are compiled; found once for a folder."""
    found: dict[Path, compilation.Words] = _compiler(env)["MAESTRO_WORDS"]
    root = function.root
    if root not in found:
        found[root] = compilation.words(_compiler(env), [str(root), *_include_dirs(env)])
        compilation.check_places(found[root].flags, root)
    return found[root]


def _include_dirs(env: Any) -> list[str]:
    """The user's $CPPPATH."""
    return [env.Dir(d).get_path() for d in flatten([env.get("CPPPATH", [])])]


def _inputs(cc: Any, function: nf.NetworkFunction) -> list[Any]:
    """What all steps depend on, besides their sources: headers, this tool, and what checks ask of the compiler."""
    return [
        *_files(cc, (*function.headers, *cc["MAESTRO_INCLUDED"])),
        cc["MAESTRO_TOOL"],
        cc["MAESTRO_TOOLCHAIN"],
    ]


def _read_again(env: Any, made: Any, record: str) -> None:
    """Have ``made`` made again if other files are there than were read; such files are known only when they were."""
    if inputs.changed(Path(env.File(record).abspath)):
        env.AlwaysBuild(made)
    # What was read is no part of the signature; and a CacheDir has no tags, as our own cache has.
    env.NoCache(made)


def _outputs(function: nf.NetworkFunction, folder: str) -> list[str]:
    """Everything that code generation writes, by name: ``<nf>.h`` first."""
    root = function.root
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
    declared: dict[str, tuple[Any, Any, list[Any]]] = cc["MAESTRO_DECLARED"]  # a clone has a copy
    if folder in declared:
        return declared[folder]
    main = f"main_{function.name}.c"
    # Not the folder of <nf>.h, which may have the name of a header that the NF includes (nf.h, string.h).
    cc = cc.Clone(CPPPATH=[f"{folder}/gen", *_with_copies(cc, function.root, f"{folder}/gen")])
    units = [n for n in generated if str(n).endswith(".c")]
    objects = {n.name: cc.Object(f"{os.path.splitext(str(n))[0]}.o", n, **compilation.apart(cc)) for n in units}
    cc.Depends(list(objects.values()), [*_files(cc, cc["MAESTRO_INCLUDED"]), _folders(cc)])
    library = cc.StaticLibrary(
        f"{folder}/lib{function.name}.a", [o for n, o in objects.items() if n != main] + cc["MAESTRO_RUNTIME"]
    )
    program = cc.Program(f"{folder}/{function.name}", [objects[main], library])
    cc.Depends([*objects.values(), program], cc["MAESTRO_TOOLCHAIN"])
    cc.Depends([*objects.values()], outside)
    outputs.settle(cc, folder, flatten([generated, *objects.values(), library, program]))
    declared[folder] = (program, library, flatten([*objects.values()]))
    return declared[folder]


def _with_copies(cc: Any, root: Path, gen: str) -> list[Any]:
    """$CPPPATH, where the copy in ``gen`` of a folder of the NF comes before it, as in the analysis."""
    result: list[Any] = []
    for folder in flatten([cc["CPPPATH"]]):
        below = os.path.relpath(cc.Dir(folder).get_path(), root)
        if not below.startswith("."):
            result.append(f"{gen}/{below}")
        result.append(folder)
    return result


def _folders(cc: Any) -> Any:
    """$CPPPATH, which SCons leaves out of signatures, in its order; of folders elsewhere only that they are there."""
    names = []
    for folder in map(cc.Dir, flatten([cc["CPPPATH"]])):
        own, path = Path(folder.abspath), folder.get_path()
        is_ours = own.is_relative_to(builders.PACKAGE)
        names.append(f"<{own.relative_to(builders.PACKAGE)}>" if is_ours else "*" if os.path.isabs(path) else path)
    return cc.Value(f"headers in {' '.join(names)}")


def _compiler(env: Any) -> Any:
    """An environment that compiles against DPDK; made once per environment, when the first NF is declared."""
    owner, cc = env.get("MAESTRO_CC_ENV", (None, None))
    if owner is env:  # not of the environment that this one is a clone of
        return cc
    _require_tools(env)
    words.check((env.Dir("#").abspath, runtime.INCLUDE, env["MAESTRO_BUILD"]))
    words.check(env.Dir(d).get_path() for d in flatten([env.get("CPPPATH", [])]))
    _say_cache(env)
    signatures.guard()
    build = Path(env.Dir(f"#{env['MAESTRO_BUILD']}").abspath)
    if lock.writes():
        lock.hold(build)
        lock.hand_on(env)
        if not outputs.is_of_user(env):
            env["ENV"][steps.FILE] = summary.begin(build)
    visible = {name: str(value) for name, value in env["ENV"].items()}
    found = _translated(dpdk.find, visible)
    cc = env.Clone(
        MAESTRO_DPDK_LIBS=list(found.libs), MAESTRO_DECLARED={}, MAESTRO_WORDS={}, ESCAPE=words.quoted
    )  # fmt: skip
    # The compiler is a command, perhaps of several words.
    command = tuple(str(w) for w in flatten(env.subst_list("$CC"))) or ("gcc",)
    tool = fingerprint.tool_remembered(
        fingerprint.STEPS, str(cc["MAESTRO_PYTHON"]), build / ".tool.json", remember=lock.writes()
    )
    cc["MAESTRO_TOOL"] = cc.Value(f"maestro {tool}")
    if not env["MAESTRO_VERBOSE"]:
        cc.SetDefault(**builders.VERBS)
    # DPDK's headers as -isystem: SCons does not scan them; its version, a macro, stands for them in the signature.
    cc["MAESTRO_DPDK_FOLDERS"] = list(found.include_dirs)
    cc["MAESTRO_DPDK_INCLUDES"] = [w for folder in found.include_dirs for w in ("-isystem", words.Place("", folder))]
    # What is made must not depend on where: the repository is ".", this tool's folder its name.
    places = {env.Dir("#").abspath: ".", str(builders.PACKAGE): builders.PACKAGE.name}
    cc["MAESTRO_PREFIX_MAPS"] = [words.Place("-ffile-prefix-map=", place, f"={name}") for place, name in places.items()]
    cc["_CCCOMCOM"] = f"{cc['_CCCOMCOM']} $MAESTRO_DPDK_INCLUDES $MAESTRO_PREFIX_MAPS"
    cc.Append(
        CCFLAGS=[*_C_FLAGS, *found.cflags, *dpdk.RENAMES],
        CPPDEFINES={"MAESTRO_DPDK_VERSION": f'\\"{found.version}\\"'},
        # lib/: NFs include "../nf-log.h" from a folder below nf.h's.
        CPPPATH=[cc.Dir(str(runtime.INCLUDE)), cc.Dir(str(runtime.INCLUDE / "lib"))],
    )
    folders = _include_dirs(env)
    compiled = compilation.words(cc, folders)
    memory = build / f".toolchain-{'-'.join(Path(w).name for w in command)}.json"
    compiles = toolchain.digest(
        command, found, visible, memory, flags=compilation.places(compiled.flags), remember=lock.writes()
    )
    cc["MAESTRO_TOOLCHAIN"] = cc.Value(f"{' '.join(command)}, DPDK {found.version}, and what they read: {compiles}")
    cc["_LIBFLAGS"] = f"{cc['_LIBFLAGS']} $MAESTRO_DPDK_LIBS -lm -lpthread"
    anywhere = cc["CCCOM"].replace("$SOURCES", "$( $SOURCES $)")  # the path is not part of the signature
    cc["MAESTRO_RUNTIME"] = [
        cc.Object(f"#{cc['MAESTRO_BUILD']}/runtime/{source.stem}.o", _file(cc, source), CCCOM=anywhere)
        for source in sorted(runtime.SOURCE.glob("*.c"))
    ]
    cc["MAESTRO_INCLUDED"] = compilation.headers(compiled.flags, folders)
    cc.Depends(cc["MAESTRO_RUNTIME"], [*_files(cc, cc["MAESTRO_INCLUDED"]), cc["MAESTRO_TOOLCHAIN"], _folders(cc)])
    outputs.settle(cc, f"#{cc['MAESTRO_BUILD']}/runtime", flatten(cc["MAESTRO_RUNTIME"]))
    env["MAESTRO_CC_ENV"] = (env, cc)
    return cc


def _say_cache(env: Any) -> None:
    """Why nothing is cached, once and not in each step."""
    setting = cache_trust.setting({**os.environ, **env["ENV"]}, make=False)
    if setting.refusal is not None and not GetOption("help"):
        print(f"warning: {cache.refused(setting)}", file=sys.stderr, flush=True)
        env["ENV"][cache_trust.TOLD] = "1"


def _require_tools(env: Any) -> None:
    from maestro_tool.scons import missing_packages

    missing = missing_packages()
    if missing:
        raise UserError(f"Python packages are missing; install them: pip install {' '.join(missing)}")
    [command, *_] = env.Split(env.subst("$CC")) or ["gcc"]
    # SCons would seek it below each folder of $PATH, also with a folder in its name.
    there = os.access(os.path.join(env.Dir("#").abspath, command), os.X_OK) if "/" in command else env.WhereIs(command)
    if not there:
        raise UserError("no C compiler found; install one: apt-get install gcc libc6-dev (Debian, Ubuntu)")


def _file(env: Any, path: Path) -> Any:
    """A node by a path relative to the top folder (or absolute: files of an installed package)."""
    return env.File(str(path) if path.is_absolute() else f"#{path}")


def _files(env: Any, paths: tuple[Path, ...]) -> list[Any]:
    return [_file(env, p) for p in paths]


def _translated(function: Any, *arguments: Any) -> Any:
    """Call ``function``; its errors end the build with one message, not a traceback."""
    try:
        return function(*arguments)
    except MaestroError as error:
        raise UserError(error.render()) from None
