"""Latents get the names of the cells whose footprints they are."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_varae.core.experiment.cells import Cells
from napari_varae.core.experiment.match import match_cells
from napari_varae.core.fit.fit import Fit
from napari_varae.core.settings import FitConfig
from napari_varae.core.simulation.settings import SimulationConfig
from napari_varae.core.simulation.simulate import Simulation, simulate
from napari_varae.core.training.train import fit
from napari_varae.errors import DataError


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return simulate(SimulationConfig(frames=400, height=48, width=48, cells=8, seed=1))


@pytest.fixture(scope="module")
def fitted(simulation) -> Fit:
    return fit(simulation.stack, FitConfig(latents=12, epochs=3, window=60, device="cpu"))


def toy_fit(footprints):
    """What `match_cells` asks of a fit."""
    images = np.asarray(footprints, dtype=np.float32)
    return SimpleNamespace(
        shape=images.shape[1:], latents=len(images), combine=lambda weights: iter([np.tensordot(weights, images, 1)])
    )


def cells_of(footprints, share=0.2):
    """ROIs as a segmentation would draw them: where the footprint exceeds a share of its maximum."""
    return Cells.from_masks(footprints > share * footprints.max(axis=(1, 2), keepdims=True))


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_latents_are_the_cells_whose_activity_they_follow(simulation, fitted, share):
    """The truth is in the traces: a named latent follows its own cell more than any other."""
    table = match_cells(fitted, cells_of(simulation.footprints, share))
    assert table["latent"].tolist() == list(range(fitted.latents))
    named = table[~table["cell"].isin(["several", "none"])]
    assert len(set(named["cell"])) >= 6
    latents = fitted.encode(simulation.stack)
    follows = np.corrcoef(latents.T, simulation.traces.T)[: fitted.latents, fitted.latents :]
    for row in named.itertuples():
        assert row.cell == np.abs(follows[row.latent]).argmax()
        assert row.candidates[0] == row.cell
    assert not set(named["latent"]) & fitted.whole_image.keys()
    assert table["overlap"].between(0, 1).all()
    assert table["share"].between(0, 1).all()


def test_names_several_and_none():
    squares = np.zeros((4, 20, 20))
    for n in range(4):
        squares[n, 5 * n : 5 * n + 3, 2:8] = 1
    footprints = np.stack([
        squares[1], -3 * squares[2], squares[0] + squares[3], 0.5 * squares[0] + squares[3],
        np.ones((20, 20)), np.zeros((20, 20)),
    ])  # fmt: skip
    toy = toy_fit(footprints)
    table = match_cells(toy, Cells.from_masks(squares, ids=("a", "b", "c", "d")))
    assert table["cell"].tolist() == ["b", "c", "several", "d", "none", "none"]
    np.testing.assert_allclose(table["share"], [1, 1, 0.5, 0.8, 18 / 400, 0], atol=1e-6)
    np.testing.assert_allclose(table["overlap"][:3], [1, 1, np.sqrt(0.5)], atol=1e-6)
    assert table["candidates"].tolist() == [("b",), ("c",), ("a", "d"), ("d", "a"), (), ()]


def test_one_footprint_on_two_overlapping_cells_is_several():
    masks = np.zeros((2, 20, 20))
    masks[0, 5:10, 5:10] = masks[1, 5:10, 6:11] = 1
    toy = toy_fit(masks[:1])
    assert match_cells(toy, Cells.from_masks(masks))["cell"].tolist() == ["several"]


def test_cells_of_another_recording_are_refused(fitted):
    with pytest.raises(DataError, match="12 x 12 pixels; the movie has 48 x 48"):
        match_cells(fitted, Cells.from_masks(np.ones((1, 12, 12))))
