"""What the tests of releases need is looked for when one of them runs: it takes longer than to collect them all."""

from __future__ import annotations

import debian
import pytest


@pytest.fixture(scope="session")
def unpackable() -> None:
    """Skips where no release can be unpacked."""
    if why := debian.missing():
        pytest.skip(why)
