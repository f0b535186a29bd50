"""What ``gen/<nf>_parallel.c`` must say, from the certificate, and where that says nothing, from plan.json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from maestro_tool.certificate.c_data import CError, Data, Item, Text, words
from maestro_tool.certificate.read import Certificate
from maestro_tool.certificate.steering import ByteInput, as_named, inputs_of_bytes
from maestro_tool.certificate.turns import ONE_COPY
from maestro_tool.smtlib.frames import CLASSES, place

#: (what, as the program says it, as certificate and plan do).
Compared = tuple[str, Any, Any]
#: Field -> where a card finds it, its offset there and its size.
_ON_CARDS: Final = {
    "src_ip": ("FROM_FRAME", 26, 4), "dst_ip": ("FROM_FRAME", 30, 4), "src_ip6": ("FROM_FRAME", 22, 16),
    "dst_ip6": ("FROM_FRAME", 38, 16), "ip_id": ("FROM_FRAME", 18, 2), "src_port": ("FROM_L4", 0, 2),
    "dst_port": ("FROM_L4", 2, 2), "sctp_tag": ("FROM_L4", 4, 4),
}  # fmt: skip
_PROCESS: Final = "void {nf}_process_burst(struct rte_mbuf **packets, uint16_t n, int64_t now, uint16_t *verdicts);"
_CHECK: Final = (
    "static bool check(char *text, size_t size) {{ (void)text; (void)size; return true{calls}; }}",
    " && {0}(text, size)",
)
#: Functions in other files of the program.
_FUNCTION: Final = re.compile(r"\bmaestro_(?:(?:check|know)_\w+_c|globals_\w+_c_(?:save|load)|made_of_\w+)\b", re.ASCII)
_END: Final = """
extern const char {symbol}[];
__attribute__((weak)) const char {symbol}[] = "";
#ifdef MAESTRO_RUNTIME_SYMBOL
#define MAESTRO_QUOTED(symbol) #symbol
#define MAESTRO_NAME(symbol) MAESTRO_QUOTED(symbol)
__asm__(".pushsection .maestro_made_of,\\"\\",%progbits\\n"
        ".quad " MAESTRO_NAME(MAESTRO_RUNTIME_SYMBOL) "\\n"
        ".popsection");
#endif
_Static_assert((char)-1 < 0 && sizeof(short) == 2 && sizeof(int) == 4 && sizeof(long) == 8 && sizeof(void *) == 8 &&
               sizeof(L'a') == 4 && sizeof(struct {{ char c; long l; }}) == 16 &&
               __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "flags of the compiler change what was analysed");
