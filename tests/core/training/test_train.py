"""Training: honest reports, a stop at once, the best state kept, the same again, and no bad frame seen."""

import threading
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest
import tifffile
import torch
from sklearn.decomposition import PCA

from napari_varae.core.autoencoder.tiled import draw, project
from napari_varae.core.compute.threads import default_threads, threads
from napari_varae.core.fit.evaluate import evaluate
from napari_varae.core.fit.fit import Fit
from napari_varae.core.fit.load import load_fit
from napari_varae.core.fit.report import EpochReport
from napari_varae.core.movie.frame_set import FrameSet
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.training import train as training
from napari_varae.core.training.objective import cross_predictions
from napari_varae.core.training.split import Split
from napari_varae.core.training.train import fit, train
from napari_varae.core.training.trainer import Trainer
from napari_varae.core.var.estimate import estimate_var
from napari_varae.errors import StackError, TrainingError


class Watched:
    """A movie that counts how often it is read and calls back each time."""

    def __init__(self, array, hook=lambda reads: None):
        self.array, self.shape, self.dtype, self.hook, self.reads = array, array.shape, array.dtype, hook, 0

    def __getitem__(self, key):
        self.reads += 1
        self.hook(self.reads)
        return self.array[key]


def run(stack, config, **events) -> tuple[list[EpochReport], Fit]:
    """Reports and fit."""
    steps, reports = train(stack, config, **events), []
    while True:
        try:
            reports.append(next(steps))
        except StopIteration as end:
            return reports, end.value


def changed(config: FitConfig, **settings) -> FitConfig:
    return FitConfig(**(config.model_dump() | settings))


@pytest.fixture(scope="module")
def start(small_stack, small_config) -> Fit:
    """The fit before the first epoch."""
    return fit(small_stack, changed(small_config, epochs=0))


@pytest.fixture
def reads_of_start(small_stack, small_config) -> int:
    """How often a movie is read before the first step; three more reads at the end recognise it."""
    watched = Watched(small_stack.array)
    fit(Stack(watched, bad_frames=small_stack.bad_frames), changed(small_config, epochs=0))
    return watched.reads - 3


class StopAt(Event):
    """Is set once it has been asked so often."""

    def __init__(self, asked: int) -> None:
        super().__init__()
        self.left = asked

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0


def test_there_is_one_report_per_epoch_and_the_fit_keeps_them(small_stack, small_config, small_fit):
    reports, fitted = run(small_stack, small_config)
    assert [r.epoch for r in reports] == [0, 1, 2, 3]
    assert {r.epochs for r in reports} == {3}
    assert fitted.history == tuple(reports)
    assert [r.seconds for r in reports] == sorted(r.seconds for r in reports)
    assert all(isinstance(r.best, bool) and isinstance(r.train_loss, float) for r in reports)
    assert fitted.id == small_fit.id


def test_nothing_happens_before_the_first_report_is_asked_for(small_stack):
    train(small_stack, FitConfig(frames=(0, 10**6)))  # a generator: errors come with its first step


def test_reports_are_about_held_out_frames_and_a_var_of_the_others(small_stack, small_config):
    """Once more, from what the returned fit gives."""
    config = changed(small_config, epochs=0, sparsity="fixed")  # a chosen penalty is at a knot, where rounding counts
    (report,), fitted = run(small_stack, config)
    assert report.best
    data, span = Split(small_stack, small_config), small_config.frames
    latents = fitted.encode(small_stack, span)
    var = estimate_var(latents, 2, config.penalty, data.trained, "links")
    ahead = var.predict(latents, data.good)
    held_out = np.flatnonzero(data.held_out & np.isfinite(ahead).all(1))

    def explained(truth, found, origin):
        return 1 - np.square(truth - found).sum() / np.square(truth - origin).sum()

    movie, z, z_ahead = small_stack.read(*span)[held_out], latents[held_out], ahead[held_out]
    expected = explained(movie, fitted.decode(z), fitted.static)
    assert report.reconstruction_fve == pytest.approx(expected, abs=1e-4)
    assert report.prediction_fve == pytest.approx(explained(movie, fitted.decode(z_ahead), fitted.static), abs=1e-3)
    assert report.latent_r2 == pytest.approx(explained(var.standardise(z), var.standardise(z_ahead), 0), abs=1e-3)
    assert report.penalty == config.penalty
    # The chosen penalty is a knot, where one coefficient is just entering: rounding may count it or not.
    assert report.nonzeros_per_target == pytest.approx((var.coefficients != 0).sum() / 6, abs=1.01 / 6)


