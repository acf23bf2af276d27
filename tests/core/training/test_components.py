"""Training on components: several tiles, odd frames, the identity that judges a fit, files and checkpoints."""

import numpy as np
import pytest
import torch

from napari_varae.core.fit.evaluate import evaluate
from napari_varae.core.fit.load import load_fit
from napari_varae.core.maps.contribution import contribution_map
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.simulation.settings import SimulationConfig
from napari_varae.core.simulation.simulate import simulate
from napari_varae.core.training.lowrank import leading_components, merge_components
from napari_varae.core.training.rotation import varimax
from napari_varae.core.training.train import fit
from napari_varae.core.training.trainer import Trainer
from napari_varae.errors import TrainingError


@pytest.fixture(scope="module")
def wide():
    """Twelve cells in an image of several tiles."""
    return simulate(SimulationConfig(frames=300, height=70, width=150, cells=12, seed=3))


@pytest.fixture(scope="module")
def wide_fit(wide):
    return fit(wide.stack, FitConfig(latents=16, epochs=1, device="cpu"))


def test_the_components_are_those_of_the_singular_value_decomposition():
    random = torch.Generator().manual_seed(0)
    strong = torch.randn(1, 40, 5, generator=random) @ (10 * torch.randn(1, 5, 64, generator=random))
    frames = strong + 0.1 * torch.randn(1, 40, 64, generator=random)
    found = torch.linalg.qr(leading_components(frames, 5, 8, 0.0, random))[0][0]
    true = torch.linalg.svd(frames[0])[2][:5].T
    assert torch.linalg.svdvals(found.T @ true).min() > 0.999
    halves = [leading_components(part, 5, 8, 0.0, random) for part in frames.split(20, 1)]
    merged = torch.linalg.qr(merge_components(halves, 5))[0][0]
    assert torch.linalg.svdvals(merged.T @ true).min() > 0.999


def test_varimax_finds_images_that_lie_apart():
    apart = torch.zeros(1, 60, 3)
    for k in range(3):
        apart[0, 20 * k : 20 * k + 20, k] = 20**-0.5
    mixing = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)))[0]
    mixed = apart @ mixing
    rotation = varimax(mixed)[0]
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(3, dtype=torch.float64))
    overlap = (apart[0].T @ (mixed[0] @ rotation.float())).abs()
    assert overlap.amax(1).min() > 0.999


def test_images_of_several_tiles_go_all_the_way(wide, wide_fit, tmp_path):
    stack = wide.stack
    related = np.abs(np.corrcoef(wide_fit.encode(stack), wide.traces, rowvar=False)[:16, 16:])
    assert (related.max(0) > 0.8).mean() >= 0.75
    assert wide_fit.reconstruct(stack, (5, 9)).shape == (4, 70, 150)
    assert contribution_map(wide_fit, stack).shape == (70, 150)
    again = load_fit(wide_fit.save(tmp_path / "wide"), "cpu")
    np.testing.assert_array_equal(again.encode(stack), wide_fit.encode(stack))


def test_a_state_is_judged_as_its_fit_would_be(wide):
    """From components and what lies outside them, as from pixels."""
    trainer = Trainer(wide.stack, FitConfig(latents=16, device="cpu"))
    state = trainer.assess()
    found = trainer.finish(state, ())
    errors = np.zeros(2)
    for start, stop in trainer.split.held_out_runs:
        movie = wide.stack.read(start, stop)
        errors += [
            np.square(movie - part).sum() for part in (found.reconstruct(wide.stack, (start, stop)), found.static)
        ]
    # One frame of a recording without a break has no past, and none of it is held out here.
    assert state.reconstruction_fve == pytest.approx(1 - errors[0] / errors[1], abs=2e-4)
    assert evaluate(found, wide.stack)["reconstruction_fve"] > 0


def test_a_flash_is_left_out_and_noted(wide, wide_fit):
    movie = wide.stack.array.astype(np.float32)
    movie[137] *= 1000
    found = fit(Stack(movie), FitConfig(latents=16, epochs=1, device="cpu"))
    assert "1 frame is unlike" in found.notes[0]
    assert "137" in found.notes[0]
    assert found.history[0].reconstruction_fve == pytest.approx(wide_fit.history[0].reconstruction_fve, abs=0.02)


def test_a_checkpoint_of_another_movie_is_refused(wide, tmp_path):
    from napari_varae.core.training.train import resume, train

    next(train(wide.stack, FitConfig(latents=16, device="cpu"), checkpoint=tmp_path))
    other = Stack(wide.stack.array[::-1].copy())
    with pytest.raises(TrainingError, match="belongs to another movie"):
        resume(tmp_path, other)
    with pytest.raises(TrainingError, match="holds no checkpoint"):
        resume(tmp_path / "nothing", other)
