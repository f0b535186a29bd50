"""Frames that are tried before z3 is asked are of the class that they stand for."""

from __future__ import annotations

import pytest

from maestro_tool.packet import classes, examples
from maestro_tool.symex.packet import MINIMUM_LENGTH


@pytest.mark.parametrize("name", classes.CLASSES)
def test_example_is_of_its_class(name: str) -> None:
    frames = examples.of_classes()[name]
    assert frames
    assert all(classes.classify(frame) == name for frame in frames)  # of which test_classes says that predicates agree
    assert all(len(frame) >= MINIMUM_LENGTH for frame in frames)  # as all frames that an NF gets
