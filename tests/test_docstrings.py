"""The public names explain themselves: every parameter is documented, and their examples run."""

import doctest
import inspect

import pytest
from numpydoc.validate import validate

import napari_varae

FUNCTIONS = [name for name in napari_varae.__all__ if name.islower() and not name.startswith("_")]
WITH_EXAMPLE = {
    "Behaviour", "Cells", "FitConfig", "Stack", "Trials", "contribution_map", "correlate_behaviour", "entry_penalty",
    "estimate_var", "evaluate", "lasso", "lasso_path", "match_cells", "open_behaviour", "open_cells", "open_stack",
    "open_trials", "simulate",
}  # fmt: skip
"""Names whose docstring must have an example; those of others run when they have one."""


def examples(name: str) -> list[doctest.DocTest]:
    """Examples in the docstrings of a public name, those of its methods included."""
    found = doctest.DocTestFinder(exclude_empty=True).find(getattr(napari_varae, name), name, globs={})
    return [test for test in found if test.examples]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_functions_document_their_parameters(name):
    function = getattr(napari_varae, name)
    report = validate(f"{function.__module__}.{function.__name__}")
    wrong = {"GL08", "PR01", "PR02"}  # no docstring, parameters left out, parameters that do not exist
    assert [message for code, message in report["errors"] if code in wrong] == []


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in napari_varae.__all__ if not name.startswith("_")])
def test_examples_run(name):
    public = getattr(napari_varae, name)
    assert inspect.getdoc(public)
    tests = examples(name)
    assert tests or name not in WITH_EXAMPLE
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    for test in tests:
        runner.run(test, out=report.append, clear_globs=True)
    assert runner.failures == 0, "".join(report)
