"""Call paths -> which packets must meet on one core, and how each state object is treated."""

from maestro_tool.sharding.confirm import confirmed as confirmed
from maestro_tool.sharding.derive import derive_plan as derive_plan
from maestro_tool.sharding.serialise import plan_from_json as plan_from_json
from maestro_tool.sharding.serialise import plan_to_json as plan_to_json
