"""The compiler's flags: which the preprocessor must see, which change what C means, which do not.

One table.  No preprocessor shows what ``-funsigned-char`` or ``-fpack-struct`` do, so a flag that the table does not
know is refused: gcc and clang have more than two thousand, and a wrong guess would be silent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from maestro_tool.diagnostics import InputError, UnsupportedError

#: ``kept``: harmless, or seen by the preprocessor, which gets it.  ``dropped``: harmless, and the preprocessor must not
#: get it (it writes files, or says what is to be made).  ``refused``: the program would mean something else.
Treatment = Literal["kept", "dropped", "refused"]


@dataclass(frozen=True, slots=True)
class Row:
    """Flags that ``pattern`` matches as a whole.  ``example`` is one; ``why`` is of a refusal what the flag changes."""

    example: str
    treatment: Treatment
    why: str
    pattern: str


def _row(treatment: Treatment, example: str, why: str, *patterns: str) -> Row:
    return Row(example, treatment, why, "|".join(patterns) or re.escape(example))


def _f(names: str) -> str:
    """-fNAME and -fno-NAME of names (regular expressions) between blanks."""
    return rf"-f(?:no-)?(?:{'|'.join(names.split())})"


def _m(names: str) -> str:
    """-mNAME and -mno-NAME."""
    return rf"-m(?:no-)?(?:{'|'.join(names.split())})"


_CHARACTERS = "what char and the characters of literals are"
_LAYOUT = "how structs, enumerations and numbers lie in memory"
_LANGUAGE = "which C is read"
_FLOATS = "floating-point numbers are calculated as IEEE 754 says"
_TARGET = "the analysis assumes pointers and long of 64 bits, little-endian"
_UNSEEN = "what is in it would not be seen"
_ELSEWHERE = "the compiler would do what this command line does not say"
_UNDEFINED = "the compiler assumes less, or no more than C says"

#: The first row that matches counts; what none matches is refused.
ROWS: tuple[Row, ...] = (
    # -- The preprocessor's own: the analysis preprocesses with them, in their order.
    _row("kept", "-DNAME=1", "a macro", "-D.+"),
    _row("kept", "-UNAME", "no macro", "-U.+"),
    _row("kept", "-Iinclude", "a folder of headers", "-I.+"),
    _row("kept", "-isysteminclude", "a folder of others' headers", "-(?:isystem|idirafter|iquote).+"),
    _row("kept", "-includex.h", "a header before the file", "-(?:include|imacros)(?!-p).+"),
    _row("kept", "-std=gnu11", "C of 1999 to 2017",
         "--?std=(?:gnu|c|iso9899:)(?:99|9x|11|1x|17|18|1999|2011|2017|2018)"),
    _row("refused", "-std=gnu89", f"{_LANGUAGE}: older C has another inline, newer C has other words", "--?std=.+"),
    _row("refused", "-ansi", _LANGUAGE),
    _row("refused", "-traditional-cpp", _LANGUAGE, "-traditional(?:-cpp)?"),
    _row("refused", "-trigraphs", _LANGUAGE),
    _row("refused", "-undef", "the compiler's own macros say what it is"),
    _row("refused", "-nostdinc", "the library's headers are needed"),
    _row("refused", "-Wp,-DNAME=1", f"{_UNSEEN}: write the flags without -Wp,", "-Wp,.*"),
    _row("refused", "-Xpreprocessor", f"{_UNSEEN}: write the flags without it", "-(?:Xpreprocessor|Xclang|mllvm)"),
    _row("refused", "@flags", f"{_UNSEEN}: write the flags of a response file out", "@.*"),
    # -- Files, messages, debugging.
    _row("dropped", "-MMD", "writes what a unit depends on", "-M(?:D|MD|P|G)"),
    _row("dropped", "-MFunit.d", "writes what a unit depends on", "-M[FTQ].+"),
    _row("dropped", "-save-temps", "keeps files in between", "-save-temps(?:=.+)?"),
    _row("dropped", "-c", "compile only"),
    _row("dropped", "-ounit.o", "where the object goes", "-o.+"),
    _row("dropped", "-Wl,-z,now", "the linker's", "-Wl,.+"),
    _row("dropped", "-lm", "the linker's", "-[lL].+"),
    _row("dropped", "-pipe", "how the compiler's parts talk", "-pipe|-v"),
    _row("refused", "-Wa,--defsym", f"the assembler's: {_UNSEEN}", "-Wa,.*|-Xassembler"),
    _row("kept", "-Wall", "warnings", r"-W(?:[a-z][\w+=-]*)?|-w|-pedantic(?:-errors)?",
         r"-f(?:max-errors|error-limit)=\d+|-Qunused-arguments", _f(r"diagnostics-[\w=-]+ message-length=\d+")),
    _row("dropped", "-g3", "debugging information; the preprocessor would print macros", r"-g[\w=-]*",
         _f(r"debug-(?!prefix)[\w-]+ eliminate-unused-debug-[\w-]+ var-tracking[\w-]*")),
    _row("kept", "-ffile-prefix-map=/src=.", "names of files in __FILE__ and in debugging information",
         "-f(?:file|macro|debug|profile|coverage)-prefix-map=.+"),
    # -- Optimisation: of a program without undefined behaviour, none of these changes what it does.
    _row("refused", "-Ofast", f"it has -ffast-math: {_FLOATS}"),
    _row("kept", "-O2", "optimisation", "-O(?:[0-3sgz])?"),
    _row("kept", "-flto", "optimisation of the whole program; the NF's own files are compiled without",
         _f(r"lto[\w=-]* fat-lto-objects use-linker-plugin whole-program-vtables"),
         "-fno-(?:whole-program|merge-all-constants)"),
    _row("refused", "-fwhole-program", "functions that other files call would not be in the object"),
    _row("refused", "-fmerge-all-constants", "constants that C keeps apart would have one address"),
    _row("refused", "-ftree-parallelize-loops=4", "an NF is sequential", "-ftree-parallelize-loops=.+"),
    _row("kept", "-funroll-loops", "optimisation", _f(
        r"(?:tree|ipa|gcse|sched|schedule|align|if-conversion2?|inline|unroll|peel|split|loop|graphite|move-loop|unswitch"
        r"|prefetch|reorder|vect|cse|keep-inline|keep-static|devirtualize|hoist|peephole2?|shrink-wrap|sel-sched|ira|ssa)"
        r"(?:-(?!stack)[\w-]+)?(?:=[\w,.-]+)?"
        " early-inlining partial-inlining rename-registers dce dse crossjumping thread-jumps code-hoisting jump-tables"
        " slp-vectorize vectorize modulo-sched lra optimize-sibling-calls omit-frame-pointer combine-stack-adjustments"
        " compare-elim auto-inc-dec guess-branch-probability merge-constants store-merging"
        " expensive-optimizations forward-propagate defer-pop branch-count-reg version-loops-for-strides web tracer ree"
        " cprop-registers bit-tests live-range-shrinkage caller-saves conserve-stack printf-return-value allocation-dce"
        " unit-at-a-time toplevel-reorder isolate-erroneous-paths-[a-z]+ section-anchors function-cse optimize-strlen"
        " ivopts predictive-commoning selective-scheduling2?"
        r" rerun-cse-after-loop strength-reduce analyzer[\w-]* zero-call-used-regs=[\w-]+ use-ld=\w+ tls-model=[\w-]+"
    )),
    _row("kept", "--param=max-inline-insns-auto=1", "optimisation", r"--param=?[\w-]+=\d+"),
    _row("kept", "-fprofile-use", "optimisation by measured runs",
         _f(r"profile-(?!prefix)[\w=./-]+ auto-profile(?:=.+)? branch-probabilities test-coverage"), "--coverage"),
    _row("kept", "-fwrapv", "signed numbers wrap around, as the analysis has it", _f("wrapv(?:-pointer)?")),
    _row("kept", "-fno-strict-aliasing", _UNDEFINED,
         _f(r"strict-(?:aliasing|overflow|volatile-bitfields|flex-arrays)(?:=\d)?"),
         _f(r"delete-null-pointer-checks aggressive-loop-optimizations finite-loops lifetime-dse(?:=\d)?")),
    _row("kept", "-fno-builtin", "which functions the compiler knows; they do what the library says",
         _f(r"builtin(?:-\w+)? hosted"), "-ffreestanding"),
    # -- Code generation: addresses, tables, checks of what C leaves undefined.
    _row("kept", "-fPIC", "position-independent code", _f("pic PIC pie PIE plt semantic-interposition"),
         "-(?:no-)?pie|-static|-shared|-rdynamic"),
    _row("kept", "-fstack-protector-strong", "checks of the stack",
         _f(r"stack-(?:protector|clash|check|usage|limit|reuse)[\w=-]* cf-protection[\w=-]* hardened trampolines")),
    _row("kept", "-fsanitize=address", "checks of what C leaves undefined, which the analysis excludes",
         _f(r"sanitize(?:-[\w-]+)?(?:=[\w,.=/-]+)?")),
    _row("kept", "-ftrivial-auto-var-init=zero", "reading what was not written is an error of the analysis",
         r"-ftrivial-auto-var-init=\w+"),
    _row("kept", "-fvisibility=hidden", "names and sections of the object", _f(
        r"visibility=\w+ visibility-[\w-]+ function-sections data-sections ident verbose-asm record-gcc-switches"
        r" gnu-unique zero-initialized-in-bss asynchronous-unwind-tables unwind-tables exceptions non-call-exceptions"
        r" random-seed=.+ working-directory"
    )),
    _row("kept", "-fcommon", "what two files define is an error of the analysis", _f("common")),
    _row("kept", "-pthread", "the library has threads"),
    _row("kept", "-march=native", "the CPU's instructions", r"-m(?:arch|tune|cpu)=[\w.+-]+", _m(
        r"(?:sse|avx|ssse|amx|xsave|fma|bmi|sha|lse)[\w.-]* aes pclmul popcnt lzcnt f16c movbe adx rdrnd rdseed"
        " fsgsbase prfchw clflushopt clwb rtm hle crc32 gfni vaes vpclmulqdq tbm xop lwp pku wbnoinvd"
        " movdiri movdir64b cldemote serialize mmx abm cx16 sahf kl widekl uintr hreset outline-atomics"
    )),
    _row("kept", "-mcmodel=medium", "how addresses and calls are made", _m(
        r"cmodel=\w+ red-zone prefer-vector-width=\w+ branch-protection=[\w+-]+ indirect-branch[\w=-]* fentry"
        r" function-return=[\w-]+ harden-sls=\w+ general-regs-only stack-protector-guard[\w=-]* omit-leaf-frame-pointer"
        r" skip-rax-setup vzeroupper accumulate-outgoing-args stackrealign preferred-stack-boundary=\d+ tls-dialect=\w+"
        " tls-direct-seg-refs relax-cmpxchg-loop"
    )),
    _row("kept", "--sysroot=/sdk", "where the library is; for what target it is, the compiler says",
         "--sysroot=.+|-isysroot.+|--?target=.+|-no-canonical-prefixes"),
    # -- What changes the meaning, with no trace in the preprocessed text.
    _row("kept", "-m64", "what the analysis assumes"),
    _row("refused", "-m32", _TARGET, "-m(?:32|16|abi=.+|ilp32|lp32)"),
    _row("refused", "-mx32", _TARGET),
    _row("refused", "-mbig-endian", _TARGET, "-m(?:big-endian|be8|eb|EB)|-EB"),
    _row("kept", "-fsigned-char", "what the analysis assumes", "-f(?:signed-char|no-unsigned-char)"),
    _row("refused", "-funsigned-char", f"{_CHARACTERS}: signed is assumed", "-f(?:unsigned-char|no-signed-char)"),
    _row("kept", "-fsigned-bitfields", "what the analysis assumes", "-f(?:signed-bitfields|no-unsigned-bitfields)"),
    _row("refused", "-funsigned-bitfields", f"{_LAYOUT}: bit-fields of int are signed",
         "-f(?:unsigned-bitfields|no-signed-bitfields)"),
    _row("kept", "-fno-short-enums", "what the analysis assumes",
         "-fno-(?:short-enums|short-wchar|pack-struct|ms-extensions|plan9-extensions|trapv|openmp|openacc)"),
    _row("refused", "-fshort-enums", f"{_LAYOUT}: an enumeration has 4 bytes"),
    _row("refused", "-fshort-wchar", f"{_CHARACTERS}: wchar_t has 4 bytes"),
    _row("refused", "-fpack-struct", f"{_LAYOUT}: use __attribute__((packed))", r"-fpack-struct(?:=\d+)?"),
    _row("refused", "-fms-extensions", f"{_LANGUAGE}: structs would have members without a name",
         r"-f(?:ms|plan9)-[\w-]+"),
    _row("refused", "-mms-bitfields", f"{_LAYOUT}: as Linux has it is assumed", _m(
        r"ms-bitfields align-double long-double[\w-]* 96bit-long-double 128bit-long-double sseregparm regparm=\d rtd"
    )),
    _row("refused", "-fsso-struct=big-endian", _LAYOUT, "-f(?:sso-struct=.+|pcc-struct-return|reg-struct-return)"),
    _row("refused", "-ftrapv", "a sum that overflows would end the program, while the analysis goes on"),
    _row("refused", "-ffast-math", _FLOATS, _f(
        r"fast-math unsafe-math-optimizations finite-math-only associative-math reciprocal-math signed-zeros"
        r" rounding-math signaling-nans math-errno trapping-math single-precision-constant float-store"
        r" excess-precision=\w+ cx-limited-range fp-int-builtin-inexact fp-model=\w+ approx-func honor-\w+"
    )),
    _row("refused", "-mfpmath=387", _FLOATS, _m(r"fpmath=.+ 80387 hard-float soft-float recip.* daz-ftz")),
    _row("kept", "-ffp-contract=off", "floating point is for set-up; the program compares its numbers when it starts",
         r"-ffp-contract=\w+"),
    _row("refused", "-fopenmp", "an NF is sequential", r"-f(?:openmp|openacc|gnu-tm|cilkplus)[\w=:,-]*"),
    _row("refused", "-finstrument-functions", "functions would call others that the analysis does not see",
         r"-f(?:instrument-functions|patchable-function-entry|xray)[\w=,.-]*|-pg?|-fsplit-stack"),
    _row("refused", "-fgnu89-inline", f"{_LANGUAGE}: which functions of a header exist"),
    _row("refused", "-fexec-charset=EBCDIC-US", f"{_CHARACTERS}: UTF-8 is assumed",
         "-f(?:input|exec|wide-exec)-charset=.+"),
    _row("refused", "-fno-asm", _LANGUAGE, _f(
        "asm gnu-keywords blocks dollars-in-identifiers extended-identifiers declspec nested-functions"
    )),
    _row("refused", "-fpreprocessed", _LANGUAGE, "-f(?:preprocessed|directives-only|syntax-only)",
         r"-P|-CC?|-d[A-Z]+|-[ES]|-x.*"),
    _row("refused", "-fplugin=x.so", "a plugin may change anything", r"-f(?:plugin|pass-plugin)[\w=./-]*"),
    _row("refused", "-specs=x", _ELSEWHERE, "--?specs=.+|-wrapper|-B.*|--config.*"),
)  # fmt: skip

#: Rows of flags that leave no trace in the program but where headers are, which are part of what it means.
_NO_TRACE = frozenset({
    "-Iinclude", "-isysteminclude", "-includex.h", "-Wall", "-ffile-prefix-map=/src=.", "--sysroot=/sdk",
})  # fmt: skip
#: Flags that name a folder where headers are looked for.
FOLDERS = ("-I", "-iquote", "-isystem", "-idirafter")
#: Flags whose argument may be a word of its own.
_SEPARATE = (
    "-D", "-U", "-I", "-isystem", "-idirafter", "-iquote", "-include", "-imacros", "-MF", "-MT", "-MQ", "-o", "-l",
    "-L", "-x", "--param", "-B", "-isysroot",
)  # fmt: skip
_MATCHED = tuple((re.compile(row.pattern), row) for row in ROWS)


def words(flags: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(flag, its argument) in order; the argument is "" where it has none, or where it is part of the flag."""
    rest = iter(flags)
    for word in rest:
        longer = word.startswith("-include-")  # -include-pch is another flag
        option = None if longer else next((o for o in _SEPARATE if word.startswith(o)), None)
        if option is None:
            yield word, ""
        elif word != option:
            yield option, word[len(option) :]
        else:
            argument = next(rest, None)
            if argument is None:
                raise InputError(f"the compiler's flag '{option}' has no argument")
            yield option, argument


