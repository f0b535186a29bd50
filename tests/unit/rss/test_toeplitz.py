"""The hash against Microsoft's published vectors and DPDK's rte_softrss, and the runtime's C."""

from __future__ import annotations

import ipaddress
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from maestro_tool.packet.classes import CLASSES, VIEWS, View, view
from maestro_tool.packet.fields import HASHABLE, HASHABLE6
from maestro_tool.rss.model import Place, PortModel, left_to_card, nic_input, place
from maestro_tool.rss.symmetric import FUNCTIONS, Function, applied
from maestro_tool.rss.toeplitz import columns, toeplitz

ROOT = Path(__file__).parents[3]
RUNTIME = ROOT / "maestro_tool" / "runtime"

# "Verifying the RSS hash calculation", Microsoft driver documentation.
MICROSOFT_KEY = bytes.fromhex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa")
VECTORS = [  # destination, port, source, port, hash of addresses, hash with ports
    ("161.142.100.80", 1766, "66.9.149.187", 2794, 0x323E8FC2, 0x51CCC178),
    ("65.69.140.83", 4739, "199.92.111.2", 14230, 0xD718262A, 0xC626B0EA),
    ("12.22.207.184", 38024, "24.19.198.95", 12898, 0xD2D0A5DE, 0x5C2B394A),
    ("209.142.163.6", 2217, "38.27.205.30", 48228, 0x82989176, 0xAFC7327F),
    ("202.188.127.2", 1303, "153.39.163.191", 44251, 0x5D1809C5, 0x10E828A2),
    ("3ffe:2501:200:3::1", 1766, "3ffe:2501:200:1fff::7", 2794, 0x2CC18CD5, 0x40207D3D),
    ("ff02::1", 4739, "3ffe:501:8::260:97ff:fe40:efab", 14230, 0x0F0C461C, 0xDDE51BBF),
    (
        "fe80::200:f8ff:fe21:67cf", 38024, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251,
        0x4B61E985, 0x02D1FEEF,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("dst", "dst_port", "src", "src_port", "addresses", "tuple4"), VECTORS)
def test_microsoft_vector(dst: str, dst_port: int, src: str, src_port: int, addresses: int, tuple4: int) -> None:
    data = ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed
    assert toeplitz(MICROSOFT_KEY, data) == addresses
    assert toeplitz(MICROSOFT_KEY, data + src_port.to_bytes(2, "big") + dst_port.to_bytes(2, "big")) == tuple4


def test_key_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="hashes at most"):
        toeplitz(bytes(15), bytes(12))


def test_hash_is_the_xor_of_the_columns_of_set_bits() -> None:
    r = random.Random(1)
    for _ in range(20):
        key, data = r.randbytes(40), r.randbytes(12)
        index = 0
        for i, column in enumerate(columns(key, 96, 9)):
            if data[i // 8] >> (7 - i % 8) & 1:
                index ^= column
        assert index == toeplitz(key, data) & 511


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[str]], list[int]]:
    """Answers of C: DPDK's software hash and the runtime's steering."""
    compiler, pkg_config = shutil.which("gcc") or shutil.which("cc"), shutil.which("pkg-config")
    if not compiler or not pkg_config or subprocess.run([pkg_config, "--exists", "libdpdk"], check=False).returncode:
        pytest.skip("needs a C compiler and DPDK's headers")
    flags = subprocess.run([pkg_config, "--cflags", "libdpdk"], capture_output=True, text=True, check=True).stdout
    binary = tmp_path_factory.mktemp("oracle") / "oracle"
    sources = [Path(__file__).with_name("oracle.c"), RUNTIME / "src" / "steering.c"]
    includes = [f"-I{RUNTIME / 'include'}", f"-I{RUNTIME / 'src'}"]
    subprocess.run([compiler, "-O1", "-o", binary, *sources, *includes, *flags.split()], check=True)

    def ask(questions: list[str]) -> list[int]:
        run = subprocess.run([binary], input="\n".join(questions) + "\n", capture_output=True, text=True, check=True)
        return [int(line) for line in run.stdout.split()]

    return ask


def test_agrees_with_rte_softrss(oracle: Callable[[list[str]], list[int]]) -> None:
    """IPv4 (8 and 12 bytes) and IPv6 (32 and 36 bytes) tuples under keys of 40, 48 and 52 bytes."""
    r = random.Random(2)
    cases = [
        (r.randbytes(key), r.randbytes(size)) for key in (40, 48, 52) for size in (8, 12, 32, 36) for _ in range(50)
    ]
    answers = oracle([f"h {key.hex()} {data.hex()}" for key, data in cases])
    assert answers == [toeplitz(key, data) for key, data in cases]


