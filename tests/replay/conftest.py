"""One compiler for all programs of a session."""

import pytest

from tests.operations.library import Compiler


@pytest.fixture(scope="session")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Compiler:
    return Compiler(tmp_path_factory.mktemp("replay"))
