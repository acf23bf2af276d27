"""The public functions say what each of their parameters is."""

import pytest
from numpydoc.validate import validate

import napari_varae


@pytest.mark.parametrize("name", [name for name in napari_varae.__all__ if name.islower() and not name.startswith("_")])
def test_public_functions_document_their_parameters(name):
    function = getattr(napari_varae, name)
    report = validate(f"{function.__module__}.{function.__name__}")
    wrong = {"GL08", "PR01", "PR02"}  # no docstring, parameters left out, parameters that do not exist
    assert [message for code, message in report["errors"] if code in wrong] == []
