"""The rules R1 to R5: what pairs of accesses ask of packets (Pereira et al., NSDI 2024, section 3.4)."""
