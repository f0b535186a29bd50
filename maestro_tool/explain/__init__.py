"""What was found out about an NF, for people: how packets flow, who touches what, what was decided, and why.

``steps`` and ``tree`` make call paths a decision tree, ``condense`` makes it short, ``words`` and ``story`` say it;
``report`` adds plan and keys.  ``terminal`` and ``graphs`` show it.
"""

from maestro_tool.explain.report import Decided as Decided
from maestro_tool.explain.report import Explanation as Explanation
from maestro_tool.explain.report import explain as explain
from maestro_tool.explain.report import to_json as to_json
