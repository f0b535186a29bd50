"""What the tool makes of the programs in this tree: built, plan, equal to the sequential program, CPU time."""
