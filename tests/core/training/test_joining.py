"""Parts at borders of tiles: those of one cell become one piece, those of two cells stay two."""

import numpy as np
import pytest
import torch

from napari_varae.core.components.tiles import Tiles
from napari_varae.core.training.joining import Part, Piece, join

TILES = Tiles((64, 192), 64)


def spot(y: float, x: float) -> torch.Tensor:
    """A spot, cut into tiles: (N, P)."""
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(192.0), indexing="ij")
    image = torch.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 32)
    return TILES.cut(image[None])[:, 0]


def calcium(rng, count: int, frames: int = 1500) -> np.ndarray:
    """Independent traces that follow their past, SD 1, shape (T, count)."""
    traces = rng.gamma(0.5, 1, size=(frames, count))
    for t in range(1, frames):
        traces[t] += 0.8 * traces[t - 1]
    return (traces - traces.mean(0)) / traces.std(0)


def joined(parts: list[tuple[int, torch.Tensor]], traces: np.ndarray) -> list[Piece]:
    """Join images of tiles, one direction each, with their traces (T, Q)."""
    made = []
    for tile in sorted({tile for tile, _ in parts}):
        images = torch.stack([image for t, image in parts if t == tile], 1)
        made.append(Part(tile, torch.eye(images.shape[1]), images, torch.ones(images.shape[1])))
    return join(made, *moments(traces), TILES)


def moments(traces: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean products of traces, and with those one frame before."""
    z = torch.from_numpy(traces)
    return z.mT @ z / len(z), z[1:].mT @ z[:-1] / (len(z) - 1)


def tiles_of(pieces: list[Piece]) -> list[list[int]]:
    return sorted(sorted(tile for tile, _ in piece.images) for piece in pieces)


def noise(rng, traces: np.ndarray, size: float = 0.7) -> np.ndarray:
    return traces + size * rng.normal(size=traces.shape)


def test_a_cell_across_a_border_is_one_piece(rng):
    """Its parts share a trace, each with a strength and a noise of its own."""
    cell = spot(30, 62)
    strengths = cell[:2].norm(dim=1).numpy()
    traces = calcium(rng, 1) * strengths
    unit = cell[:2] / cell[:2].norm(dim=1, keepdim=True)
    (piece,) = joined([(0, unit[0]), (1, unit[1])], noise(rng, traces, 0.5))
    assert tiles_of([piece]) == [[0, 1]]
    images = dict(piece.images)
    whole = torch.cat([images[0], images[1]])
    truth = cell[:2].flatten()
    assert float(whole @ truth / whole.norm() / truth.norm()) > 0.99
    weights = torch.stack([dict(piece.directions)[tile][0] for tile in (0, 1)])
    torch.testing.assert_close(weights.square().sum(), torch.tensor(1.0))


def test_two_neighbours_at_a_border_stay_two(rng):
    a, b = spot(30, 58)[0], spot(30, 70)[1]
    assert tiles_of(joined([(0, a), (1, b)], noise(rng, calcium(rng, 2)))) == [[0], [1]]


def test_neighbours_that_are_coupled_stay_two(rng):
    """As strongly as cells of one network are."""
    own = calcium(rng, 2)
    traces = np.stack([own[:, 0], 0.5 * own[:, 0] + own[:, 1]], 1)
    assert tiles_of(joined([(0, spot(30, 58)[0]), (1, spot(30, 70)[1])], noise(rng, traces))) == [[0], [1]]


def test_noise_that_is_shared_joins_nothing(rng):
    """Line noise, for instance, is the same on both sides but not from frame to frame."""
    shared = rng.normal(size=(1500, 1)) * np.ones(2)
    assert len(joined([(0, spot(30, 62)[0]), (1, spot(30, 65)[1])], noise(rng, shared, 0.1))) == 2
    with_signal = 0.8 * calcium(rng, 2) + shared
    assert len(joined([(0, spot(30, 62)[0]), (1, spot(30, 65)[1])], with_signal)) == 2


@pytest.mark.parametrize(
    ("first", "second", "tiles"),
    [((30, 62), (30, 130), (0, 2)), ((5, 62), (60, 66), (0, 1)), ((30, 20), (30, 110), (0, 1))],
)
def test_places_far_apart_are_not_one_even_if_they_do_the_same(rng, first, second, tiles):
    traces = noise(rng, calcium(rng, 1) * np.ones(2), 0.2)
    assert len(joined([(tiles[0], spot(*first)[tiles[0]]), (tiles[1], spot(*second)[tiles[1]])], traces)) == 2


def test_patches_that_touch_are_one_however_far_their_centres_are(rng):
    """Neuropil covers whole tiles."""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(192.0), indexing="ij")
    wide = TILES.cut((torch.exp(-((y - 32) ** 2) / 800) * ((x > 8) & (x < 124)))[None])[:, 0]
    traces = noise(rng, calcium(rng, 1) * np.ones(2), 0.2)
    assert len(joined([(0, wide[0]), (1, wide[1])], traces)) == 1


def test_parts_of_opposite_sign_are_joined_with_their_signs(rng):
    cell = spot(30, 63.5)[:2]
    traces = noise(rng, calcium(rng, 1) * (1, -1), 0.3)
    (piece,) = joined([(0, cell[0]), (1, -cell[1])], traces)
    images = dict(piece.images)
    assert float((images[0] * cell[0]).sum()) * float((images[1] * cell[1]).sum()) > 0


def test_every_direction_is_in_one_piece(rng):
    cell = spot(30, 62)
    parts = [(0, cell[0]), (0, spot(20, 20)[0]), (1, cell[1]), (1, spot(40, 100)[1]), (2, spot(10, 180)[2])]
    own = calcium(rng, 4)
    pieces = joined(parts, noise(rng, own[:, [0, 1, 0, 2, 3]], 0.3))
    assert tiles_of(pieces) == [[0], [0, 1], [1], [2]]
    used = torch.zeros(3, 2)
    for piece in pieces:
        for tile, direction in piece.directions:
            used[tile, : len(direction)] += direction.square()
        assert piece.score > 0
    torch.testing.assert_close(used.sum(), torch.tensor(4.0))  # unit weights within each piece


def test_the_score_of_an_unjoined_piece_is_its_own(rng):
    traces = noise(rng, calcium(rng, 1))
    part = Part(1, torch.eye(1), spot(30, 90)[1][:, None], torch.tensor([3.25]))
    (piece,) = join([part], *moments(traces), TILES)
    assert piece.score == pytest.approx(3.25, rel=1e-5)
