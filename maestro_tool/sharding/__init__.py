"""Call paths -> which packets must meet on one core, and how each state object is treated."""

from maestro_tool.sharding.derive import derive_plan as derive_plan
from maestro_tool.sharding.in_step import trusted as trusted
