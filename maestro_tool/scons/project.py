"""A whole repository of NFs: what the SConstruct of Maestro's own is, and of those that ``maestro new`` writes.

Only what the command line asks for is declared: that is what keeps a build with nothing to do quick.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from SCons.Script import BUILD_TARGETS, COMMAND_LINE_TARGETS, Default, GetOption, SConsignFile, SetOption

from maestro_tool.scons import lock, mistakes, places, progress, summary, trace, unchanged, variables


def declare(env: Any, nfs: str | Sequence[str] = "nfs", configs: str = "configs") -> None:
    """Declare what ``nf=``, ``nic=`` and the targets of the command line ask for; `scons -h` explains them.

    ``nfs``: the folder with a folder for each NF, or several such folders, with ``*`` for any name.  ``configs``: NIC
    profiles besides those that come with the tool.
    """
    if lock.writes():
        mistakes.folder(Path("build"))
        mistakes.reported(lock.hold, place=False)(Path("build"))
    if lock.writes() or Path("build/.sconsign.dblite").exists():
        SConsignFile("build/.sconsign")
    else:  # signatures are nowhere: without a name, SCons writes them to all folders, be they this tool's
        SConsignFile(".sconsign", SimpleNamespace(open=lambda name, mode: {}))
    SetOption("max_drift", -1)  # contents decide: times of unpacked archives may be equal
    folders = [nfs] if isinstance(nfs, str) else list(nfs)
    known = mistakes.reported(variables.known, place=False)(folders)
    variables.read(env, known, Path(configs))
    env.Tool(
        "maestro", MAESTRO_NFS=folders[0], MAESTRO_CONFIGS=configs, MAESTRO_VERBOSE=env["verbose"],
        MAESTRO_CACHE_URL=env["cache"], MAESTRO_CACHE_MODE=env["cache_mode"], MAESTRO_CLUSTER=env["cluster"],
    )  # fmt: skip
    asked = variables.targets(env, known)
    if GetOption("help"):
        return
    if env["trace"] and lock.writes():
        trace.begin(Path(env["trace"]))
    progress.begin(summary.phases, explain=env["explain"] == "rebuild")
    described = {} if env["args"] is None else {"NF_ARGS": env["args"]}
    if env["ports"]:
        described["PORTS"] = env["ports"]
    options = described | {
        "STRATEGY": env["strategy"],
        "TABLES_FOR": variables.captures(env["traffic"]),
        "FULL_HASH": env["full_hash"],
        "OPTIMISE": env["optimise"],
    }
    same = unchanged.find(env, {} if _more(asked) else asked.parallel, options)
    for nf, nics in asked.parallel.items():
        for nic in nics:
            if cell := same.get((nf, nic)):
                summary.declare(places.build(env), cell.product())
        if others := [nic for nic in nics if (nf, nic) not in same]:
            Default(env.Alias("programs", env.Parallelize(nf, NIC=others, **options)))  # one line if all is there
    if same:
        Default(unchanged.declare(env, "programs", same, lambda nf, nic: env.Parallelize(nf, NIC=[nic], **options)))
    if asked.parallel and GetOption("climb_up") and not COMMAND_LINE_TARGETS:
        BUILD_TARGETS[:] = ["programs"]  # or SCons looks for targets in the folder of sources
    for nf in asked.sequential:
        env.Alias("sequential", env.SequentialNF(nf, **options))
    for nf in asked.run:
        env.Alias(
            "run",
            env.Replay(
                nf, WORKERS=env["workers"], TRAFFIC=variables.captures(env["traffic"]) or env["traffic"], **options
            ),
        )
    for nf in asked.explain:
        for nic in env["nic"]:
            env.Alias("explain", env.ExplainNF(nf, NIC=nic, STRATEGY=env["strategy"], **described))
    for nf in asked.certify:
        env.Alias("certify", env.CertifyNF(nf, NIC=env["nic"], **options))
    for nf in asked.new:
        env.Alias("new", env.NewNF(nf))
    if asked.bench:
        env.Alias("bench", env.Bench(asked.bench, **options))


def _more(asked: variables.Asked) -> bool:
    """Whether anything else than programs is asked for."""
    return any((asked.sequential, asked.run, asked.explain, asked.certify, asked.new, asked.bench))
