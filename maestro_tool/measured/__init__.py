"""What packets cost: programs of runtime/bench/bench_nf.c, their instructions, and whole programs."""
