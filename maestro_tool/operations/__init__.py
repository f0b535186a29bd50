"""What packets do to state: one row per operation, which all phases follow.

`table` has the rows, `row` says what a row consists of, ``semantics`` what operations do to abstract objects.
"""

from maestro_tool.operations.row import ObjectKind, Operation, Role
from maestro_tool.operations.table import OPERATIONS, operation

__all__ = ["OPERATIONS", "ObjectKind", "Operation", "Role", "operation"]
