"""Tiles: an image that is cut is joined to itself again, whatever its size."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_varae.core.components.tiles import EDGE, SINGLE, Tiles

images = st.tuples(st.integers(1, 40), st.integers(1, 40))
edges = st.integers(1, 24)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@given(image=images, edge=edges, batch=st.integers(1, 3))
def test_joining_undoes_cutting(image, edge, batch):
    tiles, frames = Tiles(image, edge), normal(batch, *image)
    cut = tiles.cut(frames)
    assert cut.shape == (tiles.count, batch, tiles.pixels)
    torch.testing.assert_close(tiles.join(cut), frames, rtol=0, atol=0)


@given(image=images, edge=edges)
def test_cutting_adds_zeros_only(image, edge):
    tiles, frame = Tiles(image, edge), normal(1, *image)
    cut = tiles.cut(frame)
    torch.testing.assert_close(cut.double().square().sum(), frame.double().square().sum())
    assert int((cut != 0).sum()) == int((frame != 0).sum())


@given(image=images, edge=edges)
def test_cutting_is_the_transpose_of_joining(image, edge):
    tiles = Tiles(image, edge)
    frames, parts = normal(2, *image).double(), normal(tiles.count, 2, tiles.pixels, seed=1).double()
    torch.testing.assert_close((tiles.cut(frames) * parts).sum(), (frames * tiles.join(parts)).sum())


@given(image=images, edge=edges)
def test_a_tile_holds_the_pixels_from_its_corner_on(image, edge):
    tiles, frame = Tiles(image, edge), normal(1, *image)
    for part, (y, x) in zip(tiles.cut(frame)[:, 0].view(-1, edge, edge), tiles.corners().tolist(), strict=True):
        there = frame[0, y : y + edge, x : x + edge]
        torch.testing.assert_close(part[: there.shape[0], : there.shape[1]], there, rtol=0, atol=0)


@given(image=images, edge=edges)
def test_the_grid_covers_the_image_without_a_spare_row(image, edge):
    for pixels, count in zip(image, Tiles(image, edge).grid, strict=True):
        assert (count - 1) * edge < pixels <= count * edge


@pytest.mark.parametrize(
    ("image", "edge", "grid"),
    [
        ((30, 35), 35, (1, 1)),
        ((SINGLE, SINGLE), SINGLE, (1, 1)),
        ((SINGLE + 1, 8), EDGE, (3, 1)),
        ((150, 200), EDGE, (3, 4)),
    ],
)
def test_small_images_are_one_tile(image, edge, grid):
    tiles = Tiles.of(image)
    assert (tiles.edge, tiles.grid) == (edge, grid)
    assert tiles.count == grid[0] * grid[1]


def test_tiles_are_adjacent_where_they_touch():
    adjacent = Tiles((30, 40), 10).adjacent()  # 3 x 4
    assert torch.equal(adjacent, adjacent.T)
    assert adjacent[0].nonzero()[:, 0].tolist() == [0, 1, 4, 5]
    assert adjacent[5].nonzero()[:, 0].tolist() == [0, 1, 2, 4, 5, 6, 8, 9, 10]
