"""What maps are said to show."""

import pytest

from napari_varae.core.maps.definition import explain_empty, explain_map


@pytest.mark.parametrize("kind", ["driver", "effect"])
@pytest.mark.parametrize("subject", ["whole", "latent", "edge"])
def test_a_map_is_explained_with_its_unit(kind, subject):
    assert {"driver": "SD", "effect": "units of the movie"}[kind] in explain_map(kind, subject)


def test_an_empty_map_has_a_reason_and_a_remedy():
    text = explain_empty("driver map of latent 3", "latent", False)
    assert text.startswith("The driver map of latent 3 is empty: no link leads to this latent.")
    assert "include what a latent's own past predicts" in text
    for subject, own_past in (("latent", True), ("edge", False), ("edge", True), ("whole", True)):
        assert "own past" not in explain_empty("map", subject, own_past)
    assert "the VAR has no links" in explain_empty("map", "whole", False)
