"""Key expressions lead back to header fields through whatever C did to them."""

import random

from maestro_tool.expr.evaluate import Numbers
from maestro_tool.expr.nodes import binary, bv_not, compare, concat, const, eq, extract, lnot, lor, sext, sym, zext
from maestro_tool.expr.symbols import packet_byte
from maestro_tool.packet.fields import MOST_BYTES
from maestro_tool.sharding.facts.bits import PacketBit, bits_said, origins, pair_bytes, pair_fields, show_field
from maestro_tool.sharding.plan import FieldBits

BYTE = [packet_byte(i) for i in range(64)]
SRC_IP, DST_IP = concat(*BYTE[26:30]), concat(*BYTE[30:34])
SRC_PORT = concat(*BYTE[34:36])
PROTOCOL = BYTE[23]


def fields(left, right):
    pairs, complete, possible = pair_fields(left, right, (4, 4))
    return [(show_field(a), show_field(b)) for a, b in pairs], complete, possible


def test_whole_field():
    assert fields(SRC_IP, DST_IP) == ([("src_ip", "dst_ip")], True, True)


def test_byte_swapped_on_both_sides_is_the_same_equation():
    swapped = concat(*reversed(BYTE[26:30]))
    pairs, complete, _ = pair_fields(swapped, concat(*reversed(BYTE[30:34])), (4, 4))
    assert complete and pairs == [(FieldBits("src_ip", 31, 0), FieldBits("dst_ip", 31, 0))]


def test_prefix_through_mask_and_through_shift():
    masked = binary("and", SRC_IP, const(0xFFFFFFF0, 32))
    assert fields(masked, masked) == ([("src_ip[31:4]", "src_ip[31:4]")], True, True)
    shifted = binary("lshr", SRC_IP, const(8, 32))
    assert fields(shifted, shifted) == ([("src_ip[31:8]", "src_ip[31:8]")], True, True)


def test_shifts_move_bits_and_fill_in_zeros_or_the_sign():
    word = zext(BYTE[15], 16)
    bits = [PacketBit(15, n) for n in reversed(range(8))]
    nibble = const(4, 16)
    assert origins(binary("shl", word, nibble)) == [0] * 4 + bits + [0] * 4
    assert origins(binary("ashr", word, nibble)) == [0] * 12 + bits[:4]
    assert origins(binary("ashr", concat(*BYTE[15:17]), nibble))[:6] == bits[:1] * 5 + bits[1:2]
    assert origins(binary("shl", word, const(40, 16))) == [0] * 16


def test_struct_of_two_fields_splits_at_the_field_boundary():
    both = concat(SRC_IP, SRC_PORT)
    assert fields(both, both) == ([("src_ip", "src_ip"), ("src_port", "src_port")], True, True)


def test_unhashable_parts_are_left_out_and_said():
    assert fields(concat(PROTOCOL, SRC_IP), concat(PROTOCOL, SRC_IP)) == ([("src_ip", "src_ip")], False, True)


def test_different_constants_never_meet():
    assert fields(concat(const(1, 8), SRC_IP), concat(const(2, 8), SRC_IP)) == ([], True, False)


def test_arithmetic_is_not_taken_for_a_field():
    plus = binary("add", SRC_PORT, const(1, 16))
    assert fields(plus, plus) == ([], False, True)


def test_a_bit_moved_to_another_place_is_paired_with_its_new_partner():
    low = extract(SRC_IP, 7, 0)
    assert fields(zext(low, 16), zext(extract(DST_IP, 31, 24), 16)) == ([("src_ip[7:0]", "dst_ip[31:24]")], True, True)


def test_xor_of_fields_is_unknown():
    x = binary("xor", SRC_IP, DST_IP)
    assert all(o is None for o in origins(x))


def test_network_order_bit_numbers():
    assert origins(BYTE[26])[0] == PacketBit(26, 7)


def test_bits_of_one_bit_are_that_bit_its_complement_or_known():
    bit, other = extract(BYTE[15], 3, 3), extract(BYTE[15], 2, 2)
    plain, inverted = PacketBit(15, 3), PacketBit(15, 3, inverted=True)
    turned = bv_not(bit)
    assert origins(turned) == [inverted] and origins(binary("xor", bit, const(1, 1))) == [inverted]
    wide = concat(bit, other)
    assert origins(binary("xor", wide, concat(bit, turned))) == [0, None]
    assert origins(binary("and", wide, concat(turned, other))) == [0, PacketBit(15, 2)]
    assert origins(binary("or", wide, concat(turned, other))) == [1, PacketBit(15, 2)]
    computed = extract(binary("mul", SRC_PORT, concat(*BYTE[36:38])), 1, 0)
    assert origins(binary("and", computed, const(1, 2))) == [0, None]
    assert origins(binary("xor", computed, concat(bit, bit))) == [None, None]
    assert origins(sext(wide, 4)) == [plain, plain, plain, PacketBit(15, 2)]


