"""What the operations on a double map do to its parts: a vector of values, and two maps whose keys lie in these."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from maestro_tool.operations.row import Entries, ObjectOperand
from maestro_tool.operations.table import operation

#: Look up a value by its first key, and by its second.
GETS: Final = (operation("dmap_get_a"), operation("dmap_get_b"))
READ: Final = operation("dmap_read")
PUT: Final = operation("dmap_put")
EXPIRE: Final = operation("dmap_expire")

MAP_GET: Final = operation("map_get")
MAP_PUT: Final = operation("map_put")
VALUE_READ: Final = operation("vector_read")
VALUE_WRITTEN: Final = operation("vector_write")
#: An allocator's indices that are too old go, with the values that lie there and both of their keys.
EXPIRE_PAIRS: Final = replace(
    EXPIRE,
    name="expire_pairs",
    objects=(
        ObjectOperand("dchain", Entries.OLD, reads=True, writes=True),
        ObjectOperand("vector", Entries.OLD, reads=True),
        *(ObjectOperand("map", Entries.OLD, reads=True, writes=True) for _ in range(2)),
    ),
)
