"""The rest of the C library that set-up calls: sorting, absolute values, and what differs from run to run.

In nf_config_init, which runs once, numbers of the clock, of rand and of the environment are as good as any: what the
plan depends on is pinned, and the program compares its own run with the analysis when it starts.  In nf_init, which
runs for each worker, those that would be others each time must not be used (`setup.SetUpMachine`).
"""

from __future__ import annotations

import math
from functools import cmp_to_key

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.expr import nodes
from maestro_tool.symex.memory import Block, Uninitialised
from maestro_tool.symex.notes import NoteCode
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.values import NULL, NullPointer, Pointer


def qsort(site: CallSite) -> Outcome:
    """void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *)): stable here."""
    count, size = site.number(1, "the count"), site.number(2, "the size")
    machine, state, compare = site.machine, site.state, site.function(3)
    if compare not in machine.program.functions:
        site.fail(UnsupportedError, f"'{compare}', which qsort calls, is not defined by the NF")
    base = site.args[0]
    old = Pointer(state.memory.add(Block("what qsort sorts", count * size, Uninitialised())))
    machine.copy(state, old, base, count * size, site.loc)

    def order(a: int, b: int) -> int:
        places: list[Pointer] = [old.plus(nodes.const(i * size, 64)) for i in (a, b)]
        result = machine.call(state, compare, [*places], site.loc)
        return nodes.signed(machine.concrete(state, machine.as_integer(result, 32, site.loc), site.loc, "an order"), 32)

    for to, source in enumerate(sorted(range(count), key=cmp_to_key(order))):
        target = site.pointer(0).plus(nodes.const(to * size, 64))
        machine.copy(state, target, old.plus(nodes.const(source * size, 64)), size, site.loc)
    return None


def absolute(site: CallSite) -> Outcome:
    """int abs(int), long labs(long)"""
    value = site.expr(0)
    zero = nodes.const(0, value.width)
    return nodes.ite(nodes.compare("slt", value, zero), nodes.binary("sub", zero, value), value)


FLOATS = {
    "ceil": math.ceil, "floor": math.floor, "trunc": math.trunc, "sqrt": math.sqrt, "fabs": math.fabs, "exp": math.exp,
    "log": math.log, "log2": math.log2, "log10": math.log10, "pow": math.pow, "fmin": min, "fmax": max,
    "fmod": math.fmod, "round": lambda x: math.copysign(math.floor(abs(x) + 0.5), x),
}  # fmt: skip


def floating(site: CallSite) -> Outcome:
    """double ceil(double), pow(double, double) ...: to the last digit or so."""
    values = [v for v in site.args if isinstance(v, float)]
    try:
        return float(FLOATS[site.name](*values))  # type: ignore[operator]
    except (ValueError, OverflowError):
        site.fail(UnsupportedError, f"'{site.name}' of {', '.join(map(str, values))} has no finite value")


def getenv(site: CallSite) -> Outcome:
    """char *getenv(const char *)"""
    site.machine.note(site.loc, NoteCode.NOT_IN_ENVIRONMENT, site.string(0))
    return NULL


def current_time(site: CallSite) -> Outcome:
    """vigor_time_t current_time(void), recent_time(void): 0 before the first packet."""
    return site.answer(0)


def number_of_this_run(site: CallSite) -> Outcome:
    """time_t time(time_t *), int rand(void)"""
    number = site.machine.number_of_this_run(site.name, site.result_bits)
    if site.args and not isinstance(site.args[0], NullPointer):
        site.store(0, 8, number)
    return number


def clock_gettime(site: CallSite) -> Outcome:
    """int clock_gettime(clockid_t, struct timespec *), int gettimeofday(struct timeval *, void *)"""
    site.store(0 if site.name == "gettimeofday" else 1, 16, site.machine.number_of_this_run(site.name, 128))
    return site.answer(0)


#: What gives other numbers each time it is called.
OF_THIS_RUN = {
    "time": number_of_this_run, "rand": number_of_this_run, "random": number_of_this_run,
    "clock_gettime": clock_gettime, "gettimeofday": clock_gettime,
}  # fmt: skip


def nothing(site: CallSite) -> Outcome:
    """Of no effect on what is analysed: srand, atexit ..."""
    return site.answer(0) if site.result_bits else None
