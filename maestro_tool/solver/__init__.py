"""Questions to z3, which nothing else imports.

``translate`` turns expressions into z3's terms, ``contexts`` is where these get theirs, ``questions`` asks (budgets,
what is remembered), ``parity`` asks about sums of bits, ``slices`` leaves out what a question does not concern,
``budgets`` says how hard z3 tries.
"""

from maestro_tool.solver.budgets import BUDGETS as BUDGETS
from maestro_tool.solver.questions import Answer as Answer
from maestro_tool.solver.questions import Context as Context
from maestro_tool.solver.questions import Session as Session
from maestro_tool.solver.slices import connected as connected
from maestro_tool.solver.slices import sharing as sharing
