"""Small hand-written programs and the call paths they have."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable

import pytest

from maestro_tool import forms
from maestro_tool.diagnostics import InputError, MaestroError, ResourceLimitError, UnsupportedError
from maestro_tool.frontend import ir
from maestro_tool.symex import Analysis, Limits, analyse, show_analysis
from maestro_tool.symex.models.bits import crc32c
from maestro_tool.symex.show import show_path

from .builder import FunctionBuilder, ProgramBuilder

KEY_FIELDS = (("ip", 0, 4, "uint32_t"), ("port", 4, 2, "uint16_t"))


def simple(body: Callable[[ProgramBuilder, FunctionBuilder], None], **options: object) -> Analysis:
    """Analyse an nf_process written by ``body``; nf_init does nothing.  One port unless ``ports`` says otherwise."""
    p = ProgramBuilder()
    p.trivial_init()
    body(p, p.process())
    return analyse(p.build(), ports=int(str(options.get("ports", 1))), limits=options.get("limits", Limits()))  # type: ignore[arg-type]


def lines(analysis: Analysis, path: int = 0) -> list[str]:
    return show_path(analysis.paths[path], analysis.objects)


def with_objects(element_size: int = 16) -> tuple[ProgramBuilder, dict[str, ir.GlobalAddress]]:
    """A program whose nf_init allocates a map, a vector and an index allocator into globals of these names."""
    p = ProgramBuilder()
    p.struct("struct Key", 8, *KEY_FIELDS)
    eq = p.function("Key_eq", ("a", 64, "struct Key *"), ("b", 64, "struct Key *"), result=8)
    no = eq.when(eq.compare("eq", eq.load(eq.arg(0), 32), eq.load(eq.arg(1), 32), 32))
    ports = [eq.load(eq.plus(eq.arg(i), 4), 16) for i in (0, 1)]
    eq.ret(eq.cast("zext", eq.compare("eq", *ports, 16), 1, 8))
    eq.go(no)
    eq.ret(0)
    names = {
        n: p.variable(n, 8, t)
        for n, t in (("map", "struct Map *"), ("vec", "struct Vector *"), ("chain", "struct DoubleChain *"))
    }
    init = p.function("nf_init", result=8)
    f = ir.FunctionAddress
    init.call("map_allocate", (f("Key_eq"), 0), (f("Key_hash"), 0), (64, 32), (names["map"], 0))
    init.call("vector_allocate", (element_size, 32), (64, 32), (f("Key_init"), 0), (names["vec"], 0))
    init.call("dchain_allocate", (64, 32), (names["chain"], 0))
    init.ret(1)
    key_hash = p.function("Key_hash", ("key", 64, "struct Key *"), result=32)
    key_hash.ret(key_hash.load(key_hash.arg(0), 32))
    return p, names


def key_of(f: FunctionBuilder) -> ir.Temp:
    """A local key: four bytes of every frame, and port 7."""
    key = f.local(8, "key")
    packet = f.load_pointer(f.arg(1))
    f.store(key, f.load(f.plus(packet, 6), 32), 32)
    f.store(f.plus(key, 4), 7, 16)
    return key


def test_input_port_means_drop_and_minus_one_floods() -> None:
    def body(p: ProgramBuilder, f: FunctionBuilder) -> None:
        first = f.when(f.compare("eq", f.load(f.load_pointer(f.arg(1)), 8), 1, 8))
        f.ret(f.cast("zext", f.arg(0), 16, 32))
        f.go(first)
        second = f.when(f.compare("eq", f.load(f.load_pointer(f.arg(1)), 8), 2, 8))
        f.ret(-1)
        f.go(second)
        f.ret(f.cast("zext", f.load(f.plus(f.load_pointer(f.arg(1)), 1), 8), 8, 32))

    analysis = simple(body, ports=2)
    assert [lines(analysis, i)[-1] for i in range(3)] == ["drop", "flood", "send to pkt[1]"]
    assert lines(analysis, 2)[:2] == ["if (pkt[0] != 1)", "if (pkt[0] != 2)"]


def test_packet_writes_are_the_bytes_that_differ() -> None:
    def body(p: ProgramBuilder, f: FunctionBuilder) -> None:
        packet = f.load_pointer(f.arg(1))
        word = f.load(packet, 32)
        f.store(packet, f.binary("xor", word, 0xFF00, 32), 32)
        f.store(f.plus(packet, 8), f.load(f.plus(packet, 8), 16), 16)
        f.ret(0)

    assert [w[0] for w in simple(body).paths[0].packet_writes] == [1]


def test_second_borrow_sees_what_was_written_and_another_index_may_alias() -> None:
    p, names = with_objects()
    f = p.process()
    vec = f.load_pointer(names["vec"])
    out = f.local(8, "out")
    packet = f.load_pointer(f.arg(1))
    i, j = (f.cast("zext", f.load(f.plus(packet, n), 8), 8, 32) for n in (0, 1))

    def borrow(index: ir.Operand) -> ir.Temp:
        f.call("vector_borrow", (vec, 0), (index, 32), (out, 0), result=0)
        return f.load_pointer(out)

    f.store(borrow(i), 5, 32)
    seen = f.load(borrow(i), 32)  # 5
    f.store(packet, f.cast("trunc", seen, 32, 8), 8)
    other = f.load(borrow(j), 32)  # unknown: j may be i
    f.store(f.plus(borrow(j), 4), other, 32)
    again = f.load(borrow(i), 32)  # a write to j may have changed bytes 4..7 only, but entry i is read anew
    f.store(f.plus(packet, 1), f.cast("trunc", again, 32, 8), 8)
    f.ret(9)
    shown = lines(analyse(p.build(), ports=1))
    assert shown == [
        "0: vector_write vec [pkt[0]] 0+4 := 0x5000000",
        "1: vector_read vec [pkt[1]] bytes 0..3",
        "2: vector_write vec [pkt[1]] 4+4 := vector_read.1[0..3]",
        "3: vector_read vec [pkt[0]] bytes 0..3",
        "pkt[0] = 5",
        "pkt[1] = vector_read.3.0",
        "send to 9",
    ]


def test_storing_what_was_read_is_no_write() -> None:
    p, names = with_objects()
    f = p.process()
    out = f.local(8, "out")
    f.call("vector_borrow", (f.load_pointer(names["vec"]), 0), (3, 32), (out, 0), result=0)
    element = f.load_pointer(out)
    f.store(element, f.load(element, 32), 32)
    f.ret(9)
    assert [e.op.name for e in analyse(p.build(), ports=1).paths[0].events] == ["vector_read"]


def test_same_key_gives_the_same_answer_until_the_map_changes() -> None:
    p, names = with_objects()
    f = p.process()
    table, key, value = f.load_pointer(names["map"]), key_of(f), f.local(4, "value")
    f.call("map_get", (table, 0), (key, 0), (value, 0))
    f.call("map_get", (table, 0), (key, 0), (value, 0))
    f.call("map_put", (table, 0), (key, 0), (1, 32), result=0)
    f.call("map_get", (table, 0), (key, 0), (value, 0))
    f.ret(9)
    answers = [
        tuple(e.result for e in path.events if e.op.name == "map_get") for path in analyse(p.build(), ports=1).paths
    ]
    assert sorted(answers) == sorted(
        [(True, True, True), (True, True, False), (False, False, True), (False, False, False)]
    )


def test_index_allocator_forks_only_when_the_answer_matters() -> None:
    p, names = with_objects()
    f = p.process()
    chain, index = f.load_pointer(names["chain"]), f.local(4, "index")
    full = f.when(f.compare("ne", f.call("dchain_allocate_new_index", (chain, 0), (index, 0), (f.arg(3), 64)), 0, 32))
    f.call("dchain_rejuvenate_index", (chain, 0), (f.load(index, 32), 32), (f.arg(3), 64))
    f.ret(8)
    f.go(full)
    f.ret(9)
    analysis = analyse(p.build(), ports=1)
    assert [lines(analysis, i) for i in (0, 1)] == [
        [
            "0: dchain_allocate chain [dchain_allocate.0.index] value now -> yes",
            "1: dchain_rejuvenate chain [dchain_allocate.0.index] value now",
            "send to 8",
        ],
        ["0: dchain_allocate chain value now -> no", "send to 9"],
    ]


def test_objects_keys_and_pointers_are_named_as_in_c() -> None:
    p, names = with_objects()
    f = p.process()
    f.call("map_get", (f.load_pointer(names["map"]), 0), (key_of(f), 0), (f.local(4), 0))
    f.ret(9)
    analysis = analyse(p.build(), ports=1)
    assert show_analysis(analysis).splitlines()[:3] == [
        "map 0 map, capacity 64, key (ip@0+4, port@4+2)",
        "vector 1 vec, capacity 64, 16 bytes each",
        "dchain 2 chain, capacity 64",
    ]
    assert [(o.place, o.access, o.object) for o in analysis.object_pointers] == [("map", ("map", 0), 0)]
    key = analysis.paths[0].events[0].key
    assert key is not None and [str(k) for k in key] == ["pkt[6..9]", "0x700"]


def test_global_that_packets_change_is_state() -> None:
    p = ProgramBuilder()
    p.trivial_init()
    counter = p.variable("counter", 8, "uint64_t")
    f = p.process()
    f.store(counter, f.binary("add", f.load(counter, 32), 1, 32), 32)
    f.ret(9)
    analysis = analyse(p.build(), ports=1)
    assert [(o.kind, o.name) for o in analysis.objects] == [("global", "counter")]
    assert [e.op.name for e in analysis.paths[0].events] == ["global_read", "global_write"]
    assert analysis.configuration == {}


def configured(body: Callable[[FunctionBuilder, ir.GlobalAddress], None], **options: object) -> Analysis:
    """nf_process with ``struct nf_config {uint16_t wan; uint16_t count; uint64_t timeout;} config = {1, 3, 500}``."""
    p = ProgramBuilder()
    p.struct(
        "struct nf_config", 16, ("wan", 0, 2, "uint16_t"), ("count", 2, 2, "uint16_t"), ("timeout", 8, 8, "uint64_t")
    )
    config = p.variable("config", 16, "struct nf_config")
    init = p.function("nf_init", result=8)
    init.store(config, 1, 16)
    init.store(init.plus(config, 2), 3, 16)
    init.store(init.plus(config, 8), 500, 64)
    init.ret(1)
    body(p.process(), config)
    return analyse(p.build(), ports=2, limits=Limits(unroll=20))


def pins(analysis: Analysis) -> dict[str, int]:
    return {p.place: p.value for p in analysis.pinned}


def test_comparison_with_the_port_pins() -> None:
    def body(f: FunctionBuilder, config: ir.GlobalAddress) -> None:
        other = f.when(f.compare("eq", f.arg(0), f.load(config, 16), 16))
        f.ret(0)
        f.go(other)
        f.ret(7)

    analysis = configured(body)
    assert pins(analysis) == {"config.wan": 1}
    assert analysis.pinned[0].access == ("config", 0) and analysis.pinned[0].size == 2
    assert [(p.port, p.verdict, p.condition) for p in analysis.paths] == [(0, 7, ()), (1, 0, ())]


def test_verdict_pins() -> None:
    analysis = configured(lambda f, config: f.ret(f.cast("zext", f.load(config, 16), 16, 32)))
    assert pins(analysis) == {"config.wan": 1}
    assert [p.verdict for p in analysis.paths] == [1, "drop"]


def test_loop_bound_pins() -> None:
    def body(f: FunctionBuilder, config: ir.GlobalAddress) -> None:
        i = f.local(2, "i")
        f.store(i, 0, 16)
        head, inside, out = f.block(), f.block(), f.block()
        f.jump(head)
        f.go(head)
        f.branch(f.compare("ult", f.load(i, 16), f.load(f.plus(config, 2), 16), 16), inside, out, loop=True)
        f.go(inside)
        f.store(i, f.binary("add", f.load(i, 16), 1, 16), 16)
        f.jump(head)
        f.go(out)
        f.ret(f.cast("zext", f.load(i, 16), 16, 32))

    analysis = configured(body)
    assert pins(analysis) == {"config.count": 3}
    assert [p.verdict for p in analysis.paths] == [3, 3]


def test_numbers_compared_with_packets_and_time_stay_options() -> None:
    def body(f: FunctionBuilder, config: ir.GlobalAddress) -> None:
        late = f.when(f.compare("ult", f.arg(3), f.load(f.plus(config, 8), 64), 64))
        f.ret(8)
        f.go(late)
        f.ret(9)

    analysis = configured(body)
    assert pins(analysis) == {}
    assert analysis.configuration == {"config.timeout": 500}
    assert lines(analysis, 0) == ["if (now < cfg.config.timeout)", "send to 8"]


def test_pin_found_late_reaches_all_paths() -> None:
    def body(f: FunctionBuilder, config: ir.GlobalAddress) -> None:
        packet = f.load_pointer(f.arg(1))
        count = f.load(f.plus(config, 2), 16)
        other = f.when(f.compare("eq", f.load(packet, 16), count, 16))  # a path that keeps the symbol
        f.ret(8)
        f.go(other)
        f.ret(f.cast("zext", f.load(f.plus(config, 2), 16), 16, 32))  # the verdict pins it

    analysis = configured(body)
    assert pins(analysis) == {"config.count": 3}
    assert analysis.configuration == {}
    assert lines(analysis, 0)[0] == "if (pkt[0..1] == 768)"


def test_division_by_an_option_needs_no_pin() -> None:
    def body(f: FunctionBuilder, config: ir.GlobalAddress) -> None:
        rate = f.binary("udiv", f.arg(3), f.load(f.plus(config, 8), 64), 64)
        other = f.when(f.compare("ult", rate, 10, 64))
        f.ret(8)
        f.go(other)
        f.ret(9)

    analysis = configured(body)
    assert pins(analysis) == {}
    assert lines(analysis, 0)[0] == "if (cfg.config.timeout != 0)"


def unbounded(p: ProgramBuilder, f: FunctionBuilder) -> None:
    packet, i = f.load_pointer(f.arg(1)), f.local(4, "i")
    f.store(i, 0, 32)
    head, inside, out = f.block(), f.block(), f.block()
    f.jump(head)
    f.go(head)
    bound = f.binary("mul", f.cast("zext", f.load(f.plus(packet, 3), 8), 8, 32), 1000, 32)
    f.branch(f.compare("ult", f.load(i, 32), bound, 32), inside, out, loop=True)
    f.go(inside)
    f.store(i, f.binary("add", f.load(i, 32), 1, 32), 32)
    f.jump(head)
    f.go(out)
    f.ret(0)


def test_loop_on_packet_data_is_refused_with_its_place() -> None:
    with pytest.raises(ResourceLimitError, match="no bound that holds for all packets") as caught:
        simple(unbounded)
    assert caught.value.location is not None and caught.value.location.file == "nf.c"
    assert caught.value.location.line > 1
    assert caught.value.hint


def test_path_limit() -> None:
    def body(p: ProgramBuilder, f: FunctionBuilder) -> None:
        packet = f.load_pointer(f.arg(1))
        for n in range(6):
            then, otherwise, join = f.block(), f.block(), f.block()
            f.branch(f.compare("eq", f.load(f.plus(packet, n), 8), 0, 8), then, otherwise)
            for b in (then, otherwise):
                f.go(b)
                f.jump(join)
            f.go(join)
        f.ret(0)

    assert len(simple(body).paths) == 64
    with pytest.raises(ResourceLimitError, match="more than 10 call paths"):
        simple(body, limits=Limits(paths=10))


def infeasible(p: ProgramBuilder, f: FunctionBuilder) -> None:
    byte = f.load(f.load_pointer(f.arg(1)), 8)
    big = f.when(f.compare("ugt", byte, 100, 8))
    odd = f.when(f.compare("ult", f.binary("mul", byte, 1, 8), 50, 8))
    f.ret(1)
    f.go(odd)
    f.ret(2)
    f.go(big)
    f.ret(3)


def test_infeasible_paths_are_left_out() -> None:
    assert [p.verdict for p in simple(infeasible).paths] == [2, 3]


def bad(build: Callable[[ProgramBuilder, FunctionBuilder], None]) -> Callable[[ProgramBuilder, FunctionBuilder], None]:
    def body(p: ProgramBuilder, f: FunctionBuilder) -> None:
        build(p, f)
        f.ret(0)

    return body


@pytest.mark.parametrize(
    ("build", "kind", "message"),
    [
        (lambda p, f: f.load(ir.Null(), 8), InputError, "null pointer"),
        (lambda p, f: f.load(f.local(4), 32), InputError, "before it was written"),
        (lambda p, f: f.load(f.plus(f.local(4), 4), 8), InputError, "at offset 4 of 'x', which has 4"),
        (lambda p, f: f.store(p.variable("table", 4, const=True), 1, 8), InputError, "constant 'table'"),
        (lambda p, f: f.call("mystery"), UnsupportedError, "'mystery' is neither defined"),
        (lambda p, f: f.call("malloc", (8, 64), result=1), UnsupportedError, "'malloc'"),
        (
            lambda p, f: f.binary("udiv", 1, f.load(f.load_pointer(f.arg(1)), 8), 8),
            UnsupportedError, "possibly divides by zero",
        ),
        (lambda p, f: f.binary("udiv", 1, 0, 8), InputError, "divides by zero"),
        (lambda p, f: f.binary("shl", 1, 32, 32), InputError, "32-bit number by 32 or more"),
        (lambda p, f: f.load(f.load_pointer(f.arg(4)), 8), UnsupportedError, "the mbuf"),
        (
            lambda p, f: f.load(
                f.plus(p.variable("t", 70000), f.cast("zext", f.load(f.load_pointer(f.arg(1)), 16), 16, 64)), 8
            ),
            UnsupportedError, "more than 64 possible values",
        ),
    ],
)  # fmt: skip
def test_errors_say_what_and_where(
    build: Callable[[ProgramBuilder, FunctionBuilder], None], kind: type[MaestroError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        simple(bad(build))
    assert caught.value.location is not None


def test_few_values_of_an_address_are_enumerated() -> None:
    def body(p: ProgramBuilder, f: FunctionBuilder) -> None:
        table = p.variable("table", 4, initial=[ir.Initial(0, b"\x05\x06\x07\x08")], const=True)
        low = f.binary("and", f.load(f.load_pointer(f.arg(1)), 8), 3, 8)
        f.ret(f.cast("zext", f.load(f.plus(table, f.cast("zext", low, 8, 64)), 8), 8, 32))

    assert [p.verdict for p in simple(body).paths] == [5, 6, 7, 8]


def test_failed_assertion_ends_a_path_with_a_note() -> None:
    def body(p: ProgramBuilder, f: FunctionBuilder) -> None:
        bad_byte = f.when(f.compare("ne", f.load(f.load_pointer(f.arg(1)), 8), 0, 8))
        f.ret(1)
        f.go(bad_byte)
        f.call("abort", result=0)
        f.ret(2)

    analysis = simple(body)
    assert [p.verdict for p in analysis.paths] == [1]
    assert any("abort" in note.words for note in analysis.notes)


def test_setup_that_stops_is_an_input_error() -> None:
    p = ProgramBuilder()
    init = p.function("nf_init", result=8)
    init.call("exit", (1, 32), result=0)
    init.ret(1)
    p.process().ret(0)
    with pytest.raises(InputError, match="set-up stopped"):
        analyse(p.build())


def test_init_that_fails_is_an_input_error() -> None:
    p = ProgramBuilder()
    p.function("nf_init", result=8).ret(0)
    p.process().ret(0)
    with pytest.raises(InputError, match="returned false"):
        analyse(p.build())


def test_crc32c_is_the_instruction() -> None:
    crc = 0xFFFFFFFF
    for byte in b"123456789":
        crc = crc32c(crc, byte, 8)
    assert crc ^ 0xFFFFFFFF == 0xE3069283  # the check value of CRC-32C
    assert crc32c(0x12345678, 0x0807060504030201, 64) == crc32c(crc32c(0x12345678, 0x04030201, 32), 0x08070605, 32)


def example() -> Analysis:
    p, names = with_objects()
    f = p.process()
    table, key, value = f.load_pointer(names["map"]), key_of(f), f.local(4, "value")
    absent = f.when(f.compare("ne", f.call("map_get", (table, 0), (key, 0), (value, 0)), 0, 32))
    f.ret(f.load(value, 32))
    f.go(absent)
    f.store(f.load_pointer(f.arg(1)), 1, 8)
    f.ret(-1)
    return analyse(p.build())


def text_of(document: object) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n"


def test_every_damaged_json_is_refused_or_equal() -> None:
    """Replacing any part by something of another shape gives ValueError, never another exception."""
    analysis = example()
    text = forms.write(analysis)
    data = json.loads(text)
    assert text_of(data) == text and forms.read(Analysis, text) == analysis
    places: list[tuple[object, ...]] = []

    def walk(value: object, path: tuple[object, ...]) -> None:
        places.append(path)
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for k, v in items:
            walk(v, (*path, k))

    walk(data, ())
    for path in places[1::3]:
        for junk in (None, -1, 1 << 70, "junk", [], {}, [None], True, 1.5):
            damaged = copy.deepcopy(data)
            target = damaged
            for step in path[:-1]:
                target = target[step]
            target[path[-1]] = junk
            with contextlib.suppress(ValueError):
                assert (forms.read(Analysis, text_of(damaged)) == analysis) == (damaged == data)
