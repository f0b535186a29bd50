"""Variables that cores cannot have each for themselves: the NF is built all the same, with one copy for all."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_tool import pipeline
from maestro_tool.cache import NoCache
from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.nic import load_profile
from tests.unit.sharding.small_nfs import PRELUDE

SOFT = load_profile(Path(__file__).parents[3] / "configs/soft.yaml")
WAYS = {
    "address in an initialiser": ("static uint32_t limit, *where = &limit;", "the address of 'limit'"),
    "address in a constant table": (
        "static uint32_t limit; static const struct { uint32_t *where; } table[] = {{&limit}};",
        "'table' is initialised with the address of 'limit'",
    ),
    "made by a macro": (
        "#define MAKE(x) static uint32_t lim##x\nMAKE(it);",
        "the declaration of 'limit' was not found",
    ),
}


@pytest.mark.parametrize("packets", ["touch_ip(ip->src_addr, now);", "return device;"])
@pytest.mark.parametrize("way", WAYS)
def test_auto_takes_locks_and_says_why(way: str, packets: str, tmp_path: Path) -> None:
    """Also where packets write no state: then nothing but the variables is shared."""
    declaration, said = WAYS[way]
    source = tmp_path / "nf.c"
    use = "bool nf_init(void) {\n  limit = 3;"
    prelude = PRELUDE.replace("bool nf_init(void) {", use).replace("static uint32_t total;", declaration)
    prelude = prelude.replace('#line 1000 "body"\n', "")
    source.write_text(prelude + f"if (ip->time_to_live > limit) {packets}\n  return 1 - device;\n}}\n")
    watch = pipeline.Stopwatch()
    found = pipeline.analyse(pipeline.Request((source,)), NoCache(), watch)
    program = pipeline.load_again(found, watch)
    choice = pipeline.decide(found, program, (SOFT, SOFT), "auto", NoCache(), watch)
    assert choice.strategy.name == "locks"
    assert said in choice.strategy.why[0] and "nf.c:" in choice.strategy.why[0]
    files = pipeline.generate(found, (SOFT, SOFT), "nf", "auto", NoCache(), watch)
    assert "_Thread_local uint32_t" not in files["gen/nf.c"] and "MAESTRO_SHARE_ALL" in files["gen/nf_parallel.c"]
    with pytest.raises(UnsupportedError, match="not shared-nothing: ") as caught:
        pipeline.decide(found, program, (SOFT, SOFT), "shared-nothing", NoCache(), watch)
    assert caught.value.location is not None and caught.value.location.file.endswith("nf.c")
