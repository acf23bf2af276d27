"""The examples in the docstrings of cells, trials and behaviour are right."""

import doctest
from importlib import import_module

import pytest

CORE = ["behaviour", "cells", "trials"]
MODULES = [f"core.experiment.{name}" for name in CORE] + ["io.behaviour", "io.cells", "io.trials"]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name):
    found = doctest.testmod(import_module(f"napari_varae.{name}"))
    assert found.attempted
    assert not found.failed
