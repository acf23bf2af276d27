"""Footprints no larger than their error go to zero; those far above it stay."""

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter

from napari_varae.core.components.compressed import CompressedMovie
from napari_varae.core.components.tiles import Tiles
from napari_varae.core.movie.normalisation import Normalisation
from napari_varae.core.training.joining import Piece
from napari_varae.core.training.shrinking import NEIGHBOURHOOD, STRENGTH, shrink

EDGE, FRAMES = 48, 400


def movie_of(frames: np.ndarray) -> CompressedMovie:
    """Hold what shrinking needs to know of some frames (T, EDGE, EDGE)."""
    tiles = Tiles((EDGE, EDGE), EDGE)
    cut = tiles.cut(torch.from_numpy(frames).float())
    empty = torch.zeros(0)
    still = Normalisation(np.zeros((EDGE, EDGE), np.float32), 1.0)
    return CompressedMovie(
        tiles, still, empty, empty, empty, variance=cut.square().mean(1), bins=len(frames), smoothing=0.0
    )


@pytest.fixture
def spots() -> np.ndarray:
    y, x = np.mgrid[:EDGE, :EDGE]
    return np.stack([np.exp(-((y - a) ** 2 + (x - b) ** 2) / 18) for a, b in ((14, 14), (33, 30))])


@pytest.fixture
def regressed(rng, spots) -> tuple[CompressedMovie, list[Piece], list[torch.Tensor]]:
    """Two spots in noise, their images by regression on their traces, and what shrinking needs."""
    traces = rng.normal(size=(FRAMES, 2))
    frames = np.tensordot(traces, spots, 1) + rng.normal(size=(FRAMES, EDGE, EDGE))
    images = np.linalg.lstsq(traces, frames.reshape(FRAMES, -1), rcond=None)[0]
    pieces = [Piece([], [(0, torch.from_numpy(image).float())], 1.0) for image in images]
    return movie_of(frames), pieces, [torch.from_numpy(trace).float() for trace in traces.T]


def test_noise_goes_and_strong_pixels_stay(regressed, spots):
    movie, pieces, traces = regressed
    for piece, ((tile, image),), spot in zip(pieces, shrink(movie, pieces, traces), spots, strict=True):
        before = piece.images[0][1].view(EDGE, EDGE).numpy()
        after = image.view(EDGE, EDGE).numpy()
        assert tile == 0
        bright = spot > 0.5
        assert np.linalg.norm(after[bright]) > 0.98 * np.linalg.norm(before[bright])
        dark = uniform_filter((spot > 0.02).astype(float), NEIGHBOURHOOD + 2) < 1e-9
        assert np.linalg.norm(after[dark]) < 0.6 * np.linalg.norm(before[dark])
        assert np.linalg.norm(after - spot) < 0.75 * np.linalg.norm(before - spot)


def test_more_than_its_error_is_never_taken(regressed):
    """Images whose error is a lot larger than they are go to zero outside the spot."""
    movie, pieces, traces = regressed
    noisier = movie.variance * 4
    loud = CompressedMovie(**{**vars(movie), "variance": noisier})
    for piece, ((_, image),) in zip(pieces, shrink(loud, pieces, traces), strict=True):
        before = piece.images[0][1]
        assert bool((image.abs() <= before.abs()).all())
        assert bool((image * before >= 0).all())
        assert float((image == 0).float().mean()) > 0.5


def test_it_follows_the_formula_of_james_and_stein(regressed):
    movie, pieces, traces = regressed
    design = torch.stack(traces, 1).double().numpy()
    images = np.stack([piece.images[0][1].numpy() for piece in pieces]).astype(float)
    power = (design**2).mean(0)
    left = movie.variance[0].double().numpy() - np.einsum("k,kp->p", power, images**2)
    spread = np.linalg.inv(design.T @ design).diagonal()
    for i, ((_, image),) in enumerate(shrink(movie, pieces, traces)):
        energy, error = (
            uniform_filter(part.reshape(EDGE, EDGE), NEIGHBOURHOOD) for part in (images[i] ** 2, spread[i] * left)
        )
        expected = images[i].reshape(EDGE, EDGE) * (1 - STRENGTH * error / energy).clip(0, 1)
        np.testing.assert_allclose(image.view(EDGE, EDGE).numpy(), expected, atol=1e-4)


def test_traces_are_averaged_as_the_frames_were(rng, spots):
    """The same from every second pair of frames averaged, so that traces have to be, too."""
    traces = np.repeat(rng.normal(size=(FRAMES // 2, 1)), 2, axis=0)
    frames = np.tensordot(traces, spots[:1], 1) + rng.normal(size=(FRAMES, EDGE, EDGE))
    averaged = frames.reshape(-1, 2, EDGE, EDGE).mean(1)
    piece = Piece([], [(0, torch.from_numpy(spots[0]).float().flatten())], 1.0)
    alone = shrink(movie_of(averaged), [piece], [torch.from_numpy(traces[::2, 0]).float()])
    both = shrink(movie_of(averaged), [piece], [torch.from_numpy(traces[:, 0]).float()])
    torch.testing.assert_close(both[0][0][1], alone[0][0][1])


def test_an_image_of_which_nothing_would_remain_is_kept(rng):
    movie = movie_of(rng.normal(size=(FRAMES, EDGE, EDGE)))
    image = torch.from_numpy(1e-4 * rng.normal(size=EDGE**2)).float()
    trace = torch.from_numpy(rng.normal(size=FRAMES)).float()
    assert torch.equal(shrink(movie, [Piece([], [(0, image)], 1.0)], [trace])[0][0][1], image)


def test_without_places_there_is_nothing_to_shrink(rng):
    assert shrink(movie_of(rng.normal(size=(9, EDGE, EDGE))), [], []) == []