#ifdef __FAST_MATH__
#error "flags of the compiler change what was analysed: -ffast-math"
#endif
"""


#: From how many entries on objects are laid out and looked ahead in otherwise, which changes nothing that they do; with
#: ``optimise=none`` never.
_LARGE_FROM: Final = ("MAESTRO_LARGE_FROM", "UINT32_MAX")


def unsaid(items: Iterable[Item]) -> dict[str, Any]:
    """What only the program says, for the certificate: names in other files, and what makes it faster."""
    found: dict[str, Any] = {
        "checks": [],
        "knows": [],
        "saved": [],
        "symbol": "",
        "staged": [],
        "joined": [],
        "all": "",
    }
    for item in items:
        if isinstance(item, Data):
            if item.name in ("staged", "joined"):
                found[item.name] = item.value
            if item.type == "const struct maestro_nf":
                found["all"] = item.value.get("all_keys_known", "")
        elif item[0] == "bool":
            found["checks"].append(item[1])
        elif item[0] == "void" and item[1].startswith("maestro_know_"):
            found["knows"].append(item[1])
        elif item[:3] == ("static", "void", "globals_save"):
            calls = [n for n, word in enumerate(item) if word.startswith("maestro_globals_")]
            found["saved"] = [[item[n].removesuffix("_save"), int(item[n + 7])] for n in calls]
        elif item[0] == "extern":
            found["symbol"] = item[3]
    return found


def of_program(
    items: list[Item], c: Certificate, plan: dict[str, Any], sources: Mapping[str, str]
) -> Iterator[Compared]:
    """All that it says; a difference is a mismatch."""
    said = {item.name: item for item in items if isinstance(item, Data)}
    if len(said) != sum(isinstance(item, Data) for item in items):
        raise CError("a constant that is there twice")
    nf, generated = str(c.document["nf"]), c.document["generated"]
    theirs = said[f"{nf}_nf"].value if f"{nf}_nf" in said else {}
    expected = dict(_expected(c, plan, theirs))
    yield "the program: names", {n: d.type for n, d in said.items()}, {n: t for n, (t, _) in expected.items()}
    for name, (_, value) in expected.items():
        yield f"the program: {name}", _sorted(name, said[name].value) if name in said else None, _sorted(name, value)
    yield from _code(items, nf, c, plan)
    names = set(_FUNCTION.findall("\n".join(sources.values())))
    mine = {*generated["checks"], *generated["knows"], generated["symbol"]}
    mine |= {f"{f}_{do}" for f, _ in generated["saved"] for do in ("save", "load")}
    yield "the program: functions of its other files", mine, names | {generated["symbol"]}
    if c.treated("shared"):
        yield "the program: bytes that are put back", _put_back(nf, sources), [c.document["restore_bytes"]]


def _put_back(nf: str, sources: Mapping[str, str]) -> list[int | None]:
    """What the file says for it that has the function which processes bursts."""
    found: list[int | None] = []
    for text in (t for t in sources.values() if f"MAESTRO_DEFINE_BURST_AS({nf}_process_burst," in t):
        defined = "\n#define MAESTRO_SHARING 1\n#define MAESTRO_RESTORE_BYTES "
        before, _, after = f"\n{text}".partition(defined)
        number, _, rest = after.partition("\n")
        head = "/*" not in before and not before.endswith("\\") and rest.startswith('#line 1 "')
        known = head and text.count("MAESTRO_RESTORE_BYTES") == 1 and re.fullmatch("[0-9]+", number, re.ASCII)
        found.append(int(number) if known else None)
    return found


def _sorted(name: str, value: Any) -> Any:
    """Rules in any order: each is about another class."""
    return sorted(value, key=repr) if name.startswith("rules_") else value


def _c_bool(value: object) -> str:
    return "true" if value else "false"


def _class(name: str) -> str:
    return f"MAESTRO_{name.upper()}"


def _expected(c: Certificate, plan: dict[str, Any], theirs: dict[str, Any]) -> Iterator[tuple[str, tuple[str, Any]]]:
    """Name, type and value of each constant.  ``theirs``: struct maestro_nf, for what may be said in two ways."""
    generated = c.document["generated"]
    # Variables are no objects that the runtime allocates, and parts of double maps none by themselves.
    objects = [_object(o) for o in c.objects if o["kind"] != "global" and "of" not in o]
    files = [[Text(name), "NULL" if digest is None else Text(digest)] for name, digest in c.document["files"]]
    weights = (plan["traffic"] or {}).get("weights", [])
    parts = c.ports[0]["parts"]
    groups = [] if parts == list(range(len(parts))) else parts
    tables: dict[str, tuple[str, Any]] = {
        "objects": ("struct maestro_object", objects),
        "files": ("struct maestro_file", files),
        "weights": ("uint32_t", weights),
        "groups": ("uint16_t", groups),
        "staged": ("struct maestro_staged", generated["staged"]),
        "joined": ("struct maestro_joined", generated["joined"]),
    }
    ports = []
    for n, (port, planned) in enumerate(zip(c.ports, plan["ports"], strict=True)):
        own = _tables(n, port, planned)
        tables |= own
        ports.append(_port(n, port, planned, own))
        shared = {"weights": "weights"} if weights else {}
        ports[-1] |= shared | ({"groups": "groups"} if groups else {})
    tables["ports"] = ("struct maestro_port", ports)
    for name, (kind, value) in tables.items():
        if value:
            yield name, (f"static const {kind} []", value)
    yield f"{c.document['nf']}_nf", ("const struct maestro_nf", _nf(c, plan, theirs, len(objects), len(files)))


def _object(o: dict[str, Any]) -> dict[str, Any]:
    most = {"max_capacity": o["max_capacity"]} if o["max_capacity"] else {}
    return most | {
        "name": Text(o["name"]),
        "kind": f"MAESTRO_{o['kind'].upper()}",
        "treatment": f"MAESTRO_{o['treatment'].upper().replace('-', '_')}",
        **{m: _c_bool(o[m]) for m in ("split", "ranged", "guarded", "ages_per_worker")},
        **{m: o[m] for m in ("element_size", "min_capacity", "filled")},
        "dchain": o["led_by"][0],
        "per_index": o["led_by"][1],
    }


def _tables(n: int, port: dict[str, Any], planned: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    """The arrays of one port that there are."""
    card, key = port["card"], list(bytes.fromhex(port["key"]))
    found = {
        "key": ("uint8_t", key),
        "key_given": ("uint8_t", key[::-1] if card["key_reversed"] and planned["rss_hf"] else []),
        "rules": ("struct maestro_rss_rule", [[_class(c), _flags(types)] for c, types in planned["rules"].items()]),
        "drivers": ("char * const", list(map(Text, card["drivers"]))),
        "blind_to": ("uint32_t", card["blind_to"] if planned["rss_hf"] else []),
        "card_classes": ("struct maestro_card_class", list(_card_classes(port))),
        "byte_inputs": ("struct maestro_byte_input", list(map(_byte_input, inputs_of_bytes(port)))),
    }
    return {f"{name}_{n}": table for name, table in found.items() if table[1]}


def _port(n: int, port: dict[str, Any], planned: dict[str, Any], tables: Mapping[str, Any]) -> dict[str, Any]:
    """Its struct."""
    card, hashes = port["card"], bool(planned["rss_hf"])
    found: dict[str, Any] = {
        "rss_hf": _flags(planned["rss_hf"]),
        "table_size": len(port["parts"]),
        "max_queues": card["max_queues"] or 0 if hashes else 0,
        "power_of_two_queues": _c_bool(card["power_of_two_queues"] and hashes),
        "software_classes": sum(1 << i for i, c in enumerate(CLASSES) if port["classes"][c][0] == "software"),
        **{view: _input([list(place(f)) for f in port["software"][view]]) for view in ("l4", "l3", "l4v6", "l3v6")},
    }
    if port["key"]:
        function = dict.fromkeys(("TOEPLITZ", port["function"].upper()))
        found |= {
            "key_length": len(port["key"]) // 2,
            "key_length_passed": planned["key_length_passed"],
            "key_fixed": _c_bool(planned["key_fixed"]),
            "initial_hash": card["initial_hash"] if hashes else 0,
            "function": f"MAESTRO_{'_'.join(function)}",
            "table_selectable": _c_bool(card["table_selectable"]),
        }
    if card["drivers"]:
        found |= {m: _c_bool(card[m]) for m in ("key_unread", "table_unread")}
    for member in ("key", "key_given", "rules", "drivers", "blind_to", "card_classes", "byte_inputs"):
        if (name := f"{member}_{n}") in tables:
            counted = member not in ("key", "key_given")
            found |= {member: name} | ({f"n_{member}": len(tables[name][1])} if counted else {})
    return found


def _flags(names: list[str]) -> Any:
    return (names[0] if len(names) == 1 else tuple(names)) if names else 0


def _input(places: list[list[Any]]) -> list[Any]:
    return [len(places), places] if places else [0]


def _card_classes(port: dict[str, Any]) -> Iterator[list[Any]]:
    """What is left to the card: class, names of the fields, and what it may hash of such frames."""
    for name in CLASSES:
        how, *inputs = port["classes"][name]
        if how == "nic":
            found: list[Any] = []
            for items in inputs:
                places = list(_on_card(items, port["function"]))
                found += [] if [len(places), places] in found else [[len(places), places]]
            yield [_class(name), Text(", ".join(as_named(inputs[0]))), len(found), found]


def _on_card(items: list[str], function: str) -> Iterator[list[Any]]:
    """Base, offset, size; whether the function mixes the field with the next."""
    named = as_named(items)
    after = [*pairwise(named), (named[-1], "")] if named else []
    for field, following in after:
        base, offset, size = _ON_CARDS[field.removeprefix("0")]
        partner = field.startswith("src_") and following == field.replace("src_", "dst_")
        yield [
            f"MAESTRO_{'ZEROS' if field[0] == '0' else base}",
            offset,
            size,
            _c_bool(function != "toeplitz" and partner),
        ]


def _byte_input(found: ByteInput) -> list[Any]:
    name, length, tests, hashed = found
    return [_class(name), length, _input([list(t) for t in tests]), _input([list(h) for h in hashed])]


def _nf(c: Certificate, plan: dict[str, Any], theirs: dict[str, Any], objects: int, files: int) -> dict[str, Any]:
    d, generated = c.document, c.document["generated"]
    one_copy, shared = d["strategy"] in ONE_COPY, bool(c.treated("shared"))
    found: dict[str, Any] = {
        **{m: Text(x) for m, x in (("name", d["nf"]), ("nic", plan["nic"]), ("strategy", d["strategy"]))},
        "n_ports": len(c.ports),
        "software_rss": _c_bool(all(not p["card"]["hashes"] for p in c.ports)),
        "ports": "ports",
        "check": "check",
        "init": "nf_init",
        "process_burst": f"{d['nf']}_process_burst",
        **{name.removeprefix("nf_"): name for name in d["entry_points"]},
    }
    if shared or (one_copy and "sharing" in theirs):  # where nothing is shared, one copy or several are the same
        found |= {"sharing": f"MAESTRO_SHARE_{'ALL' if one_copy else 'SOME'}"}
        found |= {"transactions": _c_bool(d["strategy"] == "tm"), "always_write": _c_bool(d["always_write"])}
    written = {o for _, _, e in c.events() for o, _, writes in c.accesses(e) if writes}
    own = any(c.objects[o]["kind"] == "global" and c.objects[o]["treatment"] != "shared" for o in written)
    several = "globals_save" in theirs
    if shared and (several or own):
        found |= {"restore_variables": _c_bool(own)}
    if several or generated["saved"]:
        found |= {"globals_size": sum(size for _, size in generated["saved"])}
        found |= {f"globals_{do}": f"globals_{do}" for do in ("save", "load")}
    counts = {"objects": objects, "files": files, **{m: len(generated[m]) for m in ("staged", "joined")}}
    for name, n in counts.items():
        found |= {name: name, f"n_{name}": n} if n else {}
    found["large_from"] = _LARGE_FROM[theirs.get("large_from") == _LARGE_FROM[True]]
    return found | ({"know_keys": "know_keys", "all_keys_known": generated["all"]} if generated["knows"] else {})


def _code(items: list[Item], nf: str, c: Certificate, plan: dict[str, Any]) -> Iterator[Compared]:
    """All that is no constant: token by token; includes before and directives behind all the rest."""
    generated = c.document["generated"]
    said = [item if not isinstance(item, Data) else (item.name,) for item in items]
    first = [(f"#include {name}",) for name in ("<rte_ethdev.h>", '"maestro.h"', '"nf.h"')]
    yield "the program: includes", said[:3], first
    at = said.index((f"{nf}_nf",)) + 1 if (f"{nf}_nf",) in said else len(said)
    note, end = said[at] if at < len(said) else (), said[at + 1 :]
    yield "the program: its end", [w for item in end for w in item], _words(_END.format(symbol=generated["symbol"]))
    code = [item for item, of in zip(said[3:at], items[3:at], strict=True) if not isinstance(of, Data)]
    yield "the program: functions", [w for item in code for w in item], _words(_functions(nf, generated, code))
    yield "the program: what it is made of", _note(note), _made_of(c, plan)


def _words(text: str) -> list[str]:
    return list(words(text))


def _functions(nf: str, generated: dict[str, Any], code: list[tuple[str, ...]]) -> str:
    saved, checks, knows = generated["saved"], generated["checks"], generated["knows"]
    lines = []
    if saved or any(item[:3] == ("static", "void", "globals_save") for item in code):
        lines += [f"void {f}_save(char *block); void {f}_load(const char *block);" for f, _ in saved]
        for do, const in (("save", ""), ("load", "const ")):
            calls = "".join(f"{f}_{do}(p); p += {int(size)};" for f, size in saved)
            lines += [f"static void globals_{do}({const}void *block) {{ {const}char *p = block; {calls} (void)p; }}"]
    lines += [f"bool {f}(char *text, size_t size);" for f in checks]
    lines += [_CHECK[0].format(calls="".join(map(_CHECK[1].format, checks)))]
    if knows:
        lines += [f"void {f}(void);" for f in knows]
        lines += [f"static void know_keys(void) {{ {''.join(f'{f}();' for f in knows)} }}"]
    return "\n".join((*lines, _PROCESS.format(nf=nf)))


def _note(said: tuple[str, ...]) -> Any:
    """The note's content; None if it is not written as we do."""
    numbers = [n for word in said if word[:7] == '".byte ' for n in word[7:-3].split(", ")]
    if not all(n.isascii() and n.isdigit() and int(n) < 256 for n in numbers):
        return None
    rows = ", ".join(numbers[n] if n % 24 else f"\n{numbers[n]}" for n in range(len(numbers)))
    lines = [f'".byte {row}\\n"' for row in rows.replace(", \n", "\n").split("\n")[1:]]
    size = f'".long 8, {len(numbers)}, 1\\n"'
    first = ["__asm__", "(", '".pushsection .note.maestro,\\"a\\",%note\\n"', '".balign 4\\n"', size]
    last = ['".balign 4\\n"', '".popsection"', ")", ";"]
    whole = (*first, '".asciz \\"Maestro\\"\\n"', *lines, *last)
    return json.loads(bytes(map(int, numbers))) if said == whole else None


def _made_of(c: Certificate, plan: dict[str, Any]) -> dict[str, Any]:
    d, made_of = c.document, plan["made_of"]
    return {
        "schema": "maestro-note/1",
        "maestro": d["maestro"],
        **{m: d[m] for m in ("nf", "strategy", "program")},
        **{m: made_of[m] for m in ("compiler", "digest", "flags", "target")},
        "nic": plan["nic"],
        "plan": d["digests"]["plan.json"],
    }
