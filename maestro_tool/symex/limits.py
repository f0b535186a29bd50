"""Budgets of symbolic execution.  They count what the analysis does, so that results are repeatable."""

from __future__ import annotations

from dataclasses import dataclass

from maestro_tool.solver import BUDGETS


@dataclass(frozen=True, slots=True)
class Limits:
    """Reaching any of them is a `ResourceLimitError` (*could not decide*), never a wrong answer.

    unroll      how often one path may decide one branch of one call by what it does not know
    paths       call paths over all ports
    merge_after call paths over all ports from which on paths are merged where they agree (`merge`): the analysis then
                starts again; it also does after four times as many forks
    forks       how often paths fork or meet, over all ports and starts: ends loops of which paths keep too much
    solver      z3's resource units of all queries about paths together: ends what is too hard
    seconds     of CPU time; 0: no limit.  It stops an analysis, with an error that says so, and decides nothing else:
                ``forks`` and ``solver`` are to end it long before, on any machine at the same place
    steps       instructions of one path;  setup_steps: of nf_config_init and nf_init together
    call_depth  nested calls
    values      different values an address may take before it is given up
    rlimit      z3's resource units per query; a query that exceeds it counts as "may happen"
    """

    unroll: int = 128
    paths: int = 20_000
    merge_after: int = 2_000
    forks: int = 1_000_000
    solver: int = 500_000_000
    seconds: int = 3_600
    steps: int = 1_000_000
    setup_steps: int = 20_000_000
    call_depth: int = 200
    values: int = 64
    rlimit: int = BUDGETS.path