def test_the_losses_are_shares_of_variance(small_stack, small_config):
    config = changed(small_config, epochs=1, latent_weight=0.7, prediction_weight=2.0)
    report = run(small_stack, config)[0][1]
    expected = 1 - report.reconstruction_fve + 2.0 * (1 - report.prediction_fve) + 0.7 * (1 - report.latent_r2)
    assert report.held_out_loss == pytest.approx(expected)
    assert 0.5 * expected < report.train_loss < 1.5 * expected


def test_a_report_is_best_when_it_beats_the_start_and_all_before(small_stack, small_config):
    config = changed(small_config, epochs=5, learning_rate=0.1)
    first, *others = run(small_stack, config)[0]
    with threads(default_threads()):  # as in a training; rounding depends on it
        lowest = Trainer(small_stack, config).assess().loss
    assert first.best
    assert first.held_out_loss == lowest
    for report in others:
        assert report.best == (report.held_out_loss < lowest)
        lowest = min(lowest, report.held_out_loss)


def test_the_best_epoch_is_returned(small_stack, small_config):
    reports, fitted = run(small_stack, changed(small_config, epochs=5))
    best = max(r.epoch for r in reports if r.best)
    assert fit(small_stack, changed(small_config, epochs=best)).id == fitted.id
    lowest = min(reports, key=lambda report: report.held_out_loss)
    assert lowest.epoch == best


def test_the_start_is_returned_when_no_epoch_is_better(small_stack, small_config, start):
    reports, fitted = run(small_stack, changed(small_config, epochs=2, learning_rate=1.0))
    assert [r.best for r in reports] == [True, False, False]
    assert fitted.id == start.id


def test_patience_ends_training(small_stack, small_config):
    reports, _ = run(small_stack, changed(small_config, epochs=30, learning_rate=1.0, patience=3))
    assert len(reports) == 1 + 3


def test_training_improves_a_start_that_is_far_from_its_best(small_stack, small_config):
    """The start is near the best; with its read-out spoilt, training has something to gain."""
    trainer = Trainer(small_stack, changed(small_config, learning_rate=0.02))
    with torch.no_grad():
        noise = torch.randn(trainer.read.shape, generator=torch.Generator().manual_seed(0))
        trainer.read += 0.5 * trainer.read.std() * noise
    spoilt = trainer.assess().loss
    for epoch in range(1, 9):
        for window in trainer.windows():
            trainer.step(window, epoch)
    assert trainer.assess().loss < 0.99 * spoilt


@pytest.mark.parametrize("step", [1, 3, 9])
def test_stop_ends_within_the_batch(small_stack, small_config, step):
    stop = StopAt(step)
    reports, fitted = run(small_stack, small_config, stop=stop)
    assert stop.left >= -2  # asked before the batch, and after the window
    assert fitted.id == fit(small_stack, changed(small_config, epochs=len(reports) - 1)).id


def test_pixels_are_read_a_few_times_whatever_the_epochs(small_stack, small_config, small_fit, reads_of_start):
    watched = Watched(small_stack.array)
    _, fitted = run(Stack(watched, bad_frames=small_stack.bad_frames), small_config)
    assert watched.reads == reads_of_start + 3
    assert fitted.id == small_fit.id


def test_stop_before_the_first_batch_gives_the_start(small_stack, small_config, start):
    stop = Event()
    stop.set()
    reports, fitted = run(small_stack, small_config, stop=stop)
    assert [r.epoch for r in reports] == [0]
    assert fitted.id == start.id
    assert fit(small_stack, small_config, stop=stop).id == start.id


@pytest.mark.parametrize("share", [0.1, 0.5, 1])
def test_dropped_training_ends_at_once_also_before_its_start_is_there(small_stack, small_config, reads_of_start, share):
    drop, asked = Event(), round(share * reads_of_start)
    watched = Watched(small_stack.array, lambda reads: drop.set() if reads == asked else None)
    with pytest.raises(TrainingError, match="dropped"):
        run(Stack(watched, bad_frames=small_stack.bad_frames), small_config, drop=drop)
    assert watched.reads <= asked + 1


