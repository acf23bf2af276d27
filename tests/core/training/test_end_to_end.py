"""Training of the convolutional network: what a step does, what training gives, and that it is safe."""

import numpy as np
import pytest
import torch

import napari_varae as nv
from napari_varae.core.maps.contribution import COMPLETE, incompleteness, steps_to_complete
from napari_varae.core.maps.frames import read_scaled, scaled
from napari_varae.core.training.end_to_end import EndToEnd
from napari_varae.core.var.lags import lag_pairs
from napari_varae.errors import PathError, TrainingError

MODES = ["end_to_end", "stop_gradient", "two_stage"]


def config(**changes) -> nv.FitConfig:
    known = {"network": "convolutional", "latents": 12, "channels": 4, "window": 80, "epochs": 2, "frames": (0, 260)}
    return nv.FitConfig(**(known | changes))


@pytest.fixture(scope="module")
def fits(recording) -> list[nv.Fit]:
    return [nv.fit(recording.stack, config(seed=seed, epochs=3)) for seed in (0, 1)]


def gradient(trainer: EndToEnd, window=(20, 100), **kwargs) -> torch.Tensor:
    trainer.optimiser.clear()
    trainer.random.manual_seed(0)  # the same pixels are hidden
    trainer.loss(window, **kwargs).backward()
    return torch.cat([p.grad.flatten() for p in trainer.network.parameters() if p.grad is not None])


@pytest.fixture(scope="module")
def trainer(recording) -> EndToEnd:
    made = EndToEnd(recording.stack, config(sparsity="fixed", penalty=0.05))
    made.assess()
    return made


@pytest.mark.long
def test_two_seeds_beat_the_static_image_and_the_last_frame(recording, fits):
    stack, test = recording.stack, (260, 320)
    movie = stack.read(*test)
    for fit in fits:
        held = nv.evaluate(fit, stack, test)
        static = np.square(movie - fit.static).mean()
        last = 1 - np.square(movie[1:] - movie[:-1]).mean() / static
        assert held["reconstruction_fve"] > 0.1
        assert held["prediction_fve"] > max(last, 0.05)
    assert fits[0].id != fits[1].id


def test_the_same_seed_gives_the_same_fit(recording, fits):
    assert nv.fit(recording.stack, config(seed=1, epochs=3)).id == fits[1].id


def test_latents_have_mean_0_and_deviation_1_and_each_has_a_place(recording, fits):
    z = fits[0].encode(recording.stack, (0, 260))
    assert np.allclose(z.mean(0), 0, atol=1e-3)
    assert np.allclose(z.std(0), 1, atol=1e-3)
    assert fits[0].footprints.shape == (12, 24, 32)
    assert ((fits[0].places >= 0) & (fits[0].places < (24, 32))).all()
    size = np.linalg.norm(fits[0].footprints.reshape(12, -1), axis=1)
    assert (np.diff(size) <= 1e-3 * size[0]).all()


def test_a_saved_fit_computes_the_same(recording, fits, tmp_path):
    loaded = nv.load_fit(fits[0].save(tmp_path / "conv.varae"))
    assert loaded.id == fits[0].id
    assert loaded.config.network == "convolutional"
    for compute in ("encode", "reconstruct", "predict"):
        ours, theirs = (getattr(fit, compute)(recording.stack, (10, 40)) for fit in (fits[0], loaded))
        assert np.array_equal(ours, theirs, equal_nan=True)


def test_attributions_sum_to_the_change_of_the_prediction(recording, fits):
    fit = fits[0]
    rows = torch.from_numpy((fit.var.coefficients[0] / fit.var.scale).astype(np.float32))
    rows = rows[rows.abs().sum(1) > 0]
    origin = scaled(fit, fit.static)
    some, others = (read_scaled(fit, recording.stack, np.arange(first, 260, 20)) for first in (5, 12))
    steps = steps_to_complete(fit, rows, some, origin)
    assert 1 < steps < 64
    assert (
        incompleteness(fit, rows, others, origin, steps) < 2 * COMPLETE < incompleteness(fit, rows, others, origin, 1)
    )
    assert nv.contribution_map(fit, recording.stack, "driver", frames=(0, 60), own_past=True).max() > 0


def test_maps_and_comparison_work(recording, fits):
    effect = nv.contribution_map(fits[0], recording.stack, "effect", own_past=True)
    assert effect.shape == (24, 32)
    assert np.isfinite(effect).all()
    assert 0 < nv.compare(fits[0], recording.stack, a=(0, 130), b=(130, 260), resamples=19).p_value <= 1


def test_without_a_skip_latents_carry_the_static_image(recording):
    fit = nv.fit(recording.stack, config(static_skip=False, mode="two_stage"))
    assert not fit.normalisation.baseline.any()
    rebuilt = fit.reconstruct(recording.stack, (0, 260)).mean(0)
    assert np.corrcoef(rebuilt.ravel(), fit.static.ravel())[0, 1] > 0.7


def test_the_modes_differ_in_what_the_gradient_runs_through(trainer):
    rest, whole = (gradient(trainer, through_estimate=through) for through in (False, True))
    assert torch.isfinite(whole).all()
    assert 1e-4 < (whole - rest).norm() / rest.norm() < 1
    assert gradient(trainer).equal(whole)


