"""One path from a movie to a comparison: settings, frame sets, latents, and the stop that ends it."""

import threading
import time

import numpy as np
import pytest
from scipy.signal import lfilter

import napari_varae as nv
from napari_varae.core.comparison.inference.segments import Segments
from napari_varae.errors import StoppedError

T, K = 2400, 6


@pytest.fixture(scope="module")
def fitted():
    """A fit, and a longer movie of the same image size that nobody has to read."""
    stack = nv.simulate(nv.SimulationConfig(frames=300, height=24, width=24, cells=4)).stack
    fit = nv.fit(stack, nv.FitConfig(latents=K, epochs=0))
    return fit, nv.Stack(np.tile(stack.read(), (T // 300, 1, 1)))


def marked(stack, bad):
    return nv.Stack(stack.array, bad_frames=bad)


def slow(rng, n=T):
    """AR(1) with 0.97."""
    return lfilter([1], [1, -0.97], rng.normal(size=(n + 200, K)), axis=0)[200:]


def test_bad_frames_do_not_make_slow_latents_look_independent(fitted):
    """Runs between bad frames lie side by side: counted as far apart, they were worth four times as many frames."""
    fit, stack = fitted
    z = slow(np.random.default_rng(0))
    settings = {"resamples": 19, "power_draws": 0, "halves": False, "latents": z}
    whole = nv.compare(fit, stack, (0, 1190), (1200, T), **settings).test.effective_frames
    gaps = nv.compare(fit, marked(stack, range(0, T, 10)), (0, 1190), (1200, T), **settings).test.effective_frames
    assert gaps == pytest.approx(whole, rel=0.15)
    apart = Segments.apart([z[start + 1 : start + 10] for start in range(0, 1190, 10)]).effective_frames
    assert apart > 3 * gaps[0]


def test_a_caution_survives_bad_frames(fitted):
    """Events of 40 frames that no VAR describes, 800 frames a range, and every tenth of them bad."""
    fit, stack = fitted
    for seed in range(4):
        rng = np.random.default_rng(seed)
        z = rng.normal(size=(T, K))
        for start in rng.integers(0, T - 40, 144):
            z[start : start + 40, rng.integers(K)] += rng.exponential(6) * np.sin(np.linspace(0, np.pi, 40)) ** 2
        for bad in ([], range(0, T, 10)):
            found = nv.compare(
                fit, marked(stack, bad), (0, 800), (810, 1610), latents=z, resamples=19, power_draws=0, halves=False
            )
            assert any("The latents are not a VAR of order" in warning for warning in found.warnings), (seed, bad)


def test_many_short_segments_take_no_more_memory_than_their_frames():
    """Padded to the longest one they would take gigabytes."""
    import tracemalloc

    segments = [np.zeros((12, 3))] * 3000 + [np.zeros((20_000, 3))]
    for i, z in enumerate(segments):
        segments[i] = np.random.default_rng(i).normal(size=z.shape)
    tracemalloc.start()
    assert Segments.apart(segments).effective_frames == pytest.approx(56_000, rel=0.05)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_settings_come_as_an_object_or_one_by_one(fitted):
    z = np.random.default_rng(0).normal(size=(2, 120, 3))
    config = nv.ComparisonConfig(resamples=39, seed=4, power_draws=0, blocks=5)
    by_object = nv.compare_latents(*z, config=config)
    by_name = nv.compare_latents(*z, resamples=39, seed=4, power_draws=0, blocks=5)
    assert by_object.config == by_name.config == config
    assert by_object.as_dict() == by_name.as_dict()
    assert nv.compare_latents(*z, 1, config, seed=5).config == config.changed(seed=5)
    with pytest.raises(TypeError, match=r"no setting resample\. Choose among resamples, seed"):
        nv.compare_latents(*z, resample=99)
    with pytest.raises(TypeError, match="config=999 must be a ComparisonConfig"):
        nv.compare_latents(*z, 1, 999)
    with pytest.raises(TypeError, match="no setting stretches"):
        nv.compare(*fitted, (0, 100), (200, 300), stretches=8)


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_the_settings_refuse_what_the_run_would(blocks):
    with pytest.raises(ValueError, match=f"blocks={blocks} must be at least 4, or 0 to leave"):
        nv.ComparisonConfig().changed(blocks=blocks)
    with pytest.raises(ValueError, match="must be at least 4"):
        nv.ComparisonConfig(blocks=blocks)


@pytest.mark.parametrize("exponent", [-900, 530])
def test_latents_of_any_size_are_compared(exponent):
    z = np.random.default_rng(0).normal(size=(2, 120, 3)).cumsum(1)
    plain, scaled = (nv.compare_latents(*part, resamples=19, power_draws=0) for part in (z, np.ldexp(z, exponent)))
    for name in plain.edges.dtype.names:
        np.testing.assert_array_equal(scaled.edges[name], plain.edges[name])
    np.testing.assert_array_equal(scaled.test.scale, np.ldexp(plain.test.scale, exponent))


class Reads:
    """A movie that counts its reads, and lets something happen at one of them."""

    def __init__(self, array, at=None, then=None):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.count, self.at, self.then = 0, at, then
        self.frames = np.zeros(len(array), int)

    def __getitem__(self, frames):
        self.count += 1
        self.frames[frames] += 1
        if self.count == self.at:
            self.then()
        return self.array[frames]


def test_a_stop_while_the_movie_is_encoded_ends_the_comparison(fitted):
    fit, stack = fitted
    stop = threading.Event()
    movie = Reads(stack.array, at=2, then=stop.set)
    with pytest.raises(StoppedError, match="while the movie was encoded"):
        nv.compare(fit, nv.Stack(movie), (0, 1000), (1100, T), stop=stop)
    assert movie.count == 2


def test_a_placebo_encodes_each_frame_once(fitted):
    fit, stack = fitted
    movie = Reads(stack.array)
    p_values = nv.placebo(fit, nv.Stack(movie), lengths=(300, 300), within=(0, 1000), repeats=5, resamples=19)
    assert len(p_values) == 5
    movie.frames[[0, T // 2, T - 1]] = 0  # the fingerprint
    assert movie.frames.max() <= 3  # pieces of 256 frames may overlap by a part, and noise is read
    assert not movie.frames[1001:-1].any()


def test_a_placebo_goes_on_after_a_pair_with_too_few_good_frames(fitted):
    """Half of the movie is bad."""
    fit, stack = fitted
    z = np.random.default_rng(0).normal(size=(T, K))
    settings = {"lengths": (60, 60), "repeats": 6, "resamples": 19, "latents": z}
    assert len(nv.placebo(fit, marked(stack, range(1200, T)), within=(0, T), **settings)) == 6
    with pytest.raises(ValueError, match=r"100 pairs in a row could not be compared.*Range . has 0 good frames"):
        nv.placebo(fit, marked(stack, range(T)), **settings)


def test_a_placebo_stops_within_a_pair(fitted):
    """In less than a second, though one pair would take longer; what it had not finished does not count."""
    fit, stack = fitted
    z, stop = slow(np.random.default_rng(1)), threading.Event()
    nv.placebo(fit, stack, lengths=(100, 100), repeats=1, resamples=19, latents=z)  # compiled from here on
    told, stopped = [], []

    def end():
        stopped.append(time.perf_counter())
        stop.set()

    timer = threading.Timer(0.5, end)
    timer.start()
    found = nv.placebo(
        fit, stack, lengths=(1100, 1100), repeats=2, resamples=100_000, latents=z, stop=stop, progress=told.append
    )
    assert time.perf_counter() - stopped[0] < 1
    assert len(found) == len(told) == 0
