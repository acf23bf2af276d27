"""Odd frames are found whatever is odd about them, and ordinary ones are not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_varae.core.movie.odd_frames import OddFrames, Watch, odd_notes
from napari_varae.core.simulation.settings import SimulationConfig
from napari_varae.core.simulation.simulate import simulate


@pytest.fixture(scope="module")
def frames():
    settings = SimulationConfig(frames=240, height=64, width=72, cells=12, seed=4)
    return np.asarray(simulate(settings).stack.read())


def look(frames, good=None, static=True):
    watch = Watch(frames.mean(0) if static else None)
    for first in range(0, len(frames), 50):
        watch.add(frames[first : first + 50])
    return watch.find(good)


def test_each_kind_is_found(frames):
    odd = frames.copy()
    odd[20] *= 1000
    odd[90] = 0
    odd[150] = np.roll(odd[150], 9, 1)
    odd[151] = np.roll(odd[151], -7, 0)
    watch = Watch(frames.mean(0))
    watch.add(odd)
    found = watch.find()
    assert found.kinds == {20: "bright", 90: "dark", 150: "displaced", 151: "displaced"}
    np.testing.assert_allclose(found.means[:20], odd[:20].mean((1, 2)), rtol=0.02)
    assert found.unmarked([20, 90]) == {150: "displaced", 151: "displaced"}


def test_large_shifts_by_registration_are_odd(frames):
    """The image of a registered movie is in place; what registration had to do is known from its shifts."""
    shifts = np.cumsum(np.random.default_rng(0).normal(0, 0.2, (len(frames), 2)), 0)  # slow drift is not odd
    calm = Watch(frames.mean(0), shifts)
    calm.add(frames)
    assert calm.find().kinds == {}
    jumped = shifts.copy()
    jumped[[50, 51, 170], 0] += 12
    watch = Watch(frames.mean(0), jumped)
    watch.add(frames)
    assert watch.find().kinds == dict.fromkeys((50, 51, 170), "displaced")
    good = np.ones(len(frames), dtype=bool)
    good[170] = False
    assert watch.find(good).kinds == dict.fromkeys((50, 51), "displaced")


def test_ordinary_frames_are_not_odd(frames):
    assert look(frames).kinds == {}
    event = frames.copy()
    event[60:64] *= 1.2  # a transient of the whole image
    assert look(event, static=False).kinds == {}


def test_slow_drift_is_not_odd(frames):
    drifting = np.stack([np.roll(frame, t * 6 // len(frames), 0) for t, frame in enumerate(frames)])
    assert look(drifting).kinds == {}


def test_bad_frames_are_neither_odd_nor_the_measure(frames):
    odd, good = frames.copy(), np.ones(len(frames), dtype=bool)
    odd[::3], good[::3] = 1e6, False
    assert look(odd, good, static=False).kinds == {}
    odd[4] = 0
    assert look(odd, good, static=False).kinds == {4: "dark"}


def test_what_is_usual_is_not_known_from_a_few_frames(frames):
    few = frames[:10].copy()
    few[3] *= 1000
    assert look(few).kinds == {}


@given(st.integers(8, 20), st.integers(8, 20), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_any_movie_can_be_looked_at(height, width, n, seed):
    frames = np.random.default_rng(seed).normal(size=(n, height, width)).astype(np.float32)
    assert look(frames).means.shape == (n,)
    assert look(np.zeros_like(frames)).kinds == {}


def test_notes_are_of_frames_within_ranges():
    odd = OddFrames(np.zeros(50, np.float32), {3: "bright", 30: "dark"})
    assert odd_notes(odd, [], [(0, 10), (40, 50)])[0].startswith("1 frame is odd: 3.")
    assert odd_notes(odd, [3], [(0, 10)]) == odd_notes(None, [], [(0, 10)]) == []
