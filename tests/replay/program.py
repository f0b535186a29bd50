"""The sequential program of an NF, as `maestro sequential` makes it, called frame by frame."""

from __future__ import annotations

import ctypes
import itertools
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from maestro_tool.frontend import DEFAULT, read_program
from maestro_tool.frontend.ir import Program
from maestro_tool.nf import NetworkFunction
from maestro_tool.pipeline import Request, Stopwatch, generate_sequential
from maestro_tool.symex import Limits
from tests.operations.library import Compiler

HERE = Path(__file__).parent
_DROP, _FLOOD = 0xFFFE, 0xFFFF

Verdict = int | Literal["drop", "flood"]


@dataclass(frozen=True)
class Sequential:
    """``program``: what the sources mean; ``library``: the compiled NF, all of its functions within reach."""

    program: Program
    library: Path
    ports: int
    limits: Limits
    pure: tuple[str, ...]


def build(compiler: Compiler, nf: NetworkFunction) -> Sequential:
    """The program in a folder of its own below the compiler's."""
    request = Request(
        nf.sources, ports=nf.ports, include_dirs=(nf.root,), limits=nf.limits, pure=nf.pure, xdp=nf.attachment.words
    )
    folder = compiler.folder / nf.name
    for file, text in generate_sequential(request, nf.name, Stopwatch())[1].items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    files = [f for f in sorted(folder.rglob("*.c")) if f.name != f"main_{nf.name}.c"]
    flags = [f"-DNF={nf.name}_nf", f"-DN_PORTS={nf.ports}", f"-I{folder / 'gen'}", "-w"]
    objects = compiler.objects(folder, [*files, HERE / "driver.c"], *flags)
    program = read_program(nf.sources, DEFAULT.with_more([nf.root], []), nf.attachment).program
    compiler.reveal(objects, program.functions)
    library = compiler.link(compiler.folder / f"{nf.name}.so", [*objects, *compiler.runtime])
    return Sequential(program, library, nf.ports, Limits(**dict(nf.limits)), nf.pure)


def build_file(compiler: Compiler, name: str, text: str, ports: int = 2) -> Sequential:
    """An NF of one file."""
    source = compiler.folder / "sources" / name / f"{name}.c"
    source.parent.mkdir(parents=True)
    source.write_text(text)
    return build(compiler, NetworkFunction(name, (source,), (), ports=ports))


class Run:
    """One start of the program, with its own variables."""

    _numbers = itertools.count()

    def __init__(self, nf: Sequential, arguments: tuple[str, ...]) -> None:
        # Loaded under a name of its own, since one library is loaded once.
        copy = nf.library.with_name(f"{nf.library.stem}-{next(self._numbers)}.so")
        shutil.copy(nf.library, copy)
        self.library = ctypes.CDLL(str(copy))
        copy.unlink()
        words = [b"nf", *(word.encode() for word in arguments)]
        argv = (ctypes.c_char_p * (len(words) + 1))(*words, None)
        error = ctypes.create_string_buffer(256)
        self._kept = argv  # NFs keep addresses of their arguments
        status = self.library.replay_start(len(words), argv, error, ctypes.c_size_t(256))
        assert status == 0, error.value.decode()
        self.library.replay_process.restype = ctypes.c_uint16

    def process(self, port: int, frame: bytes, now: int) -> tuple[Verdict, bytes]:
        """The verdict, and the frame as it leaves."""
        start, length = ctypes.c_void_p(), ctypes.c_uint16()
        verdict = self.library.replay_process(
            ctypes.c_uint16(port),
            frame,
            ctypes.c_uint16(len(frame)),
            ctypes.c_int64(now),
            ctypes.byref(start),
            ctypes.byref(length),
        )
        assert start.value is not None
        sent = ctypes.string_at(start.value, length.value)
        return "drop" if verdict == _DROP else "flood" if verdict == _FLOOD else verdict, sent