def test_origins_are_what_the_numbers_say():
    rng = random.Random(3)

    def draw(depth):
        if depth == 0:
            return rng.choice([BYTE[rng.randrange(14, 18)], const(rng.getrandbits(8), 8)])
        a, b = draw(depth - 1), draw(depth - 1)
        match rng.randrange(5):
            case 0:
                return extract(concat(a, b), (low := rng.randrange(9)) + 7, low)
            case 1:
                return binary(rng.choice(["shl", "lshr", "ashr"]), a, const(rng.randrange(9), 8))
            case 2:
                return bv_not(a)
            case 3:
                return extract(sext(a, 16), 11, 4)
        return binary(rng.choice(["and", "or", "xor", "add"]), a, b)

    terms = [draw(4) for _ in range(300)]
    numbers, known = Numbers(terms), 0
    for _ in range(20):
        frame = {BYTE[n]: rng.getrandbits(8) for n in range(14, 18)}
        for e, value in zip(terms, numbers(frame), strict=True):
            for n, origin in enumerate(reversed(origins(e))):
                bit = value >> n & 1
                if isinstance(origin, PacketBit):
                    assert bit == (frame[BYTE[origin.byte]] >> origin.bit & 1) ^ origin.inverted
                elif origin is not None:
                    assert bit == origin
                known += origin is not None
    assert known > 10_000


def test_what_conditions_say_of_bits():
    low, flag = extract(BYTE[20], 3, 0), binary("and", BYTE[20], const(0x80, 8))
    assert bits_said(eq(low, const(5, 4))) == {(20, 3): 0, (20, 2): 1, (20, 1): 0, (20, 0): 1}
    assert bits_said(eq(bv_not(low), const(5, 4))) == {(20, 3): 1, (20, 2): 0, (20, 1): 1, (20, 0): 0}
    assert bits_said(eq(flag, const(0, 8))) == {(20, 7): 0}
    assert bits_said(lnot(eq(flag, const(0, 8)))) == {(20, 7): 1}
    assert bits_said(lnot(eq(flag, const(0x80, 8)))) == {(20, 7): 0}
    # Part of it is no bit of a frame: what is known of the rest holds.
    half = concat(extract(BYTE[20], 0, 0), sym("state.0", 1))
    assert bits_said(eq(half, const(2, 2))) == {(20, 0): 1}


def test_conditions_that_say_nothing_of_bits():
    flag, two = extract(BYTE[20], 7, 7), extract(BYTE[20], 1, 0)
    assert bits_said(lnot(eq(two, const(1, 2)))) == {}
    assert bits_said(lnot(eq(concat(flag, sym("state.0", 1)), const(2, 2)))) == {}
    assert bits_said(eq(two, extract(BYTE[21], 1, 0))) == bits_said(compare("ult", two, const(3, 2))) == {}
    assert bits_said(lor(eq(two, const(1, 2)), eq(two, const(2, 2)))) == {}


def test_where_an_equation_does_not_hold_its_one_bit_is_the_other():
    """Other bits must be as the equation says, or it may be their fault."""
    first = binary("and", BYTE[20], const(0x80, 8))
    assert bits_said(lnot(eq(first, const(0, 8)))) == {(20, 7): 1}
    assert bits_said(lnot(eq(first, const(0x80, 8)))) == {(20, 7): 0}
    assert bits_said(lnot(eq(BYTE[20], const(0, 8)))) == {}


def test_fields_that_do_not_count_are_unknown_on_either_side():
    for left, right in ((SRC_IP, DST_IP), (DST_IP, SRC_IP)):
        assert pair_fields(left, right, (4, 4), ("src_ip",)) == ([], False, True)


def test_bytes_far_behind_and_inverted_bits_are_not_paired():
    last, behind = packet_byte(MOST_BYTES - 1), packet_byte(MOST_BYTES)
    assert [(a.byte, b.byte) for a, b in pair_bytes(last, last)] == [(MOST_BYTES - 1,) * 2] * 8
    assert pair_bytes(last, behind) == pair_bytes(behind, last) == []
    assert pair_bytes(BYTE[1], bv_not(BYTE[2])) == [] and len(pair_bytes(bv_not(BYTE[1]), bv_not(BYTE[2]))) == 8
