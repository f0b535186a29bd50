"""Call paths -> which packets must meet on one core, and how each state object is treated.

``facts`` say what the paths do, ``rules`` what pairs of accesses ask for, ``lemmas`` are the argument that this is
enough (docs/soundness.md), ``outcome`` is what follows; `derive.derive_plan` puts them together.
"""

from maestro_tool.sharding.confirm import confirmed as confirmed
from maestro_tool.sharding.derive import derive_plan as derive_plan
