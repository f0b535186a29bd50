"""What an attacker found: NFs that would lose the sequential behaviour on several cores must not be shared-nothing.

Each differs in one place from the first, which is fine.
"""

from __future__ import annotations

import pytest
from small_nfs import PRELUDE, plan_of, same

from maestro_tool.diagnostics import UnsupportedError

#: Looks an address up, or allocates an entry for it; then the value of the entry counts packets.
NF = """
if (device != 0) return device;
{expire}
struct Ip k = {{ ip->src_addr }}, *s; int i; uint32_t *v;
if (map_get(ip_table.map, &k, &i)) {{
  dchain_rejuvenate_index(ip_table.chain, i, {used});
  vector_borrow(values, i, (void **)&v); {count} vector_return(values, i, v);
  {found}
}} else {{
  if (!dchain_allocate_new_index(ip_table.chain, &i, {made})) return device;
  vector_borrow(ip_table.keys, i, (void **)&s); {key} map_put(ip_table.map, s, i);
  vector_return(ip_table.keys, i, s);
  vector_borrow(values, i, (void **)&v); {first} vector_return(values, i, v);
}}
{last}
"""

#: A second map whose values are indices of the first one's allocator, while its keys lie at its own.
NOTE_INDEX = """
struct IpPort q = { ip->src_addr, 0 }, *t; int j;
if (map_get(ip_port_table.map, &q, &j)) { if (j == 3) return device; }
else {
  if (!dchain_allocate_new_index(ip_port_table.chain, &j, now)) return device;
  vector_borrow(ip_port_table.keys, j, (void **)&t); *t = q; map_put(ip_port_table.map, t, i);
  vector_return(ip_port_table.keys, j, t);
}
"""

FINE = {
    "expire": "expire_items_single_map(ip_table.chain, ip_table.keys, ip_table.map, now - 1000);",
    "used": "now",
    "made": "now",
    "count": "*v = *v + 1; if (*v > 10) return device;",
    "key": "*s = k;",
    "first": "*v = 1;",
    "found": "",
    "last": "",
}


def test_the_nf_itself_is_fine(tmp_path):
    r = plan_of(tmp_path, NF.format(**FINE))
    assert r.plan.shardable, r.texts
    assert r.constraints == {(0, 0, same("src_ip"))}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"first": ""}, "what an earlier owner left"),
        ({"first": "*v = *v + 1;"}, "is read before the packet that allocated it"),
        ({"key": "uint32_t old = s->addr; *s = k; if (old == 7) return device;"}, "read before the packet"),
        ({"count": "*v = (uint32_t)i;"}, "decides what an entry holds"),
        ({"last": "if (i & 1) return device;"}, "decides what the packet does"),
        ({"last": "if (dchain_is_index_allocated(mac_table.chain, i)) return device;"}, "asked about an index of"),
        ({"found": "if (dchain_is_index_allocated(mac_table.chain, i)) return device;"}, "asked about an index of"),
        ({"first": "*v = 1;" + NOTE_INDEX}, "decides a value"),
        (
            {
                "expire": "if (expire_items_single_map(ip_table.chain, ip_table.keys, ip_table.map, now - 1000)) return 1;"
            },
            "how many entries expired",
        ),
        (
            {
                "expire": "int gone = expire_items_single_map(ip_table.chain, ip_table.keys, ip_table.map, now - 1000);",
                "last": "ip->hdr_checksum = (uint16_t)__builtin_ia32_crc32si(0, (unsigned)gone);",
            },
            "how many entries expired decides what leaves",
        ),
        ({"last": "if (__builtin_ia32_crc32si(0, (unsigned)i) & 1) return device;"}, "decides what the packet does"),
        (
            {"expire": FINE["expire"].replace("ip_table.chain", "mac_table.chain")},
            "not where keys of ip_table.map are put",
        ),
        (
            {"expire": FINE["expire"].replace("ip_table.keys", "mac_table.keys")},
            "not where keys of ip_table.map are put",
        ),
        ({"expire": FINE["expire"].replace("now - 1000", "(now - 1000) * ((now >> 12) & 1)")}, "less an option"),
        ({"expire": FINE["expire"].replace("now - 1000", "now - ip->src_addr")}, "less an option"),
        ({"last": "expire_items_single_map_iteratively(ip_table.keys, ip_table.map, 0, 1024);"}, "which entries"),
        ({"used": "0"}, "another age"),
        ({"made": "now + ip->packet_id"}, "another age"),
        ({"found": "map_put(ip_table.map, &k, i);"}, "does not lie in an entry"),
        ({"key": "*s = k; map_put(ip_table.map, s, i);"}, "puts another key between"),
        ({"key": "*s = k; s->addr = 0;"}, "not looked up"),
        ({"found": "dchain_free_index(ip_table.chain, i);"}, "its key stays in"),
        ({"found": "map_erase(ip_table.map, &k, (void **)&s);"}, "its index is not freed"),
        (
            {
                "found": "struct Ip o = { ip->dst_addr }; int j; if (map_get(ip_table.map, &o, &j)) {"
                "map_erase(ip_table.map, &k, (void **)&s); dchain_free_index(ip_table.chain, j); }"
            },
            "its key stays in",
        ),
    ],
    ids=lambda x: "-".join(x) if isinstance(x, dict) else "",
)
def test_one_thing_wrong(tmp_path, change, said):
    r = plan_of(tmp_path, NF.format(**{**FINE, **change}))
    assert not r.plan.shardable and said in r.texts, r.texts