def test_two_stage_has_no_prediction_in_its_loss(recording):
    alone = EndToEnd(recording.stack, config(mode="two_stage"))
    alone.assess()
    alone.step((20, 100), 1)
    assert alone.numerics.estimates == 0


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_trains(recording, mode):
    fit = nv.fit(recording.stack, config(mode=mode, epochs=1, latent_weight=0.1, order=2))
    assert [report.epoch for report in fit.history] == [0, 1]
    assert np.isfinite(fit.var.coefficients).all()


def test_the_horizon_predicts_several_frames_by_the_same_var(trainer, recording):
    further = EndToEnd(recording.stack, config(sparsity="fixed", penalty=0.05, horizon=3, order=2))
    further.assess()
    with torch.no_grad():
        z = torch.randn(80, 12, generator=torch.Generator().manual_seed(0)).cumsum(0)
        usable = torch.ones(80, dtype=torch.bool)
        usable[10] = False
        ahead, frames, error, _ = next(iter(further._predictions(z, usable, True)))
    assert ahead.shape == (3, *frames.shape[1:], 12)
    assert frames[1].equal(frames[0] + 1)
    assert frames.min() == 42
    assert frames.max() == 79
    assert error > 0


def test_no_lag_pair_crosses_a_break(recording, monkeypatch):
    """The VAR of the whole recording, and the predictions of a window, one and several frames ahead."""
    stack = recording.stack.replace(breaks=[50, 120])
    broken = EndToEnd(stack, config(sparsity="fixed", penalty=0.05, horizon=2, held_out=0.1))
    state = broken.assess()
    assert state.var.n_pairs == lag_pairs(260, 1, torch.from_numpy(broken.data.trained_runs)).numel()
    seen = []
    predictions = broken._predictions
    monkeypatch.setattr(broken, "_predictions", lambda *given: seen.extend(found := list(predictions(*given))) or found)
    broken.loss((20, 100))
    ahead = {int(frame) + 20 for _, frames, _, _ in seen for frame in frames.flatten()}
    assert ahead.isdisjoint({20, 50, 60})  # begins of the window, of a run, of the second half: without a past
    assert {21, 51, 61} <= ahead


def test_a_price_on_links_is_paid_and_felt_only_through_the_estimate(trainer, monkeypatch):
    free, free_constant = gradient(trainer), gradient(trainer, through_estimate=False)
    trainer.random.manual_seed(0)
    before = float(trainer.loss((20, 100)).detach())
    monkeypatch.setattr(trainer, "link_price", 0.5)
    trainer.random.manual_seed(0)
    paid = float(trainer.loss((20, 100)).detach()) - before
    trainer.random.manual_seed(0)
    with torch.no_grad():
        frames, good = trainer.data.read(20, 100)
        z = trainer.network.encode(trainer.hide(torch.from_numpy(frames)))
        links = [float(part[3]) for part in trainer._predictions(z, torch.from_numpy(good), True)]
    assert paid == pytest.approx(0.5 * np.mean(links), rel=1e-3)
    assert gradient(trainer, through_estimate=False).equal(free_constant)
    assert (gradient(trainer) - free).norm() > 1e-3 * free.norm()


def test_an_estimate_that_fails_is_counted_and_leaves_no_trace(trainer, monkeypatch):
    def fail(*_args):
        raise PathError("lost")

    monkeypatch.setattr("napari_varae.core.training.end_to_end.lasso", fail)
    before = trainer.numerics.lost
    assert torch.isfinite(trainer.loss((20, 100)))
    assert trainer.numerics.lost == before + 2


def test_equal_and_dead_latents_give_finite_gradients(recording):
    made = EndToEnd(recording.stack, config(sparsity="fixed", penalty=0.05))
    with torch.no_grad():
        made.network.to_map.weight.zero_()  # every latent is constant
    made.assess()
    assert torch.isfinite(gradient(made)).all()
    assert made.numerics.estimates == 2


def test_a_loss_that_is_not_finite_ends_in_words(recording):
    made = EndToEnd(recording.stack, config())
    made.assess()
    with torch.no_grad():
        made.network.to_map.weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match="smaller learning rate"):
        made.step((20, 100), 1)


def test_the_example_is_a_held_out_frame_as_the_fit_reconstructs_it(recording):
    examples = []
    steps = nv.train(recording.stack, config(epochs=1), show=examples.append)
    reports = []
    try:
        while True:
            reports.append(next(steps))
    except StopIteration as end:
        fit = end.value
    assert len(examples) == len(reports) == 2
    last = examples[1 if reports[1].best else 0]
    assert {example.frame for example in examples} == {last.frame}
    frames = last.frame, last.frame + 1
    np.testing.assert_allclose(last.movie, fit.normalisation.apply(recording.stack.read(*frames))[0], atol=1e-6)
    drawn = fit.normalisation.apply(fit.reconstruct(recording.stack, frames))[0]
    np.testing.assert_allclose(last.reconstruction, drawn, atol=2e-4)


def test_what_it_will_need_is_not_guessed_by_the_other_network(recording):
    with pytest.raises(ValueError, match="No estimate for this network"):
        nv.estimate(recording.stack, config())
