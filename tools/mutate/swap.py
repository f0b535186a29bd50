"""A mutant in place of the original: functions keep their identity, so whoever imported one runs the mutant."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType

from mutate.mutants import Mutant


def put(mutant: Mutant) -> None:
    """Make this process run ``mutant``, whose module has been imported."""
    module = _module(str(mutant.file))
    forget(str(mutant.file))  # else it would answer as the original did
    if mutant.lines is None:
        _put_table(module, mutant)
        return
    code = {c.co_qualname: c for c in _codes(mutant.code)}
    for function in _functions(module):
        function.__code__ = code[function.__qualname__]


def forget(file: str) -> None:
    """What functions of the file remember of calls (`functools.cache`)."""
    for found in vars(_module(file)).values():
        if hasattr(found, "cache_clear") and found.__wrapped__.__code__.co_filename == file:
            found.cache_clear()


def _module(file: str) -> ModuleType:
    [module] = [m for m in list(sys.modules.values()) if getattr(m, "__file__", None) == file]
    return module


def _put_table(module: ModuleType, mutant: Mutant) -> None:
    """The table as the mutant makes it, in the module and wherever it was imported to."""
    fresh = ModuleType(module.__name__)
    fresh.__package__, fresh.__file__ = module.__package__, module.__file__
    exec(mutant.code, vars(fresh))
    old, new = getattr(module, mutant.where), getattr(fresh, mutant.where)
    for m in list(sys.modules.values()):
        if getattr(m, mutant.where, None) is old:
            setattr(m, mutant.where, new)


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _functions(module: ModuleType) -> Iterator[FunctionType]:
    """Functions that the module defines, and those of its classes, as its file has them."""
    for found in vars(module).values():
        members = vars(found).values() if isinstance(found, type) and found.__module__ == module.__name__ else [found]
        for f in members:
            f = f.fget if isinstance(f, property) else f
            f = f.__wrapped__ if hasattr(f, "cache_clear") else f
            if isinstance(f, FunctionType) and f.__code__.co_filename == module.__file__:
                yield f
