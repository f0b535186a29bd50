"""``lib<nf>.a``: the NF as one object, in which only what others need has a name; the runtime has a library of its own.

NFs call their variables and functions as they like: ``config``, ``nf_init``, ``FlowId_eq``.  So that several of them
link into one program, these names stay inside.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from SCons.Action import Action
from SCons.Builder import Builder
from SCons.Errors import UserError
from SCons.Util import flatten

from maestro_tool import made_of
from maestro_tool.scons import compilation, reuse
from maestro_tool.scons.words import Word

#: The compiler links for its target and knows its linker; -d: variables without a value get their place here.
_WHOLE = "$CC $MAESTRO_PLACES -nostdlib -r -Wl,-d -o $MAESTRO_WHOLE $SOURCES"
_LOCAL = f"$OBJCOPY -w --keep-global-symbol=$MAESTRO_NF_SYMBOL --keep-global-symbol={made_of.SYMBOL}* $MAESTRO_WHOLE"
_REMOVE = Action(lambda target, source, env: Path(str(env["MAESTRO_WHOLE"])).unlink(), None)
#: Names of compilers that tell for which target its binutils are.
_CROSS = re.compile(r"(.+-)?(?:gcc|cc|clang|cpp)(?:-[0-9.]+)?")


def builder(*, verbose: bool) -> Any:
    """The builder of such a library out of objects; `declare` says what it needs to know."""
    silent = {} if verbose else {"cmdstr": None}
    action = [Action(_WHOLE, **silent), Action(_LOCAL, **silent), Action("$ARCOM", "$ARCOMSTR"), _REMOVE]
    return Builder(action=reuse.Kept(Action(action)), emitter="$LIBEMITTER")


def prepare(cc: Any, flags: tuple[str, ...]) -> None:
    """Construction variables for all libraries of ``cc``, whose compiler gets ``flags``."""
    if "$SOURCES" not in str(cc["ARCOM"]):
        raise UserError("$ARCOM is not as SCons has it, so no library of an NF can be made")
    cc["OBJCOPY"] = cc.get("OBJCOPY") or _objcopy(cc)
    cc["MAESTRO_PLACES"] = [Word(flag) for flag in compilation.places(flags)]


def declare(cc: Any, folder: str, name: str, objects: Sequence[Any]) -> Any:
    """The library of ``name`` in ``folder``, of ``objects``."""
    return cc.MaestroLibrary(
        f"{folder}/lib{name}.a",
        list(objects),
        ARCOM=str(cc["ARCOM"]).replace("$SOURCES", "$MAESTRO_WHOLE"),
        MAESTRO_WHOLE=Word(cc.File(f"{folder}/gen/.{name}.o").get_path()),
        MAESTRO_NF_SYMBOL=f"{name}_nf",
    )


def _objcopy(cc: Any) -> str:
    """The one of the compiler's target: beside ``aarch64-linux-gnu-gcc`` there is ``aarch64-linux-gnu-objcopy``."""
    command = [str(w) for w in flatten(cc.subst_list("$CC"))] or ["gcc"]
    prefixes = [m[1] or "" for word in command if (m := _CROSS.fullmatch(Path(word).name))]
    names = [*(f"{p}objcopy" for p in prefixes[-1:]), "objcopy"]
    found = next((name for name in names if cc.WhereIs(name)), None)
    if found is None:
        raise UserError("objcopy was not found; install it: apt-get install binutils, or set OBJCOPY")
    return found
