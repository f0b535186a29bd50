"""What can be asked for by name or number, of commands and of builds alike.  Imports nothing: a build reads it at each
start."""

#: Strategies, as `strategies` explains them; ``auto``: the best that is sound.
STRATEGIES = ("auto", "shared-nothing", "handoff", "hybrid", "locks", "tm")

#: What programs run at most (options.c): DPDK has 128 lcores, and one may dispatch.
MAX_WORKERS = 127
