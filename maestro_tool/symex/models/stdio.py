"""Reading files in set-up: the content is read when the analysis runs, and compared when the program starts."""

from __future__ import annotations

from maestro_tool.diagnostics import InputError, UnsupportedError
from maestro_tool.expr import nodes
from maestro_tool.symex.files import Stream
from maestro_tool.symex.memory import Block, External, Uninitialised
from maestro_tool.symex.models.format import scan
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.values import NULL, NullPointer, Pointer, Value

_EOF = -1
_ENOENT = 2
_SHORTEST_LINE = 120  # what glibc's getline allocates at first


def set_errno(site: CallSite, number: int) -> None:
    """errno, as far as the NF has it."""
    block = site.machine.globals.get("errno")
    if block is not None:
        site.machine.store(site.state, Pointer(block), 4, nodes.const(number, 32), site.loc)


def put(site: CallSite, target: Value, data: bytes) -> None:
    """Write bytes to memory."""
    if data:
        value = nodes.const(int.from_bytes(data, "little"), 8 * len(data))
        site.machine.store(site.state, target, len(data), value, site.loc)


def _stream(site: CallSite, i: int) -> Stream:
    file = site.args[i]
    if isinstance(file, NullPointer):
        site.fail(InputError, f"'{site.name}' is given no file: fopen failed", "check what fopen returns")
    stream = site.machine.files.streams.get(file.block) if isinstance(file, Pointer) else None
    if stream is None:
        site.fail(UnsupportedError, f"'{site.name}' on what is no open file", "only files that fopen opened are read")
    return stream


def fopen(site: CallSite) -> Outcome:
    """FILE *fopen(const char *name, const char *mode)"""
    name, mode = site.string(0), site.string(1)
    if mode.rstrip("bemct") != "r":
        site.fail(UnsupportedError, f"opens '{name}' with mode \"{mode}\"", "an NF may read files, not write them")
    try:
        stream = site.machine.files.open(name, site.loc)
    except UnsupportedError as error:
        site.fail(UnsupportedError, error.message)
    if stream is None:
        set_errno(site, _ENOENT)
        return NULL
    number = site.state.memory.add(Block(f"the file '{name}'", None, External()))
    site.machine.files.streams[number] = stream
    return Pointer(number)


def fclose(site: CallSite) -> Outcome:
    """int fclose(FILE *)"""
    _stream(site, 0)
    del site.machine.files.streams[site.pointer(0).block]
    return site.answer(0)


def fgetc(site: CallSite) -> Outcome:
    """int fgetc(FILE *), int getc(FILE *)"""
    found = _stream(site, 0).read(1)
    return site.answer(found[0] if found else _EOF)


def ungetc(site: CallSite) -> Outcome:
    """int ungetc(int, FILE *): of the character that was read last."""
    stream, character = _stream(site, 1), site.signed(0)
    if character == _EOF:
        return site.answer(_EOF)
    if stream.at == 0 or stream.data[stream.at - 1] != character & 0xFF:
        site.fail(UnsupportedError, "ungetc of another character than the one read last")
    stream.at, stream.ended = stream.at - 1, False
    return site.answer(character)


def fgets(site: CallSite) -> Outcome:
    """char *fgets(char *, int size, FILE *)"""
    line = _stream(site, 2).line(site.signed(1, "the size") - 1)
    if not line:
        return NULL
    put(site, site.args[0], line + b"\0")
    return site.args[0]


def getline(site: CallSite) -> Outcome:
    """ssize_t getline(char **line, size_t *size, FILE *)"""
    stream = _stream(site, 2)
    line = stream.line(len(stream.data) + 1)
    if not line:
        return site.answer(_EOF)
    # A new buffer each time: how large the old one was is the library's business.
    old = site.machine.load(site.state, site.args[0], 8, "pointer", site.loc)
    if isinstance(old, Pointer):
        site.machine.release(site.state, old.block, site.loc)
    size = max(_SHORTEST_LINE, len(line) + 1)
    buffer = Pointer(site.state.memory.add(Block("a line", size, Uninitialised())))
    put(site, buffer, line + b"\0")
    site.store(0, 8, buffer)
    site.store(1, 8, nodes.const(size, 64))
    return site.answer(len(line))


def fread(site: CallSite) -> Outcome:
    """size_t fread(void *, size_t size, size_t count, FILE *)"""
    size, stream = site.number(1, "the size"), _stream(site, 3)
    data = stream.read(size * site.number(2, "the count"))
    put(site, site.args[0], data)
    return site.answer(len(data) // size if size else 0)


def feof(site: CallSite) -> Outcome:
    """int feof(FILE *): only after a read met the end."""
    return site.answer(int(_stream(site, 0).ended))


def ferror(site: CallSite) -> Outcome:
    """int ferror(FILE *)"""
    _stream(site, 0)
    return site.answer(0)


def rewind(site: CallSite) -> Outcome:
    """void rewind(FILE *)"""
    stream = _stream(site, 0)
    stream.at, stream.ended = 0, False
    return None


def fseek(site: CallSite) -> Outcome:
    """int fseek(FILE *, long offset, int whence)"""
    stream, whence = _stream(site, 0), site.number(2)
    start = {0: 0, 1: stream.at, 2: len(stream.data)}.get(whence)
    at = -1 if start is None else start + site.signed(1, "the offset")
    if at < 0:
        return site.answer(-1)
    stream.at, stream.ended = min(at, len(stream.data)), False
    return site.answer(0)


def ftell(site: CallSite) -> Outcome:
    """long ftell(FILE *)"""
    return site.answer(_stream(site, 0).at)


def fscanf(site: CallSite) -> Outcome:
    """int fscanf(FILE *, const char *format, ...)"""
    stream = _stream(site, 0)
    text = stream.data[stream.at :].decode("latin-1")
    found = scan(site, text, 1, lambda target, data: put(site, target, data))
    stream.at += found.used
    stream.ended = stream.ended or found.used == len(text)
    return site.answer(found.result)


def sscanf(site: CallSite) -> Outcome:
    """int sscanf(const char *, const char *format, ...)"""
    found = scan(site, site.string(0), 1, lambda target, data: put(site, target, data))
    return site.answer(found.result)
