"""One step and one judgement in components are those of pixels; the finished fit is the state that was judged."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_varae.core.fit.evaluate import evaluate
from napari_varae.core.fit.fit import Fit
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.simulation.settings import SimulationConfig
from napari_varae.core.simulation.simulate import simulate
from napari_varae.core.training.objective import cross_predictions, window_penalty
from napari_varae.core.training.trainer import State, Trainer
from napari_varae.core.var.estimate import estimate_var
from napari_varae.errors import TrainingError


def changed(config: FitConfig, **settings) -> FitConfig:
    return FitConfig(**(config.model_dump() | settings))


IMAGES = {"one tile": (40, 40), "several tiles": (64, 192), "sticking out": (70, 140)}
BAD = (40, 41, 137)


@pytest.fixture(scope="module", params=["one tile", "several tiles"])
def trained(request) -> tuple[Stack, Trainer, State, Fit]:
    return after_an_epoch(IMAGES[request.param])


def after_an_epoch(image: tuple[int, int]) -> tuple[Stack, Trainer, State, Fit]:
    """A state after some steps, which is neither the start nor symmetric, and its fit."""
    cells = image[0] * image[1] // 1000
    sim = simulate(SimulationConfig(frames=260, height=image[0], width=image[1], cells=cells, soma_radius=4, seed=4))
    stack = Stack(sim.stack.array, bad_frames=BAD)
    trainer = Trainer(stack, FitConfig(latents=cells + 5, order=2, window=60, device="cpu", frames=(10, 250)))
    trainer.assess()
    for window in trainer.windows():
        trainer.step(window, 1)
    state = trainer.assess()
    return stack, trainer, state, trainer.finish(state, ())


def explained(truth: np.ndarray, found: np.ndarray, origin: np.ndarray) -> float:
    return 1 - float(np.square(truth - found, dtype=np.float64).sum() / np.square(truth - origin).sum(dtype=np.float64))


def in_units_of(fit: Fit, latents: np.ndarray, state: State, trainer: Trainer) -> np.ndarray:
    """Latents of a state, as the fit scales and orders them."""
    deviation = state.latents[trainer.split.good].std(0, dtype=np.float64)
    found = fit.encode(trainer.stack, fit.frames)
    likeness = np.corrcoef(found.T, (state.latents / deviation).T)[: fit.latents, fit.latents :]
    order = likeness.argmax(1)
    assert sorted(order) == list(range(fit.latents))
    return (latents / deviation)[:, order]


def test_latents_of_components_are_latents_of_the_movie(trained):
    stack, trainer, state, fit = trained
    good = trainer.split.good
    found = fit.encode(stack, fit.frames)
    expected = in_units_of(fit, state.latents, state, trainer)
    np.testing.assert_allclose(found[good], expected[good], rtol=1e-3, atol=2e-3)


def check_explained(stack: Stack, trainer: Trainer, state: State, fit: Fit) -> None:
    """Compare all that was judged with the pixels."""
    split = trainer.split
    ahead = state.var.predict(state.latents, split.good)
    judged = np.flatnonzero(split.held_out & np.isfinite(ahead).all(1))
    movie = stack.read(split.start, split.stop)[judged]
    known, predicted = (in_units_of(fit, z[judged], state, trainer) for z in (state.latents, ahead))
    assert state.reconstruction_fve == pytest.approx(explained(movie, fit.decode(known), fit.static), abs=1e-5)
    assert state.prediction_fve == pytest.approx(explained(movie, fit.decode(predicted), fit.static), abs=1e-5)


def test_what_is_explained_is_what_the_decoded_frames_explain(trained):
    check_explained(*trained)


def test_what_is_explained_does_not_depend_on_what_tiles_stick_out():
    check_explained(*after_an_epoch(IMAGES["sticking out"]))


@pytest.mark.parametrize("settings", [{}, {"static_skip": False}, {"static": "median"}], ids=str)
def test_the_start_is_judged_as_evaluate_does(small_stack, small_config, settings):
    """On the held-out frames, which here are one run."""
    config = changed(small_config, frames=(45, 160), held_out=0.06, order=1, sparsity="fixed", penalty=0.2, **settings)
    trainer = Trainer(Stack(small_stack.array[:, :, :30]), config)  # a whole tile
    state = trainer.assess()
    fit = trainer.finish(state, ())
    (run,) = trainer.split.held_out_runs
    var = estimate_var(fit.encode(trainer.stack, fit.frames), 1, 0.2, trainer.split.trained, "links")
    found = evaluate(replace(fit, var=var), trainer.stack, run)
    assert state.reconstruction_fve == pytest.approx(found["reconstruction_fve"], abs=5e-5)
    assert state.prediction_fve == pytest.approx(found["prediction_fve"], abs=2e-4)
    assert state.latent_r2 == pytest.approx(found["latent_r2"], abs=2e-3)


def test_latents_of_the_start_are_least_squares(small_stack, small_config):
    """Of what the footprints draw within the components; the ridge is small."""
    trainer = Trainer(small_stack, small_config)
    state = trainer.assess()
    movie = trainer.movie
    footprints = torch.bmm(movie.basis, trainer.drawn.detach().mT)[0].double()  # one tile
    frames = trainer.components[:, 0].double() @ movie.basis[0].double().T
    expected = torch.linalg.lstsq(footprints, frames.T).solution.T.numpy()
    np.testing.assert_allclose(state.latents, expected, atol=0.01 * np.abs(expected).max())


def test_held_out_frames_are_read_once(small_stack, small_config):
    trainer = Trainer(small_stack, small_config)
    split = trainer.split
    frames = small_stack.read(split.start, split.stop)[split.held_out]
    d = trainer.movie.normalisation.apply(frames)
    np.testing.assert_allclose(trainer.power.numpy(), np.square(d).sum((1, 2)), rtol=1e-4)
    np.testing.assert_allclose(trainer.around.numpy(), np.square(d).sum((1, 2)), rtol=1e-4)


def test_the_reconstruction_loss_is_a_mean_over_good_frames(small_stack, small_config):
    """In the components, and what lies outside them is added as a share."""
    trainer = Trainer(small_stack, changed(small_config, mode="two_stage"))
    movie, good = trainer.movie, trainer.split.good[20:50]
    assert good.sum() == 28
    c = trainer.components[20:50][torch.from_numpy(good)]
    with torch.no_grad():
        z = torch.from_numpy(trainer.encode())[20:50][torch.from_numpy(good)]
        drawn = z @ trainer.drawn[0] @ movie.basis[0].T  # one tile
    error = float((drawn - c[:, 0] @ movie.basis[0].T).square().sum() / (28 * 30 * 35))
    held_out = np.flatnonzero(trainer.split.held_out)
    frames = np.concatenate([small_stack.read(10 + t, 11 + t) for t in held_out])
    seen = movie.normalisation.apply(frames)
    inside = trainer.components[held_out].square().sum((1, 2)).numpy()
    outside = (np.square(seen).sum((1, 2)) - inside).mean() / (30 * 35)
    assert trainer.step((30, 60), 1) == pytest.approx(error + outside, rel=1e-4)


def in_double(trainer: Trainer) -> None:
    trainer.components = trainer.components.double()
    for part in (trainer.drawn, trainer.read, trainer.unmix):
        part.data = part.data.double()


def slopes(trainer: Trainer, weights: torch.Tensor, monkeypatch) -> tuple[float, float]:
    """Derivative of the loss along a random direction of some weights: autograd's and the true one."""
    monkeypatch.setattr(trainer.optimiser, "step", lambda: None)
    direction = torch.randn(weights.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    direction *= 1e-5 * weights.detach().norm() / direction.norm()

    def loss(move: float) -> float:
        with torch.no_grad():
            weights.add_(direction, alpha=move)
        return trainer.step((30, 130), 1)

    loss(0)
    computed = float((weights.grad * direction).sum())
    return computed, (loss(1) - loss(-2)) / 2


@pytest.mark.parametrize("weight", ["prediction_weight", "latent_weight"])
@pytest.mark.parametrize("weights", ["read", "unmix", "drawn"])
def test_the_gradient_goes_through_the_estimate_only_end_to_end(
    small_stack, small_config, weight, weights, monkeypatch
):
    settings = {"prediction_weight": 0, "latent_weight": 0, "sparsity": "fixed", "penalty": 0.05} | {weight: 1}
    for mode in ("end_to_end", "stop_gradient"):
        trainer = Trainer(small_stack, changed(small_config, mode=mode, **settings))
        trainer.assess()
        in_double(trainer)
        computed, true = slopes(trainer, getattr(trainer, weights), monkeypatch)
        if mode == "end_to_end" or weights == "drawn":  # footprints do not enter the estimate
            assert computed == pytest.approx(true, rel=1e-3)
        else:
            assert abs(computed - true) > 0.01 * abs(true)


def judged(z: torch.Tensor, usable: torch.Tensor, trainer: Trainer) -> list[tuple[torch.Tensor, ...]]:
    return list(cross_predictions(z, usable, trainer.var, trainer.config))


@pytest.fixture
def assessed(small_stack, small_config) -> Trainer:
    trainer = Trainer(small_stack, changed(small_config, sparsity="fixed", penalty=0.0))
    trainer.assess()
    return trainer


def test_the_estimate_judges_frames_that_it_did_not_see(assessed):
    """On white noise a VAR predicts nothing, and the loss must not be fooled: it is no less than without a VAR."""
    noise = torch.randn(60, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    parts = judged(noise, torch.ones(60, dtype=torch.bool), assessed)
    assert len(parts) == 2
    error = torch.cat([(known - ahead).square().flatten() for _, known, ahead in parts])
    known = torch.cat([known.square().flatten() for _, known, _ in parts])
    assert error.mean() > known.mean()


def test_what_is_predicted_are_the_frames_of_the_window(assessed):
    z = torch.randn(61, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    frames = torch.cat([torch.as_tensor(rows) for rows, _, _ in judged(z, torch.ones(61, dtype=torch.bool), assessed)])
    assert sorted(frames.tolist()) == [*range(2, 30), *range(32, 61)]  # each half gives its own past
    for rows, known, _ in judged(z, torch.ones(61, dtype=torch.bool), assessed):
        assert torch.equal(known, z[rows])


def test_the_prediction_loss_heeds_no_bad_frame(assessed):
    z, usable = torch.randn(60, 6, generator=torch.Generator().manual_seed(0)).double(), torch.ones(60).bool()
    usable[[7, 8, 40]] = False
    before = judged(z, usable, assessed)
    z[~usable] = 1e6
    for (frames, known, ahead), (rows, same, found) in zip(before, judged(z, usable, assessed), strict=True):
        assert torch.equal(torch.as_tensor(frames), torch.as_tensor(rows))
        assert torch.equal(known, same)
        assert torch.equal(ahead, found)


def test_a_half_without_pairs_is_left_out(assessed):
    z, usable = torch.randn(40, 6, generator=torch.Generator().manual_seed(0)).double(), torch.ones(40).bool()
    usable[:20:2] = False
    assert judged(z, usable, assessed) == []


def test_short_windows_have_a_larger_penalty(assessed):
    var = replace(assessed.var, penalty=0.1)
    assert window_penalty(var, var.n_pairs) == pytest.approx(0.1)
    assert window_penalty(var, var.n_pairs // 4) == pytest.approx(0.2, rel=0.02)
    assert window_penalty(var, 1) == 1


def with_infinity(part: str) -> Callable[[Trainer], None]:
    def spoil(trainer: Trainer) -> None:
        with torch.no_grad():
            getattr(trainer, part)[(0,) * getattr(trainer, part).ndim] = torch.inf

    return spoil


@pytest.mark.parametrize("part", ["drawn", "read", "unmix"])
def test_a_loss_that_is_not_finite_is_reported(small_stack, small_config, part):
    trainer = Trainer(small_stack, small_config)
    trainer.assess()
    with_infinity(part)(trainer)
    with pytest.raises(TrainingError, match=r"epoch 7.*smaller learning rate"):
        trainer.step((50, 100), 7)
    with pytest.raises(TrainingError, match="smaller learning rate"):
        trainer.assess()


def test_the_settings_of_the_fit_are_those_that_were_chosen(trained, small_stack):
    _, trainer, _, fit = trained
    assert fit.config.latents == fit.latents == trainer.latents
    assert fit.config.smoothing == trainer.movie.smoothing
    chosen = Trainer(small_stack, FitConfig(latents="auto", device="cpu")).config
    assert isinstance(chosen.latents, int)
    assert chosen.window == 240
    assert Trainer(small_stack, FitConfig(latents=6, window=50)).config.window == 50


def test_part_of_a_footprint_outside_the_components_is_drawn(trained):
    """What shrinking left there is not lost, and never trained."""
    _, trainer, _, fit = trained
    movie = trainer.movie
    beyond = torch.bmm(trainer.outside, movie.basis)
    assert float(beyond.abs().max()) < 1e-3 * float(trainer.outside.abs().max().clamp(min=1e-3))
    total = fit.network.drawn - torch.bmm(torch.bmm(fit.network.drawn, movie.basis), movie.basis.mT)
    assert float(total.square().sum()) == pytest.approx(
        float((trainer.outside * _strengths(trainer, fit)).square().sum()), rel=1e-2
    )


def _strengths(trainer: Trainer, fit: Fit) -> torch.Tensor:
    """How much stronger the fit draws each row of the trainer's footprints, shape (N, L, 1)."""
    there = trainer.members >= 0
    drawn = torch.bmm(trainer.drawn.detach(), trainer.movie.basis.mT) + trainer.outside
    ratio = fit.network.drawn.norm(dim=2) / drawn.norm(dim=2).clamp(min=1e-12)
    return torch.where(there, ratio, 0.0)[:, :, None]


def test_the_example_is_a_held_out_frame_as_the_fit_reconstructs_it(trained):
    stack, trainer, state, fit = trained
    example = trainer.example(state)
    assert trainer.split.held_out[example.frame - trainer.split.start]
    held_out = trainer.split.start + np.flatnonzero(trainer.split.held_out)
    changes = np.square(fit.normalisation.apply(stack.read()) - fit.normalisation.origin).mean((1, 2))
    assert changes[example.frame] > np.median(changes[held_out])
    np.testing.assert_allclose(example.movie, fit.normalisation.apply(stack.read(example.frame, example.frame + 1))[0])
    drawn = fit.normalisation.apply(fit.reconstruct(stack, (example.frame, example.frame + 1)))[0]
    np.testing.assert_allclose(example.reconstruction, drawn, atol=2e-4)
    np.testing.assert_allclose(example.residual, example.movie - example.reconstruction)
