"""What can be asked for.  Imports nothing of the package: a build reads this each time it starts."""

#: `strategies` says what they are.
STRATEGIES = ("auto", "shared-nothing", "handoff", "hybrid", "locks", "tm")

#: What programs run at most (options.c): DPDK has 128 lcores, and one may dispatch.
MAX_WORKERS = 127

#: What is done for packets to cost less: all there is; or nothing, as the reference that tests compare with.
OPTIMISE = ("full", "none")
