"""The same C by two ways: gcc's program, and the frontend's program in the interpreter."""

from __future__ import annotations

import subprocess
from pathlib import Path

from maestro_tool.frontend import load_program
from maestro_tool.frontend.ir import Program

from .interpreter import Interpreter

PRELUDE = """\
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
void out(unsigned long long value);
void out_double(double value);
int sum(int n, ...);
"""

MAIN = r"""
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
void run(void);
void out(unsigned long long value) { printf("%llu\n", value); }
void out_double(double value) { unsigned long long bits; memcpy(&bits, &value, 8); printf("%llu\n", bits); }
int sum(int n, ...) {
  va_list list;
  va_start(list, n);
  int total = 0;
  while (n-- > 0) total += va_arg(list, int);
  return total;
}
int main(void) { run(); return 0; }
"""

# -fwrapv: signed overflow wraps, as in the typed program, so that random expressions need not avoid it.
GCC = ["gcc", "-std=gnu11", "-O1", "-w", "-fwrapv", "-fno-strict-aliasing", "-msse4.2", "-ffp-contract=off"]


def by_gcc(folder: Path, sources: list[Path]) -> list[int]:
    (folder / "main_of_test.c").write_text(MAIN)
    program = folder / "program"
    subprocess.run([*GCC, "-o", program, folder / "main_of_test.c", *sources], check=True)
    done = subprocess.run([program], check=True, capture_output=True, text=True)
    return [int(line) for line in done.stdout.split()]


def by_frontend(sources: list[Path]) -> list[int]:
    machine = Interpreter(load_program(sources))
    machine.call("run", [])
    return machine.output


def write(folder: Path, text: str, name: str = "test.c") -> Path:
    path = folder / name
    path.write_text(PRELUDE + text)
    return path


def load(folder: Path, text: str) -> Program:
    return load_program([write(folder, text)])


def check(folder: Path, *texts: str) -> list[int]:
    """Both ways print the same; returns what."""
    sources = [write(folder, text, f"test{i}.c") for i, text in enumerate(texts)]
    expected, actual = by_gcc(folder, sources), by_frontend(sources)
    for i, (e, a) in enumerate(zip(expected, actual, strict=False)):
        assert e == a, f"output {i}: gcc {e:#x}, frontend {a:#x}"
    assert len(expected) == len(actual) > 0
    return expected
