"""`env.ExplainNF`, `env.CertifyNF` and `env.NewNF`: commands for people, run whenever they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from SCons.Action import Action

from maestro_tool.scons import builders, parallelize, places, variables
from maestro_tool.scons.mistakes import reported
from maestro_tool.scons.places import at_top
from maestro_tool.scons.words import EXACT, Word


def add(env: Any) -> None:
    """Register the pseudo-builders in ``env``."""
    env.AddMethod(reported(at_top(_explain)), "ExplainNF")
    env.AddMethod(reported(at_top(_certify)), "CertifyNF")
    env.AddMethod(reported(at_top(_new)), "NewNF")


def _explain(env: Any, name: str, sources: Any = None, **overrides: Any) -> Any:
    """A node that prints how packets flow through ``name``, what they share, and what is decided for NIC.

    Graphs go to $MAESTRO_BUILD/explain/<nic>/<nf>/.  Other arguments as of Parallelize.
    """
    nic = places.card(env, overrides.pop("NIC", env["NIC"]))
    parallelize.cards(env, nic)
    strategy = variables.strategy(str(overrides.pop("STRATEGY", env["STRATEGY"])))
    function, request = parallelize.described(env, name, sources, **overrides)
    folder = Path(places.build(env)) / "explain" / nic.replace("/", "_") / name
    formats = ("dot", "svg") if env.WhereIs("dot") else ("dot",)
    graphs = [
        f"--{graph}={folder / f'{name}-{graph}.{suffix}'}" for graph in ("tree", "state") for suffix in formats
    ]  # fmt: skip
    return _always(
        env,
        f"explain-{name}-{nic}",
        [env.File(f"#{s}" if not s.is_absolute() else str(s)) for s in function.sources],
        "explain $SOURCES --ports $PORTS $MAESTRO_COMPILE $MAESTRO_ARGS $MAESTRO_EXPLAIN",
        MAESTRO_EXPLAIN=[Word(w) for w in (f"--name={name}", f"--nic={nic}", f"--strategy={strategy}", *graphs)],
        **request,
    )


def _certify(env: Any, name: str, sources: Any = None, **overrides: Any) -> Any:
    """Nodes that prove what is generated for ``name``, per NIC; arguments as of Parallelize.  Nothing is compiled."""
    generated = [n for n in env.Parallelize(name, sources, **overrides) if n.name == "plan.json"]
    return [
        _always(env, f"certify-{plan.get_path()}", [plan], "certify $MAESTRO_FOLDER", MAESTRO_FOLDER=plan.dir)
        for plan in generated
    ]


def _new(env: Any, name: str) -> Any:
    """A node that writes a small NF to start from, in a folder of its own below $MAESTRO_NFS."""
    return _always(env, f"new-{name}", [], "new $MAESTRO_NEW", MAESTRO_NEW=[Word(name), Word(env["MAESTRO_NFS"])])


def _always(env: Any, alias: str, sources: list[Any], words: str, **variables: Any) -> Any:
    """A node that runs ``maestro words`` whenever it is asked for."""
    silent = None if env["MAESTRO_VERBOSE"] else (lambda target, source, env, *rest: "")
    run = Action(builders.command(words), strfunction=silent) if silent else Action(builders.command(words))
    node = env.Alias(places.alias(env, alias), sources, run, **EXACT, **variables)
    env.AlwaysBuild(node)
    return node
