"""`env.Replay`: run what was built over captures, whenever it is asked for."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from SCons.Action import Action
from SCons.Errors import UserError

from maestro_tool import profiles
from maestro_tool.scons import builders, parallelize, places, words
from maestro_tool.scons.environment import once
from maestro_tool.scons.mistakes import reported
from maestro_tool.scons.places import at_top

#: What `run` generates by default: enough flows to meet both workers, some odd frames, a second or so of work.
_DEFAULT_TRAFFIC = "--flows 1000 --packets 20000 --unknown 0.05 --odd 0.02"


def add(env: Any) -> None:
    """Register the pseudo-builder in ``env``."""
    env.AddMethod(reported(at_top(_replay)), "Replay")


def _replay(env: Any, name: str, sources: Any = None, *, WORKERS: int = 2, TRAFFIC: str = "", **options: Any) -> Any:
    """A node that replays captures through the program of ``name`` for $NIC (one that needs no card).

    TRAFFIC: a folder with port0.pcap, port1.pcap ...; or options of ``maestro traffic``.  What the NF sends
    is written to build/run/<nic>/<nf>/.
    """
    nic = options.pop("NIC", "soft")
    program = env.Parallelize(name, sources, NIC=nic, **options)[0]
    nic = profiles.label(places.card(env, nic))
    out = f"{places.build(env)}/run/{nic}/{name}"
    arguments = parallelize.arguments(env, name, sources, **options)
    node = env.Alias(
        places.alias(env, f"run-{name}-{nic}"),
        [program, *_captures(env, TRAFFIC)],
        Action(
            builders.command(
                "run ${SOURCES[0]} --in ${SOURCES[1].dir} --out $MAESTRO_OUT --workers $WORKERS -- $NF_ARGS"
            ),
            f"{'RUN':<10}{program}",
        ),
        **words.EXACT,
        MAESTRO_OUT=out,
        WORKERS=WORKERS,
        NF_ARGS=[words.Word(a) for a in arguments],
    )
    env.AlwaysBuild(node)
    return node


def _captures(env: Any, traffic: str) -> list[Any]:
    if traffic and not traffic.startswith("-"):
        folder = Path(places.name(env, traffic))
        found = sorted(folder.glob("port*.pcap"))
        words.check((*found, *(p.resolve() for p in found)))
        if not found:
            raise UserError(
                f"traffic={traffic}: no port0.pcap, port1.pcap ... there; expected a folder of captures, "
                "or options of `maestro traffic` such as traffic='--flows 1000'"
            )
        return [env.File(str(p.resolve())) for p in found]
    try:
        options = shlex.split(traffic or _DEFAULT_TRAFFIC)
    except ValueError as error:
        raise UserError(f"traffic={traffic}: {error}") from None
    folder_name = f"{places.build(env)}/run/traffic"

    def generate() -> Any:
        return env.Command(
            [f"#{folder_name}/port0.pcap", f"#{folder_name}/port1.pcap"],
            [],
            Action(builders.command("traffic -o ${TARGET.dir} $MAESTRO_TRAFFIC"), f"{'TRAFFIC':<10}{folder_name}"),
            **words.EXACT,
            MAESTRO_TRAFFIC=[words.Word(o) for o in options],
        )

    return list(once(env, folder_name, options, None, generate))
