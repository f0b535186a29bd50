"""For all tests: they neither use nor fill a cache that the user has set; C is compiled once."""

import os

from tests import compiling

os.environ.pop("MAESTRO_CACHE", None)
os.environ.update(compiling.environment())