def test_agrees_with_the_tuples_of_rte_thash(oracle: Callable[[list[str]], list[int]]) -> None:
    """The fields' places in rte_ipv4_tuple and rte_ipv6_tuple are those of our input."""
    r = random.Random(4)
    cases = [(r.randbytes(key), r.randbytes(size)) for key in (40, 52) for size in (12, 36) for _ in range(100)]
    assert oracle([f"t {key.hex()} {data.hex()}" for key, data in cases]) == [toeplitz(k, d) for k, d in cases]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_runtime_steers_by_the_same_function(oracle: Callable[[list[str]], list[int]], function: Function) -> None:
    r, fields = random.Random(5), ("src_ip", "dst_ip", "src_port", "dst_port")
    questions, expected = [], []
    for _ in range(200):
        key, addresses, ports = r.randbytes(40), r.randbytes(8), r.randbytes(4)
        for protocol in (17, 50):
            frame = (
                bytes(12) + b"\x08\x00" + bytes((0x45,)) + bytes(8) + bytes((protocol,)) + bytes(2) + addresses + ports
            )
            questions.append(f"i {FUNCTIONS.index(function)} {key.hex()} {frame.hex()}")
            known = fields if protocol == 17 else fields[:2]
            data = applied(function, known, addresses + (ports if protocol == 17 else b""))
            expected.append(toeplitz(key, data) & 511)
    assert oracle(questions) == expected


@pytest.mark.parametrize("function", FUNCTIONS)
def test_runtime_steers_any_frame_like_the_model(oracle: Callable[[list[str]], list[int]], function: Function) -> None:
    r = random.Random(6)
    software: dict[View | None, tuple[str, ...]] = {
        "l4": HASHABLE, "l3": HASHABLE[:2], "l4v6": HASHABLE6, "l3v6": HASHABLE6[:2], None: ()
    }  # fmt: skip
    steering = dict.fromkeys(CLASSES, "software")
    questions, expected, seen = [], [], set()
    for _ in range(1000):
        model = PortModel(0, r.randbytes(40), 512, {}, steering, software, False, (), function)
        frame = bytearray(r.randbytes(r.choice((14, 33, 34, 37, 38, 53, 54, 57, 58, 60, 80))))
        frame[12:14] = r.choice((b"\x08\x00", b"\x86\xdd", b"\x86\xdd", b"\x81\x00"))
        if len(frame) > 23 and r.random() < 0.8:
            frame[20] = frame[23] = r.choice((6, 17))
        questions.append(f"i {FUNCTIONS.index(function)} {model.key.hex()} {frame.hex()}")
        expected.append(place(model, bytes(frame), 2).index)
        seen.add(view(bytes(frame)))
    assert oracle(questions) == expected and seen == set(VIEWS)


#: What cards hash of a class, as profiles name it; with zeros for what is left out, where the driver does not say.
CARD_INPUTS = [
    ("tcp4", HASHABLE), ("udp4_options", HASHABLE), ("ipv4_fragment", HASHABLE[:2]), ("sctp4", (*HASHABLE, "sctp_tag")),
    ("ipv4_other", (*HASHABLE[:2], "ip_id")), ("udp6", (*HASHABLE6[:2], *HASHABLE[2:])), ("tcp4", HASHABLE[1:2]),
]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS)
def test_runtime_knows_where_a_card_puts_a_frame(oracle: Callable[[list[str]], list[int]], function: Function) -> None:
    r = random.Random(7)
    questions, expected = [], []
    for name, fields in CARD_INPUTS:
        port = SimpleNamespace(
            hashed=((name, fields),), steering=((name, "nic"),), function=function, padded=fields == HASHABLE[1:2]
        )
        [(_, _, inputs)] = left_to_card(port)  # type: ignore[arg-type]
        assert len(inputs) == (2 if port.padded else 1)
        for _ in range(60):
            key = r.randbytes(52)
            frame = bytearray(r.randbytes(r.choice((34, 36, 60, 74, 100))))
            frame[12:15] = b"\x86\xdd\x60" if CLASSES[name].family == 6 else bytes((8, 0, r.randrange(0x45, 0x50)))
            for gap, places in enumerate(inputs):
                questions.append(f"c {FUNCTIONS.index(function)} {key.hex()} {frame.hex()} {_bytes(places).hex()}")
                data = applied(function, fields, nic_input(bytes(frame), name, fields))
                expected.append(toeplitz(key, bytes(4 * gap) + data) & 511)
    assert oracle(questions) == expected


def _bytes(places: tuple[Place, ...]) -> bytes:
    return b"".join(bytes((("frame", "l4", None).index(p.base), p.offset, p.size, p.mixed)) for p in places)
