"""What packets will cost, per call path of a build, before any comes: a performance contract (docs/performance.md)."""
