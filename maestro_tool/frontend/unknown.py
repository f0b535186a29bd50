"""Names that the analysis does not know: types, macros and headers, each with what to write instead.

A compiler that does not know a name says so.  The parser only says where the text stopped to make sense, so the
statement around that place is looked at again: which of its words is nobody's, and stands where a type or a macro
would.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

_FRAME = (
    "the frame is at *buffer: take its headers with nf_then_get_rte_ether_header(buffer) and relatives, or any bytes "
    "with nf_borrow_next_chunk(buffer, length)"
)
_MBUFS = "or let nf_process be given the mbuf, in DPDK's dialect (docs/dialects.md)"
_LENGTH = "packet_length is the frame's length, and packet_get_unread_length(buffer) what is left of it"
_SEQUENTIAL = "an NF is sequential, and the generated program does the locking: leave it out"
_CLOCK = "nf_process gets the time as 'now', in nanoseconds"
_LINUX = (
    "use DPDK's structures: rte_ether.h, rte_ip.h, rte_tcp.h, rte_udp.h, rte_icmp.h, rte_arp.h (programs for XDP, "
    "which include <linux/bpf.h>, have if_ether.h, ip.h, ipv6.h, tcp.h, udp.h, icmp.h, icmpv6.h, in.h of linux/)"
)
_SKETCH = (
    "count-min sketches of lib/state are cleared when each core would choose for itself: count in a vector, at "
    "an index that a map of keys gives"
)
_MAP = 'use lib/verified/map.h, with the keys in a vector: "maestro new" writes an NF that does'

#: Names (types, macros, functions, headers) of programs that were not written for this API -> what is there instead.
_INSTEAD: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), hint)
    for pattern, hint in (
        (r"rte_pktmbuf_(mtod|mtod_offset|read|iova)", f"{_FRAME}; {_MBUFS}"),
        (r"rte_pktmbuf_(pkt_len|data_len)|rte_pktmbuf_is_contiguous", f"{_LENGTH}; {_MBUFS}"),
        (r"rte_pktmbuf_(headroom|tailroom)", "how much room there is around a frame is for drivers to say"),
        (r"rte_pktmbuf_prepend", f"nf_insert_new_chunk(buffer, length, mbuf) makes room for a header; {_MBUFS}"),
        (r"rte_pktmbuf_adj", f"nf_shrink_chunk(buffer, length, mbuf) cuts a header; {_MBUFS}"),
        (r"rte_pktmbuf_append", "frames get longer at their front only: insert headers there"),
        (r"rte_pktmbuf_trim", f"frames are cut at their end by NFs with mbufs only: {_MBUFS}"),
        (r"struct rte_mbuf", f"mbufs are only passed on: {_LENGTH}; {_FRAME}; {_MBUFS}"),
        (r"rte_vlan_(strip|insert)", "move the addresses and call rte_pktmbuf_adj, or rte_pktmbuf_prepend"),
        (r"rte_pktmbuf_\w+", "nf_process has one frame in one piece, and what it returns says where that goes"),
        (r"rte_eth_(rx|tx)_\w+", "the program around nf_process receives and sends: return the output port"),
        (r"rte_hash_\w*with_hash\w*|rte_hash_hash", "call the function without a hash: tables calculate it"),
        (r"rte_hash_(free|reset|find_existing|set_cmp_func)", "make tables in nf_init, and keep them as they are"),
        (r"rte_hash_(iterate|max_key_id|\w+_with_position)", "look keys up: other cores have other positions"),
        (r"rte_hash_\w+|struct rte_hash\w*", "include <rte_hash.h>, which makes it an NF of DPDK's dialect"),
        (r"rte_(fbk_hash|cuckoo_hash|member|efd)\w*(\.h)?", _MAP),
        (
            r"rte_lpm_(delete|delete_all|free|find_existing)",
            "routes stay: let a rule that came again change its next hop",
        ),
        (
            r"rte_(lpm6|fib|rib)6?\w*(\.h)?|struct rte_(lpm6|fib6?|rib6?)",
            "use rte_lpm.h, or lib/verified/lpm-dir-24-8.h: IPv4 only",
        ),
        (r"rte_lpm_\w+|struct rte_lpm", "include <rte_lpm.h>, which makes it an NF of DPDK's dialect"),
        (r"rte_acl\w*(\.h)?", "write the rules as a const table, and a loop that compares"),
        (r"rte_(spinlock|rwlock|atomic|ring|rcu\w*|mcslock|ticketlock|seqlock)\w*(\.h)?", _SEQUENTIAL),
        (r"pthread\w*(\.h)?|threads\.h|stdatomic\.h|semaphore\.h|atomic_\w+|LIST_HEAD_\w+", _SEQUENTIAL),
        (r"rte_(timer|rdtsc|get_t|get_timer)\w*(\.h)?|time_t|struct (timespec|timeval)", _CLOCK),
        (r"(linux|net|netinet)/(if_ether|ethernet|if_arp|ip|ip6|ipv6|tcp|udp|icmp|ip_icmp|if_vlan|icmp6)\.h", _LINUX),
        (r"struct (ethhdr|ether_header|iphdr|ip|ipv6hdr|ip6_hdr|tcphdr|udphdr|icmphdr|vlan_hdr)", _LINUX),
        (r"vmlinux\.h", "include <linux/bpf.h>, and <linux/ip.h> and its like"),
        (r"(bpf|xdp)/\w+\.h", "of libbpf's headers there are bpf/bpf_helpers.h and bpf/bpf_endian.h"),
        (r"bpf_tail_call|BPF_MAP_TYPE_PROG_ARRAY", "call the function: one program handles the packet"),
        (r"bpf_map_delete_elem_of_LPM_TRIE", "routes stay: change the value of the entry, by an update"),
        (r"bpf_map_lookup_elem_of_\w+", "look up whole addresses: prefixlen is 32"),
        (
            r"bpf_xdp_adjust_tail_by_more_than_0",
            "frames get shorter at their end only: check that the delta is below 0",
        ),
        (r"bpf_redirect_map_BROADCAST", "redirect to one slot: BPF_F_BROADCAST is not supported"),
        (r"bpf_fib_lookup", "keep routes in a map: the kernel's are not there"),
        (
            r"bpf_(ringbuf|perf_event)_\w+|bpf_trace_printk|BPF_MAP_TYPE_(RINGBUF|PERF_EVENT_ARRAY)",
            "count in a map: nobody listens to a program",
        ),
        (r"bpf_get_(prandom_u32|smp_processor_id|numa_node_id)", "it would differ between runs, or between cores"),
        (r"bpf_(spin_lock|spin_unlock)|struct bpf_spin_lock", _SEQUENTIAL),
        (r"bpf_ktime_get_\w+|bpf_jiffies64|bpf_timer_\w+", "call bpf_ktime_get_ns(): the packet's time, in ns"),
        (r"bpf_(loop|for_each_map_elem)", "write a loop with a bound"),
        (r"bpf_xdp_(load_bytes|store_bytes|get_buff_len)", "use ctx->data and ctx->data_end: frames are in one piece"),
        (r"bpf_\w+", "docs/dialects.md says which helpers there are"),
        (r"cms_\w+", _SKETCH),
        (r"vector_(clear|sample_lt)|lpm_from_file", "write the loop; rules come from options, one by one"),
        (r"sys/queue\.h|(LIST|TAILQ|STAILQ|SLIST)_\w+", "use a map with its keys in a vector, or an array"),
    )
)

_DEFINE = (
    "define it in a header of your own, or include the one that does; of system and DPDK headers, the analysis knows "
    "what is common (docs/c-subset.md)"
)
_GENERAL = {
    "type": _DEFINE,
    "macro": _DEFINE,
    "header": "the analysis reads small headers of its own in place of the system's and DPDK's (docs/c-subset.md lists "
    "them): write the few declarations that you use into a header of your own",
}

What = Literal["type", "macro", "header"]


def instead(name: str) -> str | None:
    """What to use in place of a name of some other API, if that is known."""
    return next((hint for pattern, hint in _INSTEAD if pattern.fullmatch(name)), None)


def hint(what: What, name: str) -> str:
    return instead(name) or _GENERAL[what]


@dataclass(frozen=True, slots=True)
class Unknown:
    """A name at an offset of the text."""

    what: What
    name: str
    offset: int


_TOKEN = re.compile(
    r"^[ \t]*\#[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|(?P<word>[A-Za-z_]\w*)|(?P<number>\d[\w.]*)|\S", re.M
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SPECIFIERS = _words("void char short int long float double signed unsigned struct union enum _Bool")
_QUALIFIERS = _words("const volatile static extern inline register typedef restrict auto")
_WORDS = _SPECIFIERS | _QUALIFIERS
_WORDS |= _words("if else for while do switch case default return break continue goto sizeof typeof offsetof asm")
_WORDS |= _words("_Alignof _Alignas _Static_assert _Noreturn")
_LONGEST = 4000  # characters of a statement, to either side


def find(text: str, offset: int, is_type: Callable[[str], bool], is_name: Callable[[str], bool]) -> Unknown | None:
    """The word of the statement at ``offset`` that nobody declared and that a type or a macro would explain.

    ``is_type``, ``is_name``: what the parser knows there.
    """
    tokens = _statement(text, offset)
    words = _Words(tokens, is_type, is_name)
    places = [i for i in range(len(tokens)) if words.is_new(i) or words.is_misread(i)]
    for rule in (_attribute, _first, _beside, _macro, _type):
        for i in places:
            if (what := rule(words, i)) is not None:
                return Unknown(what, *tokens[i])
    return None


_Token = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Words:
    """A statement's tokens, and what the parser knows of words."""

    tokens: list[_Token]
    is_type: Callable[[str], bool]
    is_name: Callable[[str], bool]

    def at(self, i: int) -> str:
        return self.tokens[i][0] if 0 <= i < len(self.tokens) else ""

    def is_word(self, i: int) -> bool:
        return bool(re.match(r"[A-Za-z_]", self.at(i))) and self.at(i) not in _WORDS

    def is_new(self, i: int) -> bool:
        """Whether nobody declared the word; members and tags are not looked up."""
        if not self.is_word(i) or self.at(i - 1) in (".", "struct", "union", "enum", "goto"):
            return False
        return self.at(i - 2) + self.at(i - 1) != "->" and not self.is_type(self.at(i)) and not self.is_name(self.at(i))

    def is_misread(self, i: int) -> bool:
        """Whether the parser took a macro for a name: ``int __hot f``, ``static LIST_HEAD(list, item) items``."""
        if not self.is_word(i) or self.is_type(self.at(i)):
            return False
        leads = i == 0 or self.at(i - 1) in _QUALIFIERS
        called = leads and self.at(i + 1) == "(" and bool(re.match(r"[A-Za-z_]", self.at(self.end_of_call(i) + 1)))
        return called or (self.names_type(i - 1) and self.is_word(i + 1))

    def names_type(self, i: int) -> bool:
        return self.at(i) in _SPECIFIERS or self.is_type(self.at(i))

    def behind_stars(self, i: int) -> int:
        i += 1
        while self.at(i) in ("*", "const", "volatile"):
            i += 1
        return i

    def end_of_call(self, i: int) -> int:
        """Where the parenthesis closes that opens behind ``i``."""
        depth = 0
        for k in range(i + 1, len(self.tokens)):
            depth += {"(": 1, ")": -1}.get(self.at(k), 0)
            if depth == 0:
                return k
        return len(self.tokens)


