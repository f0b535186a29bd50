"""Structs that are hashed as a whole, with their padding: one part more of the key, if all keys have the same there."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_nfs import PRELUDE, Result, plan_of, same

from maestro_tool.sharding.plan import Code

HASHED = PRELUDE.replace(
    '#include "nf.h"', '#include <string.h>\n#include "nf.h"\n#include "lib/unverified/util.h"'
).replace(
    "struct IpPort *x = a; return __builtin_ia32_crc32si(__builtin_ia32_crc32si(0, x->port), x->addr);",
    "return hash_obj(a, sizeof(struct IpPort));",
)
CLEARED = "memset(&k, 0, sizeof k);"
MEMBERS = "k.addr = ip->src_addr; k.port = ports->src_port;"
NF = """
  if (ports == NULL) return device;
  struct IpPort k, *s; int i;
  {key}
  if (map_get(ip_port_table.map, &k, &i)) return 1 - device;
  {between}
  if (!dchain_allocate_new_index(ip_port_table.chain, &i, now)) return device;
  vector_borrow(ip_port_table.keys, i, (void **)&s); *s = k; {stored} map_put(ip_port_table.map, s, i); {after}
"""


def planned(
    folder: Path, key: str, between: str = "", stored: str = "", after: str = "", prelude: str = HASHED
) -> Result:
    assert "hash_obj" in prelude
    return plan_of(folder, NF.format(key=key, between=between, stored=stored, after=after), prelude=prelude)


@pytest.mark.parametrize(
    "key",
    [
        CLEARED + MEMBERS,
        MEMBERS + "memset((char *)&k + 6, 0, 2);",
        MEMBERS + "memset((char *)&k + 6, 7, 2);",
    ],
)
def test_the_same_in_all_keys(tmp_path: Path, key: str) -> None:
    r = planned(tmp_path, key)
    assert r.plan.shardable, r.texts
    assert r.constraints == {(0, 1, same("src_ip", "src_port"))}
    assert not any("hash" in n.words for n in r.analysis.notes)
    fields = [f.name for o in r.analysis.objects if o.name == "ip_port_table.map" for f in o.key or ()]
    assert fields == ["addr", "port", "bytes_6_7"]


@pytest.mark.parametrize(
    ("key", "between", "stored"),
    [
        (CLEARED + MEMBERS + "((char *)&k)[7] = ip->time_to_live;", "", ""),
        (CLEARED + MEMBERS, "((char *)&k)[7] = 1;", ""),
        (CLEARED + MEMBERS, "", "((char *)s)[6] = 1;"),
        (CLEARED + MEMBERS + "if (ip->next_proto_id == 6) ((char *)&k)[6] = 1;", "", ""),
    ],
)
def test_another_hash_for_an_equal_key(tmp_path: Path, key: str, between: str, stored: str) -> None:
    """Whether it is found depends on what else the map holds."""
    r = planned(tmp_path, key, between, stored)
    assert {o.code for o in r.plan.obstacles} == {Code.MAP_KEYS_UNKNOWN}


def test_padding_that_is_changed_where_the_key_lies(tmp_path: Path) -> None:
    """When the entry expires, its key is looked for under another hash."""
    r = planned(tmp_path, CLEARED + MEMBERS, after="((char *)s)[6] = 1;")
    assert {o.code for o in r.plan.obstacles} == {Code.KEY_NOT_WRITTEN}


def test_padding_of_an_initialised_struct_has_no_value(tmp_path: Path) -> None:
    """C leaves it open (6.2.6.1), and gcc does not write it: a hash over it is one over what lay there."""
    r = planned(tmp_path, "struct IpPort first = {.addr = ip->src_addr, .port = ports->src_port}; k = first;")
    assert {o.code for o in r.plan.obstacles} == {Code.MAP_KEYS_UNKNOWN}
