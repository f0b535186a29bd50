"""Models of library functions: what a call does, seen from the NF.

A model takes a `CallSite` and says what the function returns; to fork it returns a list of paths.  A new API
function needs one function here and one line in a table below.  There are three tables: what any code may call
(also key equality functions), what set-up may call, and what packet handling may call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from maestro_tool.symex.models import (
    allocate,
    bits,
    bytes,
    checksum,
    cht,
    chunks,
    clock,
    dchain,
    device,
    expirator,
    getopt,
    headers,
    heap,
    log,
    map,
    options,
    parse,
    process,
    sketch,
    strings,
    vector,
)
from maestro_tool.symex.site import Model


def _each(model: Model, *names: str) -> dict[str, Model]:
    return dict.fromkeys(names, model)


COMMON: Final[Mapping[str, Model]] = {
    **_each(bytes.memcpy, "memcpy", "memmove", "rte_memcpy", "__builtin_memcpy", "__builtin_memmove"),
    **_each(bytes.memset, "memset", "__builtin_memset"),
    **_each(bytes.bzero, "bzero"),
    **_each(bytes.memcmp, "memcmp", "bcmp", "__builtin_memcmp"),
    **_each(
        bits.swap_bytes,
        "__builtin_bswap16", "__builtin_bswap32", "__builtin_bswap64", "htons", "ntohs", "htonl", "ntohl",
        "rte_bswap16", "rte_bswap32", "rte_bswap64", "rte_cpu_to_be_16", "rte_cpu_to_be_32", "rte_cpu_to_be_64",
        "rte_be_to_cpu_16", "rte_be_to_cpu_32", "rte_be_to_cpu_64",
    ),
    **_each(
        bits.identity,
        "rte_cpu_to_le_16", "rte_cpu_to_le_32", "rte_cpu_to_le_64",
        "rte_le_to_cpu_16", "rte_le_to_cpu_32", "rte_le_to_cpu_64",
    ),
    **_each(
        bits.ia32_crc32,
        "__builtin_ia32_crc32qi", "__builtin_ia32_crc32hi", "__builtin_ia32_crc32si", "__builtin_ia32_crc32di",
    ),
    **_each(process.assert_fail, "maestro_assert_failed", "__assert_fail", "__assert"),
    **_each(process.exit_process, "exit", "_exit", "abort", "__builtin_trap", "__builtin_abort", "rte_panic"),
    **_each(process.rte_exit, "rte_exit"),
    **_each(bits.expect, "__builtin_expect"),
    **_each(log.printf, "printf", "vprintf"),
    **_each(log.fprintf, "fprintf"),
    **_each(log.rte_log, "rte_log"),
    **_each(log.text, "nf_mac_to_str", "nf_rte_ipv4_to_str"),
    **_each(
        log.ignored,
        "fflush", "puts", "putchar", "fputs", "fputc", "perror", "nf_log_pkt",
        "concretize_devices", "vigor_note",
    ),
}  # fmt: skip

SETUP: Final[Mapping[str, Model]] = {
    **COMMON,
    **_each(heap.malloc, "malloc"),
    **_each(heap.calloc, "calloc"),
    **_each(heap.realloc, "realloc"),
    **_each(heap.free, "free", "rte_free"),
    **_each(heap.rte_malloc, "rte_malloc", "rte_zmalloc"),
    **_each(strings.strlen, "strlen", "__builtin_strlen"),
    **_each(strings.strcmp, "strcmp", "__builtin_strcmp"),
    **_each(strings.strncmp, "strncmp"),
    **_each(strings.strncpy, "strncpy"),
    **_each(strings.strcpy, "strcpy"),
    **_each(strings.strdup, "strdup"),
    **_each(strings.strchr, "strchr"),
    **_each(strings.strtol, "strtol", "strtoll", "strtoul", "strtoull", "strtoimax", "strtoumax"),
    **_each(strings.atoi, "atoi", "atol", "atoll"),
    **_each(strings.nf_util_parse_int, "nf_util_parse_int"),
    **_each(getopt.getopt, "getopt"),
    **_each(getopt.getopt_long, "getopt_long"),
    **_each(parse.nf_parse_etheraddr, "nf_parse_etheraddr"),
    **_each(parse.nf_parse_ipv4addr, "nf_parse_ipv4addr"),
    **_each(parse.nf_parse_port, "nf_parse_port"),
    **_each(parse.nf_parse_proto, "nf_parse_proto"),
    **_each(parse.nf_parse_device, "nf_parse_device"),
    **_each(device.rte_eth_dev_count_avail, "rte_eth_dev_count_avail"),
    **_each(device.rte_eth_dev_is_valid_port, "rte_eth_dev_is_valid_port"),
    **_each(device.rte_eth_macaddr_get, "rte_eth_macaddr_get"),
    **_each(device.zero, "rte_socket_id", "rte_eth_dev_socket_id", "rte_lcore_id"),
    **_each(allocate.map_allocate, "map_allocate"),
    **_each(allocate.vector_allocate, "vector_allocate"),
    **_each(allocate.dchain_allocate, "dchain_allocate"),
    **_each(sketch.sketch_allocate, "sketch_allocate"),
    **_each(cht.cht_fill_cht, "cht_fill_cht"),
    **_each(map.map_get_setup, "map_get"),
    **_each(map.map_put_setup, "map_put"),
    **_each(vector.vector_borrow_setup, "vector_borrow"),
    **_each(vector.vector_return, "vector_return"),
    **_each(dchain.dchain_allocate_new_index_setup, "dchain_allocate_new_index"),
    **_each(
        dchain.dchain_ask_setup, "dchain_is_index_allocated", "dchain_rejuvenate_index", "dchain_free_index"
    ),
}  # fmt: skip

PACKET: Final[Mapping[str, Model]] = {
    **COMMON,
    **_each(clock.current_time, "current_time", "recent_time"),
    **_each(map.map_get, "map_get"),
    **_each(map.map_put, "map_put"),
    **_each(map.map_erase, "map_erase"),
    **_each(map.map_size, "map_size"),
    **_each(vector.vector_borrow, "vector_borrow"),
    **_each(vector.vector_return, "vector_return"),
    **_each(dchain.dchain_allocate_new_index, "dchain_allocate_new_index"),
    **_each(dchain.dchain_rejuvenate_index, "dchain_rejuvenate_index"),
    **_each(dchain.dchain_is_index_allocated, "dchain_is_index_allocated"),
    **_each(dchain.dchain_free_index, "dchain_free_index"),
    **_each(expirator.expire_items_single_map, "expire_items_single_map"),
    **_each(expirator.expire_items_single_map_iteratively, "expire_items_single_map_iteratively"),
    **_each(sketch.sketch_compute_hashes, "sketch_compute_hashes"),
    **_each(sketch.sketch_refresh, "sketch_refresh"),
    **_each(sketch.sketch_fetch, "sketch_fetch"),
    **_each(sketch.sketch_touch_buckets, "sketch_touch_buckets"),
    **_each(sketch.sketch_expire, "sketch_expire"),
    **_each(cht.cht_find_preferred_available_backend, "cht_find_preferred_available_backend"),
    **_each(chunks.packet_borrow_next_chunk, "packet_borrow_next_chunk"),
    **_each(chunks.packet_return_chunk, "packet_return_chunk"),
    **_each(chunks.packet_get_unread_length, "packet_get_unread_length"),
    **_each(chunks.packet_get_chunk_length, "packet_get_chunk_length"),
    **_each(chunks.nf_borrow_next_chunk, "nf_borrow_next_chunk"),
    **_each(chunks.nf_return_chunk, "nf_return_chunk"),
    **_each(chunks.nf_return_all_chunks, "nf_return_all_chunks"),
    **_each(chunks.nf_get_borrowed_chunk, "nf_get_borrowed_chunk"),
    **_each(headers.nf_then_get_rte_ether_header, "nf_then_get_rte_ether_header"),
    **_each(headers.nf_then_get_rte_ipv4_header, "nf_then_get_rte_ipv4_header"),
    **_each(options.nf_then_get_rte_ipv4_header_with_options, "nf_then_get_rte_ipv4_header_with_options"),
    **_each(
        headers.nf_then_get_transport_header,
        "nf_then_get_tcpudp_header", "nf_then_get_tcp_header", "nf_then_get_udp_header",
    ),
    **_each(headers.nf_has_rte_ipv4_header, "nf_has_rte_ipv4_header"),
    **_each(
        headers.nf_has_transport_header, "nf_has_tcpudp_header", "nf_has_tcp_header", "nf_has_udp_header"
    ),
    **_each(checksum.checksum, "rte_ipv4_cksum", "rte_ipv4_udptcp_cksum", "rte_raw_cksum"),
    **_each(checksum.nf_set_rte_ipv4_udptcp_checksum, "nf_set_rte_ipv4_udptcp_checksum"),
}  # fmt: skip
