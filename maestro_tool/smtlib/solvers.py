"""Three solvers behind one function; obligations are SMT-LIB text (QF_BV), which all of them read.

None looks at a clock: each gives up after so many steps of its own, on any machine after the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

Answer = tuple[Literal["unsat", "sat", "unknown"], dict[str, int]]

#: Steps for one obligation; beyond that it is undecided.  Bitwuzla: how often it asks whether to go on; it does so at
#: places that its search alone decides.  The others count their work themselves.  Each comes to 5 to 20 s.
_MOST: Final = {"bitwuzla": 1_000_000, "cvc5": 500_000, "z3": 200_000_000}


class _Steps:
    """Asked by Bitwuzla whether to give up."""

    def __init__(self, most: int) -> None:
        self._left = most

    def __call__(self) -> bool:
        self._left -= 1
        return self._left < 0


def _bitwuzla(text: str) -> Answer:
    import bitwuzla as b

    options = b.Options()
    options.set(b.Option.PRODUCE_MODELS, True)
    parser = b.Parser(b.TermManager(), options)
    parser.parse(text, True, False)
    solver = parser.bitwuzla()
    solver.configure_terminator(_Steps(_MOST["bitwuzla"]))
    answer = str(solver.check_sat())
    if answer != "sat":
        return ("unsat", {}) if answer == "unsat" else ("unknown", {})
    values = {str(c.symbol()).strip("|"): solver.get_value(c) for c in parser.get_declared_funs()}
    return "sat", {name: int(str(v.value(10))) for name, v in values.items() if v.sort().is_bv()}


def _z3(text: str) -> Answer:
    import z3

    solver = z3.SolverFor("QF_BV", ctx=z3.Context())
    solver.set("rlimit", _MOST["z3"])
    solver.from_string(text)
    answer = str(solver.check())
    if answer != "sat":
        return ("unsat", {}) if answer == "unsat" else ("unknown", {})
    model = solver.model()
    return "sat", {d.name(): model[d].as_long() for d in model.decls() if z3.is_bv_value(model[d])}


def _cvc5(text: str) -> Answer:
    import cvc5

    solver = cvc5.Solver(cvc5.TermManager())
    solver.setOption("produce-models", "true")
    solver.setOption("rlimit-per", str(_MOST["cvc5"]))
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "obligation")
    symbols = parser.getSymbolManager()
    while not (command := parser.nextCommand()).isNull():
        command.invoke(solver, symbols)
    answer = solver.checkSat()
    if not answer.isSat():
        return ("unsat", {}) if answer.isUnsat() else ("unknown", {})
    terms = [t for t in symbols.getDeclaredTerms() if t.getSort().isBitVector()]
    return "sat", {t.getSymbol(): int(solver.getValue(t).getBitVectorValue(10)) for t in terms}


SOLVERS: Final[dict[str, Callable[[str], Answer]]] = {"bitwuzla": _bitwuzla, "cvc5": _cvc5, "z3": _z3}


def solve(text: str, solver: str) -> Answer:
    """``unsat``; ``sat`` with values of the constants; or ``unknown``, also where the solver fails."""
    try:
        return SOLVERS[solver](text)
    except Exception as error:  # three foreign libraries, each with exceptions of its own: never a proof
        if isinstance(error, ImportError):
            raise
        return "unknown", {}
