"""Tiles: cutting loses nothing, and cost is local."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_varae.core.components.tiles import Tiles


@given(y=st.integers(8, 150), x=st.integers(8, 150), edge=st.integers(4, 80))
def test_joining_undoes_cutting(y, x, edge):
    tiles = Tiles((y, x), edge)
    images = torch.arange(2.0 * y * x).view(2, y, x)
    cut = tiles.cut(images)
    assert cut.shape == (tiles.count, 2, edge**2)
    assert torch.equal(tiles.join(cut), images)
    assert float(cut.double().sum()) == float(images.double().sum())  # what sticks out is zero


def test_small_images_are_one_tile():
    assert Tiles.of((128, 100)).count == 1
    assert Tiles.of((129, 100)).grid == (3, 2)