@pytest.mark.parametrize("static", ["mean", "median"])
def test_dropped_while_the_file_is_read(small_config, rng, static):
    drop = Event()
    movie = rng.normal(size=(600, 8, 8)).astype(np.float32)
    watched = Watched(movie, lambda reads: drop.set() if reads == 4 else None)
    config = changed(small_config, latents=2, static=static, frames=None)
    with pytest.raises(TrainingError, match="dropped"):
        run(Stack(watched), config, drop=drop)
    assert watched.reads == 4


def test_dropped_between_epochs_there_is_no_fit(small_stack, small_config):
    stop, drop = Event(), Event()
    steps = train(small_stack, small_config, stop, drop=drop)
    next(steps)
    drop.set()
    stop.set()
    with pytest.raises(TrainingError, match="dropped"):
        list(steps)


def test_stop_between_epochs_keeps_what_was_reached(small_stack, small_config):
    stop = Event()
    steps = train(small_stack, small_config, stop=stop)
    next(steps)
    stop.set()
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value.id == fit(small_stack, changed(small_config, epochs=0)).id


def test_pause_waits_between_batches_and_goes_on(small_stack, small_config, small_fit, monkeypatch):
    pause, phases, seen = Event(), [], []

    def progress(phase, share):
        phases.append(phase)
        if phase == "training":
            pause.set()

    def sleep(seconds):  # time passes only here
        seen.append(phases[-1])
        if len(seen) % 4 == 0:
            pause.clear()

    monkeypatch.setattr(training.time, "sleep", sleep)
    _, fitted = run(small_stack, small_config, pause=pause, progress=progress)
    assert set(seen) == {"training"}
    assert len(seen) == 4 * 4  # before the epochs, and after each
    assert list(dict.fromkeys(phases)) == ["reading", "compressing", "projecting", "finding places", "training"]
    assert fitted.id == small_fit.id


def test_stop_ends_a_pause(small_stack, small_config, start):
    stop, pause = Event(), Event()
    pause.set()
    results = []
    thread = threading.Thread(target=lambda: results.append(run(small_stack, small_config, stop=stop, pause=pause)))
    thread.start()
    stop.set()
    thread.join(timeout=60)
    reports, fitted = results[0]
    assert [r.epoch for r in reports] == [0]
    assert fitted.id == start.id


def test_same_seed_same_fit_and_another_seed_another(small_stack, small_config, small_fit):
    torch.manual_seed(99)
    state = torch.get_rng_state()
    again = fit(small_stack, small_config)
    assert again.id == small_fit.id
    np.testing.assert_array_equal(again.var.coefficients, small_fit.var.coefficients)
    assert torch.equal(torch.get_rng_state(), state)  # the user's random numbers are left alone
    assert fit(small_stack, changed(small_config, seed=1)).id != small_fit.id


def test_the_three_modes_are_three(small_stack, small_config, small_fit):
    ids = {fit(small_stack, changed(small_config, mode=mode)).id for mode in ("stop_gradient", "two_stage")}
    assert len(ids | {small_fit.id}) == 3


def test_two_stages_do_not_heed_the_prediction(small_stack, small_config):
    config = changed(small_config, mode="two_stage", epochs=2)
    reports, fitted = run(small_stack, config)
    assert [r.held_out_loss for r in reports] == pytest.approx([1 - r.reconstruction_fve for r in reports])
    assert fit(small_stack, changed(config, prediction_weight=50, latent_weight=3)).id == fitted.id
    unweighted = changed(config, mode="end_to_end", prediction_weight=0)
    assert fit(small_stack, unweighted).id == fitted.id


def test_the_reconstruction_loss_is_a_mean_over_good_frames(small_stack, small_config):
    trainer = Trainer(small_stack, changed(small_config, mode="two_stage"))
    movie = trainer.movie
    good = trainer.split.good[20:50]
    d = torch.from_numpy(movie.normalisation.apply(small_stack.read(30, 60)[good]))
    assert len(d) == 28
    with torch.no_grad():
        c = movie.traces[30:60][torch.from_numpy(good)]
        z = project(c.transpose(0, 1), trainer.read, trainer.members, 6) @ trainer.unmix
        drawn = movie.expand(draw(z, trainer.drawn, trainer.members).transpose(0, 1))
    within = float((drawn - movie.expand(c)).square().mean())
    assert float(trainer.loss((30, 60)).detach()) == pytest.approx(within, rel=1e-4)
    outside = float((d - movie.expand(c)).square().mean())  # the rest of the error does not depend on the weights
    assert float((d - drawn).square().mean()) == pytest.approx(within + outside, rel=1e-3)


