"""A table of sources to change in one place, and its twin: what single lemmas say of it, tests ask."""

from __future__ import annotations

from small_nfs import PRELUDE

#: The third table, too, is keyed by addresses.
TWINS = PRELUDE.replace("Mac_eq, Mac_hash, Mac_init, sizeof(struct Mac)", "Ip_eq, Ip_hash, Ip_init, sizeof(struct Ip)")

START = "struct Ip k = { ip->src_addr }, o = { ip->dst_addr }, *s = NULL, *t = NULL; int i = 0, j = 0, q = 0; (void)o; (void)s; (void)t; (void)i; (void)j; (void)q;"
EXPIRE = "expire_items_single_map(ip_table.chain, ip_table.keys, ip_table.map, now - 1000);"
#: A packet of a new source gets an index, whose key is put; another, ``found``.
TABLE = (
    "if (map_get(ip_table.map, &k, &i)) {{ {found} return 1; }}"
    "if (!dchain_allocate_new_index(ip_table.chain, &j, now)) return device;"
    "{before} vector_borrow(ip_table.keys, j, (void **)&s); *s = k; map_put(ip_table.map, s, j); {put}"
)
GET_OTHER = "if (map_get(ip_table.map, &o, &q))"
ERASE_KEY = "map_erase(ip_table.map, &k, (void **)&t);"
FREE = "dchain_free_index(ip_table.chain, {});"
#: The same source in the third table, at an index of its own or at that of the first.
TWIN = (
    "if (!map_get(mac_table.map, &k, &q)) { if (!dchain_allocate_new_index(mac_table.chain, &q, now)) return device;"
    " vector_borrow(mac_table.keys, q, (void **)&t); *t = k; map_put(mac_table.map, t, q); }"
)
ALONG = (
    "if (!map_get(mac_table.map, &k, &q)) {"
    " vector_borrow(mac_table.keys, j, (void **)&t); *t = k; map_put(mac_table.map, t, j); }"
)
ERASE_TWIN = "map_erase(mac_table.map, &k, (void **)&t);"


def table(found: str = "", before: str = "", put: str = "") -> str:
    return TABLE.format(found=found, before=before, put=put)
