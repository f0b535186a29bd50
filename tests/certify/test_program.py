"""The generated C is read as a compiler reads it, and all of it counts: digests made right again do not help."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest
from builds import reseal, write

from maestro_tool.certificate.c_data import CError, Data, Text, read, tokens
from maestro_tool.cli.certify import check

#: Each with what is changed first, and into what; `\g` as in `re`.
MUTANTS = {
    "the other port's key": (r"\.key = key_1", ".key = key_0"),
    "a shorter key": (r"\.key_length = 52", ".key_length = 4"),
    "a key that the driver gets in part": (r"\.key_length_passed = 52", ".key_length_passed = 40"),
    "a key that the card has": (r"\.key_fixed = false", ".key_fixed = true"),
    "another hash to begin with": (r"\.initial_hash = 0x0", ".initial_hash = 0x5"),
    "another tunnel": (r"RTE_PTYPE_TUNNEL_GTPU", "RTE_PTYPE_TUNNEL_GTPC"),
    "a card that looks into any": (r"\.n_blind_to = 1", ".n_blind_to = 0"),
    "keys in a comment": (r"static (const uint8_t key_1)\[\] = \{[^}]*\};", r"/* \g<0> */ static \1 [52];"),
    "keys in a line's comment": (r"static const uint8_t key_1\[\] = \{[^}]*\};", r"// \g<0>"),
    "another array of a like name": (r"static const uint8_t key_1\[\] = \{", "static const uint8_t key_x[] = { 0x00,"),
    "classes in a comment": (r"\.software_classes = \w+,", r"/* \g<0> */ .software_classes = 0x0,"),
    "an input twice": (r"\.l4 = .*\n", r"\g<0>        .l4 = {1, {{26, 4}}},\n"),
    "ports one further": (r"\.ports = ports,", ".ports = ports + 1,"),
    "objects one further": (r"\.objects = objects,", ".objects = objects + 1,"),
    "an address": (r"\.ports = ports,", ".ports = &ports[1],"),
    "no objects": (r"\.n_objects = 3", ".n_objects = 0"),
    "software hashes": (r"\.software_rss = false", ".software_rss = true"),
    "another strategy": (r'\.strategy = "shared-nothing"', '.strategy = "locks"'),
    "another card": (r'\.nic = "e810"', '.nic = "e811"'),
    "no classes for the card": (r"\.n_card_classes = 2", ".n_card_classes = 0"),
    "nothing hashed": (r"\.rss_hf = [^,]*,", ".rss_hf = 0,"),
    "less hashed": (r" \| RTE_ETH_RSS_NONFRAG_IPV4_TCP", ""),
    "filled": (r"\.filled = 0", ".filled = 7"),
    "read only": (r"MAESTRO_SHARDED", "MAESTRO_READ_ONLY"),
    "an object's size": (r"\.element_size = 16", ".element_size = 8"),
    "an octal number": (r"\.table_size = 512", ".table_size = 01000"),
    "a macro": (r'#include "nf.h"\n', '#include "nf.h"\n#define key_1 key_0\n'),
    "a macro with blanks": (r'#include "nf.h"\n', '#include "nf.h"\n  # define key_1 key_0\n'),
    "a macro in other letters": (r'#include "nf.h"\n', '#include "nf.h"\n%:define key_1 key_0\n'),
    "another header": (r'#include "nf.h"\n', '#include "nf.h"\n#include "more.h"\n'),
    "a pragma": (r'#include "nf.h"\n', '#include "nf.h"\n_Pragma("pack(1)")\n'),
    "a comment that goes on": (r'#include "nf.h"\n', '#include "nf.h" /*\n*/\n'),
    "what is not compiled": (r"static const struct maestro_object objects", r"#if 0\n\g<0>"),
    "a line that goes on": (r"\.key = key_1", ".key = key\\\n_0"),
    "a letter that is none": (r"key_1", "key_\u0661"),
    "one declaration more": (r"\nstatic const struct maestro_port", r"\nint more;\g<0>"),
    "a constructor": (r"\nstatic const struct maestro_port", r"\n__attribute__((constructor)) static void f(void) {}\g<0>"),
    "a member more": (r"\.check = check,", ".check = check, .weights = NULL,"),
    "a member less": (r"\.check = check,", ""),
    "no check": (r" && maestro_check_flow_c\(text, size\)", ""),
    "a check that says yes": (r"return true && ", "return true; return true && "),
    "variables that are not loaded": (r"maestro_globals_fw_5f_main_c_load\(p\);", ""),
    "variables of another size": (r"\.globals_size = 24", ".globals_size = 8"),
    "a note of another program": (r'"\.byte 123, 34, 99', '".byte 123, 34, 100'),
    "the configuration is not read": (r"\.config_init = nf_config_init,", ""),
}  # fmt: skip

#: Tokens that may be changed, and why that changes nothing.  None: all of them count.
CHANGES_NOTHING: dict[str, str] = {}


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("fw"), "fw", "e810")


def _verdict(folder: Path, changed: str, name: str = "fw") -> str:
    program = folder / f"gen/{name}_parallel.c"
    before, sealed = program.read_text(), (folder / "certificate.json").read_bytes()
    assert changed != before
    try:
        program.write_text(changed)
        reseal(folder)
        return check(folder, "bitwuzla").verdict
    finally:
        program.write_text(before)
        (folder / "certificate.json").write_bytes(sealed)


@pytest.mark.parametrize("what", MUTANTS)
def test_what_the_program_says_counts(build: Path, what: str) -> None:
    old, new = MUTANTS[what]
    changed = re.sub(old, new, (build / "gen/fw_parallel.c").read_text(), count=1)
    assert _verdict(build, changed) == "mismatch"


@pytest.mark.parametrize(("name", "card"), [("fw", "e810"), ("lb", "e810"), ("nat", "soft"), ("fw", "vmxnet3")])
def test_random_tokens(tmp_path: Path, name: str, card: str) -> None:
    """One is dropped, doubled, swapped with the next, or is another of the same file."""
    folder = write(tmp_path, name, card)
    text = (folder / f"gen/{name}_parallel.c").read_text()
    spans, at = [], 0
    for kind, word in tokens(text):
        at = text.index(word, at)
        spans.append((kind, at, at + len(word)))
        at += len(word)
    rng, accepted = random.Random(f"{name} {card}"), []
    for n in range(250):
        kind, start, end = rng.choice(spans)
        word, other = text[start:end], rng.choice([text[a:b] for k, a, b in spans if k == kind])
        new = ("", f"{word} {word}", f"{other} {word}", other, other)[n % 5]
        if new == word or word in CHANGES_NOTHING:
            continue
        changed = f"{text[:start]}{new}{text[end:]}"
        # Tokens as they were: an empty list more, say.
        if _as_compiled(changed) != _as_compiled(text) and _verdict(folder, changed, name) == "proved":
            accepted.append((text[start - 30 : start], word, new))
    assert accepted == []


def _as_compiled(text: str) -> object:
    """Commas behind the last member, and in which order members with names stand, mean nothing."""
    try:
        return read(text)
    except CError:
        return None


def test_bytes_that_are_put_back_count(tmp_path: Path) -> None:
    folder = write(tmp_path, "lb", "e810")
    [source] = [p for p in (folder / "gen").glob("*.c") if "AS(lb_process_burst," in p.read_text()]
    text = source.read_text()
    line = "#define MAESTRO_RESTORE_BYTES 6\n"
    assert text.count(line) == 1
    for new in ("#define MAESTRO_RESTORE_BYTES 5\n", "", f"/* {line}*/\n", f"{line}#undef MAESTRO_RESTORE_BYTES\n",
                f"{line}{line.replace('6', '5')}"):  # fmt: skip
        source.write_text(text.replace(line, new))
        reseal(folder)
        assert check(folder, "bitwuzla").verdict == "mismatch", new
    source.write_text(text)
    reseal(folder)
    assert check(folder, "bitwuzla").verdict == "proved"


def test_all_sources_are_bound(build: Path) -> None:
    digests = json.loads((build / "certificate.json").read_text())["certificate"]["digests"]
    sources = {f"gen/{p.name}" for p in (build / "gen").glob("*.c")}
    assert set(digests) == {"plan.json", *sources}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('static const int x[] = { 1, 0x10, };', Data("x", "static const int []", [1, 16])),
        ("const struct s y = { .a = A | B, .b = {0} };", Data("y", "const struct s", {"a": ("A", "B"), "b": [0]})),
        ('static const char *const z = "\\303\\251\\"";', Data("z", "static const char * const", Text('é"'))),
        ("/* one\n * /* two */ int f(void) { return 1; }", ("int", "f", "(", "void", ")", "{", "return", "1", ";", "}")),
    ],
)  # fmt: skip
def test_reading(text: str, said: object) -> None:
    assert read(text) == [said]


@pytest.mark.parametrize(
    "text",
    ["int x", "const int x[] = { 1, .a = 2 };", "const int x = { .a = 1, .a = 2 };", "const int x = 1 + 1;", "/* x",
     "const int x = 08;", "const int x = 1u;", 'const char *x = "a" "b";', "const int x[] = { 1 2 };", "const int x = -1;",
     "const int x[] = {};", "const int x = (1);", "x #define y\n", "int x; // y\n", "const int x = A |;", "??=",
     'const char *x = "??/";', "int x;\\\n", "const int x[] = { [1] = 2 };"],
)  # fmt: skip
def test_what_we_do_not_generate(text: str) -> None:
    with pytest.raises(CError):
        read(text)