def slopes(trainer: Trainer, weights: torch.nn.Parameter) -> tuple[float, float]:
    """Derivative of the loss along a random direction of some weights: autograd's and the true one."""
    direction = torch.randn(weights.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    direction *= 1e-5 * weights.detach().norm() / direction.norm()

    def loss(move: float) -> torch.Tensor:
        with torch.no_grad():
            weights.add_(direction, alpha=move)
        return trainer.loss((20, 120))

    gradient = torch.autograd.grad(loss(0), weights)[0]
    with torch.no_grad():
        return float((gradient * direction).sum()), float(loss(1) - loss(-2)) / 2


@pytest.mark.parametrize("weight", ["prediction_weight", "latent_weight"])
@pytest.mark.parametrize("weights", ["read", "unmix"])
def test_the_gradient_goes_through_the_estimate_only_end_to_end(small_stack, small_config, weight, weights):
    settings = {"prediction_weight": 0, "latent_weight": 0, "sparsity": "fixed", "penalty": 0.05} | {weight: 1}
    for mode in ("end_to_end", "stop_gradient"):
        trainer = Trainer(small_stack, changed(small_config, mode=mode, **settings))
        trainer.assess()
        trainer.components = trainer.components.double()
        for name in ("drawn", "read", "unmix"):
            setattr(trainer, name, torch.nn.Parameter(getattr(trainer, name).detach().double()))
        computed, true = slopes(trainer, getattr(trainer, weights))
        if mode == "end_to_end":
            assert computed == pytest.approx(true, rel=1e-4)
        else:
            assert abs(computed - true) > 1e-3 * abs(true)


def test_the_estimate_judges_frames_that_it_did_not_see(rng, small_config):
    """On white noise a VAR predicts nothing, and the loss must not be fooled: it is no less than without a VAR."""
    z = torch.from_numpy(rng.normal(size=(60, 6)))
    var = estimate_var(z, 2, 0.0, weights=1.0)
    halves = list(cross_predictions(z, torch.ones(60, dtype=torch.bool), var, small_config))
    assert len(halves) == 2
    for frames, known, ahead in halves:
        assert torch.equal(known, z[frames])
        assert (known - ahead).square().mean() > known.square().mean()


def test_the_prediction_loss_heeds_no_bad_frame(rng, small_config):
    z, good = torch.from_numpy(rng.normal(size=(60, 6))), torch.ones(60, dtype=torch.bool)
    good[[7, 8, 40]] = False
    var = estimate_var(z, 2, 0.1, good)
    before = list(cross_predictions(z, good, var, small_config))
    z[~good] = 1e6
    for one, other in zip(before, cross_predictions(z, good, var, small_config), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def garbage(stack, frames) -> Stack:
    """The movie with huge pixels in some frames."""
    movie = stack.array.astype(np.float32)
    movie[list(frames)] = np.random.default_rng(0).uniform(-1e14, 1e14, (len(frames), *movie.shape[1:]))
    return Stack(movie, bad_frames=stack.bad_frames)


def test_what_bad_frames_hold_changes_nothing(small_stack, small_config, small_fit):
    stack = garbage(small_stack, small_stack.bad_frames)
    other = fit(stack, small_config)
    assert other.id == small_fit.id
    assert other.movie != small_fit.movie
    np.testing.assert_array_equal(other.var.gram, small_fit.var.gram)


def test_frames_outside_the_range_change_nothing(small_stack, small_config, small_fit):
    assert fit(garbage(small_stack, [0, 9, 310, 319]), small_config).id == small_fit.id


def test_a_frame_marked_bad_changes_the_fit(small_stack, small_config, small_fit):
    other = Stack(small_stack.array, bad_frames=small_stack.bad_frames | {100})
    assert fit(other, small_config).id != small_fit.id


def test_the_fit_is_in_the_units_of_the_movie(small_stack, small_config, small_fit):
    bright = Stack(small_stack.array * np.float32(4), bad_frames=small_stack.bad_frames)  # exact in floating point
    other = fit(bright, small_config)
    np.testing.assert_array_equal(other.encode(bright), small_fit.encode(small_stack))
    np.testing.assert_array_equal(other.reconstruct(bright), 4 * small_fit.reconstruct(small_stack))
    np.testing.assert_array_equal(other.var.coefficients, small_fit.var.coefficients)


@pytest.mark.parametrize("settings", [{"static": "median"}, {"order": 1, "sparsity": "cv"}, {"latents": "auto"}])
def test_other_settings_work_too(small_stack, small_config, settings):
    reports, fitted = run(small_stack, changed(small_config, epochs=1, **settings))
    assert reports[0].reconstruction_fve > 0.1
    assert fitted.var.order == fitted.config.order


def test_without_the_skip_the_latents_have_to_carry_the_static_image(small_stack, small_config):
    reports, fitted = run(small_stack, changed(small_config, static_skip=False))
    assert 0 < reports[-1].train_loss < 5
    assert reports[-1].reconstruction_fve > 0.05
    relative = np.abs(fitted.reconstruct(small_stack).mean(0) / fitted.static - 1)
    assert relative.mean() < 0.2


@pytest.mark.parametrize("weights", ["drawn", "read"])
def test_a_loss_that_is_not_finite_is_reported(small_stack, small_config, weights):
    trainer = Trainer(small_stack, small_config)
    trainer.assess()
    with torch.no_grad():
        getattr(trainer, weights)[0, 0, 0] = torch.inf
    with pytest.raises(TrainingError, match=r"epoch 7.*smaller learning rate"):
        trainer.step((50, 100), 7)
    with pytest.raises(TrainingError, match="smaller learning rate"):
        trainer.assess()


def test_frames_without_a_past_are_told(small_stack, small_config):
    with pytest.raises(ValueError, match="good frames are too few"):
        fit(Stack(small_stack.array, bad_frames=range(0, 320, 2)), small_config)
    config = changed(small_config, held_out=0.02)
    runs = Split(small_stack, config).held_out_runs
    torn = {frame for a, b in runs for frame in range(a - 8, b + 8) if frame % 2}
    with pytest.raises(ValueError, match="No held-out frame has 2 good frames before it"):
        fit(Stack(small_stack.array, bad_frames=torn), config)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"latents": 300}, "too many"),
        ({"frames": (300, 330)}, "outside the movie"),
        ({"order": 20, "frames": (0, 100)}, "too few"),
        ({"order": 20, "window": 30}, "too short"),
    ],
)
def test_settings_that_do_not_fit_are_told(small_stack, small_config, settings, words):
    with pytest.raises(ValueError, match=words):
        fit(small_stack, changed(small_config, **settings))


