"""Symbolic expressions: immutable, interned, folded when built.

``nodes`` builds them, ``text`` prints and (de)serialises them.
"""

from maestro_tool.expr.nodes import Expr as Expr