def test_erasing_and_freeing_together_is_fine(tmp_path):
    found = "map_erase(ip_table.map, &k, (void **)&s); dchain_free_index(ip_table.chain, i);"
    r = plan_of(tmp_path, NF.format(**{**FINE, "found": found}))
    assert r.plan.shardable, r.texts


def test_an_index_that_packets_choose_must_be_in_range(tmp_path):
    body = (
        "if (ports == NULL || device != 0) return device; uint32_t *c;"
        "vector_borrow(values, ports->dst_port, (void **)&c); *c = *c + 1; vector_return(values, ports->dst_port, c);"
    )
    r = plan_of(tmp_path, body)
    assert not r.plan.shardable and "none of its 1024" in r.texts
    r = plan_of(tmp_path, body.replace("vector_borrow", "if (ports->dst_port >= 1024) return device; vector_borrow"))
    assert r.plan.shardable, r.texts
    assert [d.min_capacity for d in r.plan.decisions if d.min_capacity] == [1024]


@pytest.mark.parametrize(
    "use", ["dchain_is_index_allocated(ip_table.chain, {})", "dchain_rejuvenate_index(ip_table.chain, {}, now)"]
)
def test_whether_an_index_of_the_packets_own_is_in_use(tmp_path, use):
    """On another core it is not."""
    body = "touch_ip(ip->src_addr, now); if (ports == NULL) return device;"
    r = plan_of(tmp_path, body + f"if ({use.format('ports->dst_port & 1023')}) return device;")
    assert not r.plan.shardable and "by an index of their own" in r.texts


def test_what_set_up_put_at_an_index(tmp_path):
    """Cores choose the same indices, so each of them would give out what belongs to index 0."""
    last = "vector_borrow(counters, i, (void **)&v); ip->src_addr = *v; vector_return(counters, i, v);"
    r = plan_of(tmp_path, NF.format(**{**FINE, "last": last}))
    assert not r.plan.shardable
    assert "what an earlier owner left" in r.texts or "is read before" in r.texts


def filled(address: str) -> str:
    """Set-up puts keys into a map that no packet changes; they lie at ``address``."""
    fill = f"""static struct Ip *lie, outside[8];
static bool fill(void) {{
  for (int n = 0; n < 8; n++) {{
    vector_borrow(ip_table.keys, n, (void **)&lie); lie = {address}; lie->addr = n; map_put(ip_table.map, lie, n);
  }}
  lie = NULL;
  return true;
}}
bool nf_init(void) {{"""
    return PRELUDE.replace("bool nf_init(void) {", fill).replace(
        "null_init, &values);", "null_init, &values) && fill();"
    )


LOOK_UP = "struct Ip k = { ip->packet_id }; int r; if (map_get(ip_table.map, &k, &r)) return device;"


@pytest.mark.parametrize(
    "write",
    ["s->addr = ip->dst_addr;", "s->addr += 1;"],  # the latter would be a counter, if the map did not read it
)
def test_packets_change_keys_that_set_up_put(tmp_path, write):
    body = "struct Ip *s; vector_borrow(ip_table.keys, ip->time_to_live, (void **)&s);" + write + LOOK_UP
    r = plan_of(tmp_path, body, prelude=filled("lie"))
    assert r.named("shared") == {"ip_table.map", "ip_table.keys"}, r.texts
    assert "where keys lie that set-up put into ip_table.map" in r.texts


def test_keys_that_set_up_put_elsewhere(tmp_path):
    r = plan_of(tmp_path, LOOK_UP, prelude=filled("&outside[n]"))
    assert r.plan.shardable and r.named("read-only") == {"ip_table.map"}
    with pytest.raises(UnsupportedError, match="where a key lies that set-up put into a map"):
        plan_of(tmp_path, "outside[ip->time_to_live & 7].addr = 5;" + LOOK_UP, prelude=filled("&outside[n]"))
