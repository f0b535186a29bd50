"""Symbolic expressions: immutable, interned, folded when built.

``nodes`` builds them, ``smt`` hands them to z3, ``text`` prints and (de)serialises them.
"""

from maestro_tool.expr.nodes import Expr as Expr
