"""Repositories of any number of network functions, and what building them costs: `scons bench-monorepo`.

nfs         writes NFs that differ in what they mean
plain       the same C steps for SCons without this tool, and for ninja
figures     CPU seconds of builds side by side
"""
