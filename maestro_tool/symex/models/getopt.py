"""getopt and getopt_long with GNU's rules: arguments are permuted, long options may be abbreviated.

``struct option { const char *name; int has_arg; int *flag; int val; }`` is 32 bytes on x86-64.
"""

from __future__ import annotations

from dataclasses import dataclass

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.expr import Expr, nodes
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.values import NULL, NullPointer, Pointer, Value


@dataclass(frozen=True, slots=True)
class _LongOption:
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
    """optind, optarg and optopt, as far as the NF declares them."""

    def __init__(self, site: CallSite) -> None:
        self._site = site

    def get(self, name: str, default: int) -> int:
        block = self._site.machine.globals.get(name)
        if block is None:
            return default
        value = self._site.machine.load(self._site.state, Pointer(block), 4, "int", self._site.loc)
        assert isinstance(value, Expr)
        return value.const

    def set(self, name: str, size: int, value: Value) -> None:
        block = self._site.machine.globals.get(name)
        if block is not None:
            self._site.machine.store(self._site.state, Pointer(block), size, value, self._site.loc)


def _next(site: CallSite, table: list[_LongOption]) -> Outcome:
    machine, state, variables = site.machine, site.state, _Variables(site)
    if "optind" not in machine.globals:
        site.fail(UnsupportedError, "getopt needs 'extern int optind' from <getopt.h>")
    argv = site.pointer(1)
    pointers = [
        machine.load(state, argv.plus(nodes.const(8 * i, 64)), 8, "pointer", site.loc) for i in range(site.number(0))
    ]
    words = [machine.string(state, p, site.loc) for p in pointers]
    index = max(variables.get("optind", 1), 1)
    inside = machine.getopt_position if variables.get("optind", 1) == machine.getopt_index else 0
    if inside == 0:
        found = next((i for i in range(index, len(words)) if len(words[i]) > 1 and words[i][0] == "-"), None)
        if found is None:
            return site.answer(-1)
        if found > index:  # permute: operands go behind the options
            pointers.insert(index, pointers.pop(found))
            words.insert(index, words.pop(found))
            if words[index] != "--":
                _move_argument_too(pointers, words, index, found, site.string(2), table)
            for i, p in enumerate(pointers):
                machine.store(state, argv.plus(nodes.const(8 * i, 64)), 8, p, site.loc)
        if words[index] == "--":
            variables.set("optind", 4, nodes.const(index + 1, 32))
            return site.answer(-1)
    variables.set("optarg", 8, NULL)
    if words[index].startswith("--") and table and inside == 0:
        return _long(site, table, pointers, words, index, variables)
    return _short(site, pointers, words, index, inside or 1, variables)


def _move_argument_too(
    pointers: list[Value], words: list[str], index: int, found: int, short: str, table: list[_LongOption]
) -> None:
    """An option that was moved takes the word behind it along when that is its argument."""
    word = words[index]
    if word.startswith("--") and table:
        option, _ = _find(table, word[2:])
        separate = option is not None and option.argument == 1 and "=" not in word
    else:
        at = next((k for k in range(1, len(word)) if short.partition(word[k])[2].startswith(":")), None)
        separate = at == len(word) - 1 and not short.partition(word[-1])[2].startswith("::")
    if separate and found + 1 < len(words):
        pointers.insert(index + 1, pointers.pop(found + 1))
        words.insert(index + 1, words.pop(found + 1))


def _find(table: list[_LongOption], word: str) -> tuple[_LongOption | None, int]:
    name = word.partition("=")[0]
    exact = [(o, i) for i, o in enumerate(table) if o.name == name]
    close = [(o, i) for i, o in enumerate(table) if o.name.startswith(name)]
    if exact:
        return exact[0]
    return close[0] if len(close) == 1 else (None, -1)


def _long(
    site: CallSite, table: list[_LongOption], pointers: list[Value], words: list[str], index: int, variables: _Variables
) -> Outcome:
    word = words[index][2:]
    option, position = _find(table, word)
    following = index + 1
    name, equals, _ = word.partition("=")
    if option is None or (equals and option.argument == 0):
        site.machine.output.append(f"unrecognized option '--{name}'")
        variables.set("optind", 4, nodes.const(following, 32))
        return site.answer(ord("?"))
    if equals:
        value = pointers[index]
        assert isinstance(value, Pointer)
        variables.set("optarg", 8, value.plus(nodes.const(2 + len(name) + 1, 64)))
    elif option.argument == 1:
        if following >= len(words):
            site.machine.output.append(f"option '--{option.name}' requires an argument")
            variables.set("optind", 4, nodes.const(following, 32))
            return site.answer(ord(":" if site.string(2).startswith(":") else "?"))
        variables.set("optarg", 8, pointers[following])
        following += 1
    variables.set("optind", 4, nodes.const(following, 32))
    if not isinstance(site.args[4], NullPointer):
        site.store(4, 4, nodes.const(position, 32))
    if isinstance(option.flag, NullPointer):
        return site.answer(option.value)
    site.machine.store(site.state, option.flag, 4, nodes.const(option.value, 32), site.loc)
    return site.answer(0)


def _short(
    site: CallSite, pointers: list[Value], words: list[str], index: int, inside: int, variables: _Variables
) -> Outcome:
    machine, word, letter = site.machine, words[index], words[index][inside]
    known = site.string(2).lstrip("+-:")
    rest = known.partition(letter)[2]
    result, following, inside = ord(letter), index, inside + 1
    if letter == ":" or letter not in known:
        machine.output.append(f"invalid option -- '{letter}'")
        variables.set("optopt", 4, nodes.const(ord(letter), 32))
        result = ord("?")
    elif rest.startswith(":"):
        value = pointers[index]
        assert isinstance(value, Pointer)
        if inside < len(word):
            variables.set("optarg", 8, value.plus(nodes.const(inside, 64)))
        elif not rest.startswith("::"):
            following += 1
            if following < len(words):
                variables.set("optarg", 8, pointers[following])
            else:
                machine.output.append(f"option requires an argument -- '{letter}'")
                result = ord(":" if site.string(2).startswith(":") else "?")
        inside = len(word)
    if inside >= len(word):
        following, inside = following + 1, 0
    machine.getopt_index, machine.getopt_position = following, inside
    variables.set("optind", 4, nodes.const(min(following, len(words)), 32))
    return site.answer(result)
