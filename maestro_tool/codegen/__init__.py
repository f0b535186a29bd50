"""Plan and solution -> C: the NF's own files made per-worker, and the tables the runtime reads."""

from maestro_tool.codegen.generate import Origin as Origin
from maestro_tool.codegen.generate import check_own_variables as check_own_variables
from maestro_tool.codegen.generate import generate as generate
from maestro_tool.codegen.generate import generate_sequential as generate_sequential
from maestro_tool.codegen.generate import prepare as prepare
