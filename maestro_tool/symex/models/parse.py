"""nf_parse_*: addresses, ports and devices from strings; numbers come out in network byte order (NF_API, section 2)."""

from __future__ import annotations

import re

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.expr import nodes
from maestro_tool.symex.site import CallSite, Outcome

_AF_INET = 2


def _store(site: CallSite, data: bytes) -> Outcome:
    site.store(1, len(data), nodes.const(int.from_bytes(data, "little"), 8 * len(data)))
    return site.answer(1)


def nf_parse_etheraddr(site: CallSite) -> Outcome:
    """bool nf_parse_etheraddr(const char *, struct rte_ether_addr *)"""
    match = re.match(r"\s*" + ":".join([r"\s*([0-9a-fA-F]{1,2})"] * 6), site.string(0))
    return _store(site, bytes(int(g, 16) for g in match.groups())) if match else site.answer(0)


def nf_parse_ipv4addr(site: CallSite) -> Outcome:
    """bool nf_parse_ipv4addr(const char *, uint32_t *)"""
    match = re.match(r"\s*(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})", site.string(0))
    if not match or any(int(g) > 255 for g in match.groups()):
        return site.answer(0)
    return _store(site, bytes(int(g) for g in match.groups()))


def _dotted(text: str) -> bytes | None:
    """The bytes of a dotted quad as inet_pton takes it; None if it is none."""
    match = re.fullmatch(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})", text)
    if match is None or any(int(g) > 255 or (len(g) > 1 and g[0] == "0") for g in match.groups()):
        return None
    return bytes(int(g) for g in match.groups())


def inet_pton(site: CallSite) -> Outcome:
    """int inet_pton(int family, const char *, void *)"""
    if site.number(0, "the family") != _AF_INET:
        site.fail(UnsupportedError, "'inet_pton' is supported for AF_INET only")
    data = _dotted(site.string(1))
    if data is None:
        return site.answer(0)
    site.store(2, 4, nodes.const(int.from_bytes(data, "little"), 32))
    return site.answer(1)


def inet_aton(site: CallSite) -> Outcome:
    """int inet_aton(const char *, struct in_addr *): of the form a.b.c.d"""
    data = _dotted(site.string(0))
    return site.answer(0) if data is None else _store(site, data)


def inet_addr(site: CallSite) -> Outcome:
    """in_addr_t inet_addr(const char *): of the form a.b.c.d"""
    data = _dotted(site.string(0))
    return site.answer(-1 if data is None else int.from_bytes(data, "little"))


def nf_parse_port(site: CallSite) -> Outcome:
    """bool nf_parse_port(const char *, uint16_t *)"""
    match = re.match(r"\s*(\d{1,5})", site.string(0))
    if not match or int(match.group(1)) > 65535:
        return site.answer(0)
    return _store(site, int(match.group(1)).to_bytes(2, "big"))


def nf_parse_proto(site: CallSite) -> Outcome:
    """bool nf_parse_proto(const char *, uint8_t *)"""
    match = re.match(r"\s*(\d{1,3})", site.string(0))
    return _store(site, bytes([int(match.group(1))])) if match and int(match.group(1)) < 256 else site.answer(0)


def nf_parse_device(site: CallSite) -> Outcome:
    """bool nf_parse_device(const char *, uint16_t *)"""
    match = re.match(r"\s*(\d{1,5})", site.string(0))
    if not match or int(match.group(1)) > 65535:
        return site.answer(0)
    return _store(site, int(match.group(1)).to_bytes(2, "little"))