def test_movies_that_cannot_be_used_are_told(small_stack, small_config):
    with pytest.raises(StackError, match="do not vary"):
        fit(Stack(np.ones((320, 30, 35), np.uint8)), small_config)
    holed = small_stack.array.astype(np.float32)
    holed[200, 3, 3] = np.nan
    with pytest.raises(StackError, match="frame 200"):
        fit(Stack(holed), small_config)


def test_two_epochs_on_a_real_recording(recordings):
    stack = Stack(tifffile.imread(recordings / "mouse_tactile_2p.tif"))
    reports, fitted = run(stack, FitConfig(latents=16, epochs=2, device="cpu"))
    assert 2 <= len(reports) <= 3
    assert fitted.shape == (64, 64)
    assert reports[-1].reconstruction_fve > 0
    assert all(np.isfinite([r.held_out_loss, r.prediction_fve, r.latent_r2]).all() for r in reports)


@pytest.mark.long
def test_the_start_beats_pca_on_a_real_recording(recordings):
    """Held-out reconstruction with as many numbers per frame: an autoencoder that loses has no reason to exist."""
    movie = tifffile.imread(recordings / "mouse_somata_2p.tif").astype(np.float32)
    pca = PCA(64, svd_solver="randomized", random_state=0).fit(movie[:1600].reshape(1600, -1))
    later = movie[1600:].reshape(400, -1)
    error = later - pca.inverse_transform(pca.transform(later))
    of_pca = 1 - (error**2).sum(dtype=np.float64) / ((later - pca.mean_) ** 2).sum(dtype=np.float64)
    fitted = fit(Stack(movie), FitConfig(latents=64, epochs=0, frames=(0, 1600), device="cpu"))
    assert evaluate(fitted, Stack(movie), (1600, 2000))["reconstruction_fve"] > of_pca + 0.01


def test_a_movie_that_changes_during_training_is_noted_and_nothing_is_lost(small_stack, small_config, tmp_path):
    array = small_stack.array.copy()
    stack = Stack(Watched(array))
    named = stack.fingerprint()
    steps = train(stack, changed(small_config, epochs=2))
    next(steps)
    array[:] = array[::-1].copy()
    next(steps)
    next(steps)
    with pytest.raises(StopIteration) as end:
        next(steps)
    fitted = end.value.value
    assert fitted.movie == named != stack.fingerprint()
    assert "changed during training" in fitted.notes[0]
    assert load_fit(fitted.save(tmp_path / "fit"), "cpu").notes == fitted.notes


