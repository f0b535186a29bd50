"""Maestro: builds correct parallel programs out of sequential network functions (NFs).

The folders of this package are the pipeline; read them in this order:

    frontend/   C sources              -> Program        typed control-flow graphs, layouts, locations
    symex/      Program                -> Analysis       call paths: condition, state operations, verdict
    sharding/   Analysis               -> ShardingPlan   constraints between packets, treatment of objects
    rss/        ShardingPlan + profile -> RssSolution    hashed fields, keys, tables, software steering
    codegen/    all of it              -> C and plan.json
    runtime/    the C library that generated programs link with

Beside them: ``expr`` (symbolic expressions), ``packet`` (header fields, packet classes),
``nic`` (profiles), ``traffic`` (captures: generate, replay, compare), ``scons`` (the build tool),
``explain`` (what was found, in words and graphs), ``cli`` (commands).  Arrows go one way; only ``scons`` imports SCons.
"""

__version__ = "0.2.0"
