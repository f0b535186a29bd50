"""The runtime, compiled once per session and variant."""

import pytest

from tests.runtime.toolchain import VARIANTS, Toolchain, build_runtime


@pytest.fixture(scope="session", params=sorted(VARIANTS))
def toolchain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Toolchain:
    return build_runtime(request.param, tmp_path_factory)


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Toolchain:
    return build_runtime("plain", tmp_path_factory)