def test_a_movie_that_can_no_longer_be_read_at_the_end_costs_no_fit(small_stack, small_config, reads_of_start):
    def vanish(reads: int) -> None:
        if reads > reads_of_start:
            raise OSError("the drive is gone")

    stack = Stack(Watched(small_stack.array, vanish), bad_frames=small_stack.bad_frames)
    fitted = fit(stack, changed(small_config, epochs=0))
    assert "could no longer be read" in fitted.notes[0]


def test_an_undisturbed_training_has_no_notes(small_fit):
    assert small_fit.notes == ()


def test_the_fit_does_not_depend_on_the_threads_of_the_caller(small_stack, small_config, small_fit):
    """A script uses all cores, a worker of the window leaves one."""
    found = set()
    for count in (1, 2, 3):
        with threads(count):
            found.add(fit(small_stack, small_config).id)
            assert torch.get_num_threads() == count
    assert found == {small_fit.id}
    assert small_fit.config.threads == default_threads()


def test_the_fit_keeps_the_number_of_its_threads(small_stack, small_config):
    fitted = fit(small_stack, changed(small_config, threads=3))
    assert fitted.config.threads == 3
    assert fit(small_stack, fitted.config).id == fitted.id


def test_who_takes_the_reports_computes_on_their_own_threads(small_stack, small_config):
    with threads(2):
        for _report in train(small_stack, changed(small_config, threads=1)):
            assert torch.get_num_threads() == 2


@pytest.mark.long
def test_fits_in_parallel_are_those_made_alone(small_stack, small_config):
    """Also where torch's own generator is in use meanwhile."""
    config = changed(small_config, epochs=1, threads=1)
    alone = [fit(small_stack, changed(config, seed=seed)).id for seed in range(4)]
    torch.manual_seed(7)
    state = torch.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        together = pool.map(lambda seed: fit(small_stack, changed(config, seed=seed)).id, 3 * list(range(4)))
        assert list(together) == 3 * alone
    assert len(set(alone)) == 4
    assert torch.equal(torch.get_rng_state(), state)


def test_no_lag_pair_of_a_fit_crosses_a_break(small_stack):
    """Pairs are counted where the VAR is estimated; what is predicted begins again after each break."""
    breaks = [50, 51, 120, 200]
    stack = small_stack.replace(breaks=breaks)
    settings = FitConfig(latents=6, order=2, epochs=1, window=80, frames=(10, 310))
    broken = fit(stack, settings)
    assert (
        broken.var.n_pairs == FrameSet.of(stack, (10, 310)).n_pairs(2) < FrameSet.of(small_stack, (10, 310)).n_pairs(2)
    )
    unknown = {
        0,
        1,
        *(b + lag for b in breaks for lag in (0, 1)),
        *(b + lag for b in stack.bad_frames for lag in (1, 2)),
    }
    assert set(np.flatnonzero(np.isnan(broken.predict_latents(stack)).any(1)).tolist()) == unknown
    assert np.isnan(broken.predict(stack, (119, 123))).all((1, 2)).tolist() == [False, True, True, False]


def test_the_prediction_loss_crosses_no_break(rng, small_config):
    z, runs = torch.from_numpy(rng.normal(size=(60, 6))), torch.repeat_interleave(torch.tensor([1, 2, 3]), 20)
    var = estimate_var(z, 2, 0.1, runs)
    frames = torch.cat([frames for frames, _, _ in cross_predictions(z, runs, var, small_config)])
    assert sorted(set(range(60)) - set(frames.tolist())) == [0, 1, 20, 21, 30, 31, 40, 41]  # the halves meet at 30


def test_an_epoch_without_a_good_window_ends_the_training(small_stack, small_config):
    few = small_stack.replace(bad_frames=small_stack.bad_frames | {*range(10, 130), *range(170, 300)})
    reports, found = run(few, small_config)  # windows lie at random places, and 50 frames of 300 are good
    assert [report.epoch for report in reports] == list(range(len(reports)))
    assert len(reports) <= small_config.epochs
    assert np.isfinite([report.train_loss for report in reports]).all()
    assert found.latents == small_config.latents
