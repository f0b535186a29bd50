"""Functions whose name, or linkage, lets the compiler take another function than the analysis does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.frontend.context import Context
from maestro_tool.frontend.ir import Function
from maestro_tool.frontend.merge import canonical
from maestro_tool.frontend.parse import c_ast

#: Functions of the C library that compilers know (gcc's "Other Builtins"): their calls become something else.
_NAMES: Final = """
    _Exit _exit abort abs aligned_alloc alloca atexit atof atoi atol atoll bcmp bcopy bzero calloc ceil cos exit
    exp exp2 fabs fflush ffs ffsl ffsll floor fmax fmin fmod fprintf fputc fputs free fscanf fwrite hypot imaxabs
    index isalnum isalpha isascii isblank iscntrl isdigit isgraph islower isprint ispunct isspace isupper isxdigit
    labs ldexp llabs log log10 log2 lrint malloc memccpy memchr memcmp memcpy memmove mempcpy memrchr memset modf
    posix_memalign pow printf putc putchar puts qsort realloc rindex rint round scanf sin snprintf sprintf sqrt
    sscanf stpcpy stpncpy strcasecmp strcat strchr strcmp strcpy strcspn strdup strlen strncasecmp strncat strncmp
    strncpy strndup strnlen strpbrk strrchr strspn strstr tan toascii tolower toupper trunc vfprintf vprintf
    vsnprintf vsprintf vsscanf
"""
_KNOWN: Final = frozenset(_NAMES.split())
#: How names of the runtime and of DPDK begin, which generated code and DPDK's inline functions call.
_OTHERS: Final = re.compile(r"maestro_|(?:__)?rte_|per_lcore_")


def check_name(ctx: Context, node: Any) -> None:
    """Refuses the definition ``node`` of a function or variable that others than the NF might mean."""
    declared = node.decl if isinstance(node, c_ast.FuncDef) else node
    if "static" in declared.storage:
        return
    if declared.name in _KNOWN and isinstance(node, c_ast.FuncDef):
        whose = "a function of the C library, which compilers take for that"
    elif _OTHERS.match(declared.name):
        whose = "a name of DPDK's or of generated programs"
    else:
        return
    ctx.unsupported(f"'{declared.name}' is {whose}", node, "give it another name, or make it static")


def is_inline(node: Any) -> bool:
    """Whether a definition is only for where it is inlined: what is called elsewhere, another unit defines."""
    declared = node.decl
    return "inline" in declared.funcspec and not {"static", "extern"} & set(declared.storage)


def check_inline(bodies: Iterable[tuple[Context, Any, str]], functions: Mapping[str, Function]) -> None:
    """Raises `UnsupportedError` where a function with external linkage is inline, and another one in another unit: C
    leaves open which is called.  ``bodies``: definitions, with their names in the program."""
    seen = [(ctx, node, name) for ctx, node, name in bodies if "static" not in node.decl.storage]
    inlined = {node.decl.name for _, node, _ in seen if is_inline(node)}
    copies = {name: node.decl.name for _, node, name in seen if node.decl.name in inlined}
    first: dict[str, str] = {}
    for ctx, node, name in seen:
        c_name = node.decl.name
        found = functions.get(name) or functions.get(c_name)
        if c_name not in inlined or found is None:
            continue
        text = canonical(found, copies)
        if first.setdefault(c_name, text) != text:
            raise UnsupportedError(
                f"there are different functions '{c_name}', one of them inline: C leaves open which is called",
                ctx.unit.location(node),
                hint="make those of one unit static, or give them different names",
            )
