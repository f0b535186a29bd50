"""``python -m maestro_tool``."""

import sys

from maestro_tool.cli import main

sys.exit(main())
