"""An image of several tiles goes the whole way: training, latents, images, maps, a comparison's latents, a file."""

import numpy as np
import pytest

from napari_varae.core.fit.evaluate import evaluate
from napari_varae.core.fit.fit import Fit
from napari_varae.core.fit.load import load_fit
from napari_varae.core.maps.contribution import contribution_map
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.simulation.settings import SimulationConfig
from napari_varae.core.simulation.simulate import Simulation, simulate
from napari_varae.core.training.train import fit


@pytest.fixture(scope="module")
def sim() -> Simulation:
    return simulate(SimulationConfig(frames=300, height=150, width=200, cells=20, jitter=0.2, seed=6))


@pytest.fixture(scope="module")
def fitted(sim) -> Fit:
    return fit(sim.stack, FitConfig(latents=26, epochs=2, device="cpu", frames=(0, 260)))


def test_it_has_several_tiles(fitted):
    assert fitted.network.tiles.grid == (3, 4)
    assert fitted.footprints.shape == (26, 150, 200)


def test_latents_and_images_agree(fitted, sim):
    latents = fitted.encode(sim.stack)
    assert latents.shape == (300, 26)
    np.testing.assert_allclose(latents[:260].std(0), 1, atol=1e-3)
    images = fitted.reconstruct(sim.stack, (100, 104))
    expected = fitted.static + np.tensordot(latents[100:104], fitted.footprints, 1)
    np.testing.assert_allclose(images, expected, rtol=1e-4, atol=0.05)


def test_frames_that_it_has_not_seen_are_explained(fitted, sim):
    found = evaluate(fitted, sim.stack, (260, 300))
    assert found["reconstruction_fve"] > 0.15
    assert found["reconstruction_fve"] > found["prediction_fve"] > 0.05


def test_cells_across_borders_have_one_latent(fitted, sim):
    cells = sim.footprints.reshape(len(sim.footprints), -1).astype(float)
    drawn = fitted.footprints.reshape(26, -1).astype(float)
    likeness = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)) @ (
        cells / np.linalg.norm(cells, axis=1, keepdims=True)
    ).T
    assert (likeness.max(0) > 0.8).sum() >= 18
    borders = (sim.footprints > 0).any(2)[:, [63, 64]].all(1) | (sim.footprints > 0).any(1)[:, [63, 64]].all(1)
    assert borders.any()
    assert (likeness.max(0)[borders] > 0.8).all()


@pytest.mark.parametrize("kind", ["driver", "effect"])
def test_maps_cover_the_image(fitted, sim, kind):
    image = contribution_map(fitted, sim.stack, kind, own_past=True)
    assert image.shape == (150, 200)
    assert (image >= 0).all()
    cells = (sim.footprints > 0.3 * sim.footprints.max((1, 2), keepdims=True)).any(0)
    assert image[cells].mean() > 3 * image[~cells].mean()


def test_a_signed_driver_map_is_complete(fitted, sim):
    some = Stack(sim.stack.read(50, 60))
    row = fitted.var.coefficients[:, 2].sum(0) / fitted.var.scale
    static = fitted.encode(Stack(np.stack(2 * [fitted.static])))[0]
    whole = float(((fitted.encode(some) - static) @ row).mean())
    assert contribution_map(fitted, some, target=2, own_past=True).sum() == pytest.approx(whole, rel=1e-3, abs=1e-4)


def test_a_saved_fit_is_the_same(fitted, sim, tmp_path):
    loaded = load_fit(fitted.save(tmp_path / "large"), "cpu")
    assert loaded.id == fitted.id
    np.testing.assert_array_equal(loaded.encode(sim.stack, (0, 9)), fitted.encode(sim.stack, (0, 9)))
    np.testing.assert_array_equal(loaded.reconstruct(sim.stack, (0, 3)), fitted.reconstruct(sim.stack, (0, 3)))


@pytest.mark.long
def test_automatically_there_are_about_as_many_latents_as_cells(sim):
    """Cells, five changes of the whole image, and at most half as many again: motion at tile borders has a signal."""
    found = fit(sim.stack, FitConfig(epochs=0, device="cpu"))
    assert 20 <= found.latents <= 20 + 5 + 10
    assert found.config.latents == found.latents