def as_words(flag: str, argument: str) -> tuple[str, ...]:
    """A flag and its argument as words of a command."""
    return (flag, argument) if len(flag) > 2 and argument and argument[0] != "=" else (f"{flag}{argument}",)


def row_of(flag: str, argument: str = "") -> Row | None:
    """The row of the table for a flag; None if it is not known."""
    word = f"{flag}{argument}"
    return next((row for pattern, row in _MATCHED if pattern.fullmatch(word)), None)


def checked(flags: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Flags for the preprocessor, in order, with their arguments; raises `UnsupportedError` for one that may change
    what the program means."""
    kept: list[tuple[str, str]] = []
    for flag, argument in words(flags):
        row = row_of(flag, argument)
        text = f"{flag}{' ' if argument and len(flag) > 2 else ''}{argument}"
        if row is None:
            raise UnsupportedError(
                f"the compiler's flag '{text}' is not known: it may change what the program means",
                hint="leave it out for NFs; docs/flags.md lists the flags that are known",
            )
        if row.treatment == "refused":
            raise UnsupportedError(
                f"the compiler's flag '{text}' is not supported: {row.why}", hint="leave it out for NFs"
            )
        if row.treatment == "kept":
            kept.append((flag, argument))
    return tuple(kept)


def meaningful(flags: Sequence[str]) -> tuple[str, ...]:
    """The flags that may leave a trace in the program besides what the preprocessor makes of it, in order."""
    kept = [(f, row_of(*f)) for f in checked(flags)]
    return tuple(f"{flag}{argument}" for (flag, argument), row in kept if row and row.example not in _NO_TRACE)