def _attribute(words: _Words, i: int) -> What | None:
    """``static HOT int f``: in front of a type."""
    behind = words.at(i + 1)
    return "macro" if words.names_type(i + 1) or behind in ("static", "extern", "inline") else None


def _first(words: _Words, i: int) -> What | None:
    """``static stamp_t *f``: what is declared here is of this type."""
    leads = i == 0 or words.at(i - 1) in _QUALIFIERS
    return "type" if leads and words.is_word(words.behind_stars(i)) else None


def _beside(words: _Words, i: int) -> What | None:
    """``"x %" PRIx``, ``int n __aligned;``, ``int __hot f(int n)``: beside what no name can be beside, and written as
    macros are, where another word might be the macro."""
    if words.at(i - 1).startswith('"') or words.at(i + 1).startswith('"'):
        return "macro"
    if not re.fullmatch(r"_\w+|[A-Z][A-Z0-9_]+", words.at(i)):
        return None
    in_front = words.names_type(i - 1) and words.is_word(i + 1)
    behind = words.at(i - 1) in (")", "]") or (words.is_word(i - 1) and not words.names_type(i - 1))
    return "macro" if in_front or (behind and words.at(i + 1) in (";", ",", "=", "{", ")", "(")) else None


def _macro(words: _Words, i: int) -> What | None:
    """What is called and gets a type, or has a block or nothing behind it where a function cannot."""
    before = i - 1
    while words.at(before) in ("*", "const", "volatile"):
        before -= 1
    if i == 0 and words.at(1) == "{":
        return "macro"
    if words.at(i + 1) != "(" or words.names_type(before):
        return None  # ``int *f(int a)`` declares it
    end = words.end_of_call(i)
    if i == 0 and words.at(end + 1) in ("{", ";", "}", ""):
        return "macro"
    if re.match(r"[A-Za-z_]", words.at(end + 1)):
        return "macro"  # ``LIST_HEAD(list, item) items;``, ``REGISTER(log) int n;``
    depth = 0
    for k in range(i + 1, end):
        depth += {"(": 1, ")": -1}.get(words.at(k), 0)
        if depth == 1 and words.at(k) in ("(", ",") and words.names_type(k + 1):
            return "macro"
    return None


def _type(words: _Words, i: int) -> What | None:
    """``(stamp_t)x``, ``(stamp_t *)x``, ``f(stamp_t when)``, ``f(stamp_t *)``."""
    if words.at(i - 1) not in ("(", ","):
        return None
    behind = words.behind_stars(i)
    cast = words.at(behind) == ")" and bool(re.match(r"[\w(\"'&~!{]", words.at(behind + 1)))
    pointer = behind > i + 1 and words.at(behind) in (",", ")")
    return "type" if cast or pointer or words.is_word(behind) else None


def _statement(text: str, offset: int) -> list[_Token]:
    """The tokens from behind the last ``;`` or brace to the next one."""
    found: list[_Token] = []
    for match in _TOKEN.finditer(text, max(0, offset - _LONGEST), offset + _LONGEST):
        token = match[0]
        if token.lstrip().startswith("#"):
            continue
        if token in (";", "{", "}"):
            if match.start() >= offset and found:
                return [*found, (token, match.start())]
            if match.start() < offset:
                found.clear()
            continue
        found.append((token, match.start()))
    return found
