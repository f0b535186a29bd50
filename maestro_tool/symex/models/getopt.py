"""getopt and getopt_long with GNU's rules: arguments are permuted, long options may be abbreviated.

``struct option { const char *name; int has_arg; int *flag; int val; }`` is 32 bytes on x86-64.
"""

from __future__ import annotations

from dataclasses import dataclass

from maestro_tool.expr import Expr, nodes
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.values import NULL, NullPointer, Pointer, Value


@dataclass(frozen=True, slots=True)
class _LongOption:
    """A row of the table that getopt_long is given."""

    name: str
    argument: int  # 0 none, 1 required, 2 optional
    flag: Value
    value: int


def getopt(site: CallSite) -> Outcome:
    """int getopt(int argc, char *const argv[], const char *optstring)"""
    return _next(site, [])


def getopt_long(site: CallSite) -> Outcome:
    """int getopt_long(int, char *const[], const char *, const struct option *, int *longindex)"""
    return _next(site, _table(site))


def _table(site: CallSite) -> list[_LongOption]:
    options: list[_LongOption] = []
    base = site.pointer(3)

    def member(at: int, size: int, kind: str) -> Value:
        place = base.plus(nodes.const(at, 64))
        return site.machine.load(site.state, place, size, kind, site.loc)  # type: ignore[arg-type]

    while True:
        at = 32 * len(options)
        name = member(at, 8, "pointer")
        if isinstance(name, NullPointer):
            return options
        text = site.machine.string(site.state, name, site.loc)
        argument, value = member(at + 8, 4, "int"), member(at + 24, 4, "int")
        assert isinstance(argument, Expr) and isinstance(value, Expr)
        options.append(_LongOption(text, argument.const, member(at + 16, 8, "pointer"), value.const))


class _Variables:
    """optind, optarg and optopt: the NF's, or where it has no use for them, the machine's."""

    def __init__(self, site: CallSite) -> None:
        self._site = site

    def get(self, name: str, default: int) -> int:
        block = self._site.machine.globals.get(name)
        if block is None:
            return self._site.machine.getopt_variables.get(name, default)
        value = self._site.machine.load(self._site.state, Pointer(block), 4, "int", self._site.loc)
        assert isinstance(value, Expr)
        return value.const

    def set(self, name: str, size: int, value: Value) -> None:
        block = self._site.machine.globals.get(name)
        if block is None:
            self._site.machine.getopt_variables[name] = value.const if isinstance(value, Expr) else 0
        else:
            self._site.machine.store(self._site.state, Pointer(block), size, value, self._site.loc)


def _next(site: CallSite, table: list[_LongOption]) -> Outcome:
    machine, state, variables = site.machine, site.state, _Variables(site)
    argv = site.pointer(1)
    pointers = [
        machine.load(state, argv.plus(nodes.const(8 * i, 64)), 8, "pointer", site.loc) for i in range(site.number(0))
    ]
    words = [machine.string(state, p, site.loc) for p in pointers]
    start = max(variables.get("optind", 1), 1)
    in_progress, at, inside = machine.getopt_progress
    if inside == 0 or in_progress != start:
        found = next((i for i in range(start, len(words)) if len(words[i]) > 1 and words[i][0] == "-"), None)
        if found is None:
            return site.answer(-1)
        at, inside = found, 0
    if words[at] == "--" and inside == 0:
        _consume(site, pointers, start, at, at + 1, variables)
        return site.answer(-1)
    variables.set("optarg", 8, NULL)
    if words[at].startswith("--") and table and inside == 0:
        result, following = _long(site, table, pointers, words, at, variables)
        inside = 0
    else:
        result, following, inside = _short(site, pointers, words, at, inside or 1, variables)
    machine.getopt_progress = (start, at, inside)
    if inside == 0:
        _consume(site, pointers, start, at, following, variables)
    return site.answer(result)


def _consume(site: CallSite, pointers: list[Value], start: int, at: int, following: int, variables: _Variables) -> None:
    """Words at..following-1 are done: they move before the operands start..at-1 that were passed over."""
    order = [*pointers[at:following], *pointers[start:at]]
    for i, p in enumerate(order, start):
        place = site.pointer(1).plus(nodes.const(8 * i, 64))
        site.machine.store(site.state, place, 8, p, site.loc)
    variables.set("optind", 4, nodes.const(start + min(following, len(pointers)) - at, 32))


def _find(table: list[_LongOption], word: str) -> tuple[_LongOption | None, int]:
    name = word.partition("=")[0]
    exact = [(o, i) for i, o in enumerate(table) if o.name == name]
    close = [(o, i) for i, o in enumerate(table) if o.name.startswith(name)]
    if exact:
        return exact[0]
    return close[0] if len(close) == 1 else (None, -1)


def _long(
    site: CallSite, table: list[_LongOption], pointers: list[Value], words: list[str], at: int, variables: _Variables
) -> tuple[int, int]:
    """(result, index of the next word) for the long option at ``at``."""
    word = words[at][2:]
    option, position = _find(table, word)
    following = at + 1
    name, equals, _ = word.partition("=")
    if option is None or (equals and option.argument == 0):
        site.machine.output.append(f"unrecognized option '--{name}'")
        return ord("?"), following
    if equals:
        value = pointers[at]
        assert isinstance(value, Pointer)
        variables.set("optarg", 8, value.plus(nodes.const(2 + len(name) + 1, 64)))
    elif option.argument == 1:
        if following >= len(words):
            site.machine.output.append(f"option '--{option.name}' requires an argument")
            return _missing(site), following
        variables.set("optarg", 8, pointers[following])
        following += 1
    if len(site.args) > 4 and not isinstance(site.args[4], NullPointer):
        site.store(4, 4, nodes.const(position, 32))
    if isinstance(option.flag, NullPointer):
        return option.value, following
    site.machine.store(site.state, option.flag, 4, nodes.const(option.value, 32), site.loc)
    return 0, following


def _short(
    site: CallSite, pointers: list[Value], words: list[str], at: int, inside: int, variables: _Variables
) -> tuple[int, int, int]:
    """(result, index of the next word, where to go on in this word or 0) for the letter at ``inside``."""
    machine, word, letter = site.machine, words[at], words[at][inside]
    known = site.string(2).lstrip("+-:")
    rest = known.partition(letter)[2]
    result, following, inside = ord(letter), at + 1, inside + 1
    if letter == ":" or letter not in known:
        machine.output.append(f"invalid option -- '{letter}'")
        variables.set("optopt", 4, nodes.const(ord(letter), 32))
        result = ord("?")
    elif rest.startswith(":"):
        value = pointers[at]
        assert isinstance(value, Pointer)
        if inside < len(word):
            variables.set("optarg", 8, value.plus(nodes.const(inside, 64)))
        elif not rest.startswith("::"):
            if following < len(words):
                variables.set("optarg", 8, pointers[following])
                following += 1
            else:
                machine.output.append(f"option requires an argument -- '{letter}'")
                result = _missing(site)
        inside = len(word)
    return result, following, 0 if inside >= len(word) else inside


def _missing(site: CallSite) -> int:
    return ord(":" if site.string(2).startswith(":") else "?")
