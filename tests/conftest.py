"""For all tests: they neither use nor fill a cache that the user has set."""

import os

os.environ.pop("MAESTRO_CACHE", None)
