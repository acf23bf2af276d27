"""Simulated recordings: the truth that they state is the truth of their pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import ndimage
from scipy.stats import skew, spearmanr

from napari_varae.core.simulation.settings import SimulationConfig
from napari_varae.core.simulation.simulate import BRIGHT, OFFSET, Simulation, simulate

CALM = {"neuropil": 0, "bleaching": 0, "jitter": 0}
"""Settings that leave nothing but the cells to change."""
LOWEST_INNOVATION = -np.sqrt(0.5)
"""Gamma-distributed events of shape 1/2, centred and of variance 1, go no lower."""


@pytest.fixture(scope="module")
def default() -> Simulation:
    return simulate()


def companion(coefficients: np.ndarray) -> np.ndarray:
    p, n, _ = coefficients.shape
    matrix = np.zeros((p * n, p * n))
    matrix[:n] = np.hstack(list(coefficients))
    matrix[n:, :-n] = np.eye((p - 1) * n)
    return matrix


def innovations(traces: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    p = len(coefficients)
    past = [traces[p - k : len(traces) - k] @ coefficients[k - 1].T for k in range(1, p + 1)]
    return traces[p:] - sum(past)


def test_shapes_and_types(default: Simulation):
    t, y, x, n = 1000, 64, 64, 16
    assert default.stack.shape == default.clean.shape == (t, y, x)
    assert default.stack.dtype == np.uint16
    assert (default.stack.frame_rate, default.stack.pixel_size) == (10.0, 1.0)
    assert default.static.shape == (y, x)
    assert default.traces.shape == (t, n)
    assert default.footprints.shape == (n, y, x)
    assert default.coefficients.shape == (1, n, n)
    assert default.coefficients_after is None
    assert default.shifts.shape == (t, 2)
    assert default.distractor_footprints.shape == (0, y, x)
    assert ((default.centres >= 0) & (default.centres < (y, x))).all()


def test_same_settings_same_recording(default: Simulation):
    again, other = simulate(SimulationConfig()), simulate(SimulationConfig(seed=1))
    np.testing.assert_array_equal(again.stack.array, default.stack.array)
    assert not np.array_equal(other.traces, default.traces)
    assert not np.array_equal(other.static, default.static)


def test_more_light_changes_only_the_noise(default: Simulation):
    brighter = simulate(SimulationConfig(photons=1000))
    for name in ("traces", "footprints", "coefficients", "static", "clean", "shifts"):
        np.testing.assert_array_equal(getattr(brighter, name), getattr(default, name))
    noise = [np.std(s.stack.array - s.static - s.clean) for s in (default, brighter)]
    assert noise[1] < noise[0] / 5


def test_distractors_leave_the_cells_alone(default: Simulation):
    crowded = simulate(SimulationConfig(distractors=4))
    np.testing.assert_array_equal(crowded.traces, default.traces)
    np.testing.assert_array_equal(crowded.footprints, default.footprints)
    assert crowded.distractor_footprints.shape == (4, 64, 64)


def test_nothing_but_cells_moves_in_calm_tissue():
    sim = simulate(SimulationConfig(frames=200, **CALM))
    cells = np.tensordot(sim.traces, sim.footprints, axes=1)
    np.testing.assert_allclose(sim.clean, cells - cells.mean(axis=0), atol=1e-3 * BRIGHT)


@pytest.mark.parametrize(("order", "change_at"), [(1, None), (3, None), (2, 400)])
def test_traces_follow_the_var(order: int, change_at: int | None):
    sim = simulate(SimulationConfig(frames=1000, order=order, change_at=change_at, height=96, width=96, cells=30))
    parts = [(sim.traces[:change_at], sim.coefficients)]
    if change_at is not None:
        parts.append((sim.traces[change_at - order :], sim.coefficients_after))
    errors = np.concatenate([innovations(*part) for part in parts])
    assert len(errors) == 1000 - order
    assert errors.min() >= LOWEST_INNOVATION - 1e-9
    assert errors.min() < LOWEST_INNOVATION + 1e-3
    assert abs(errors.mean()) < 0.03
    assert abs(errors.var() - 1) < 0.1
    assert any(sim.coefficients[lag][~np.eye(30, dtype=bool)].any() for lag in range(order))


def test_wrong_coefficients_would_show():
    sim = simulate(SimulationConfig(frames=1000, change_at=400, change_share=1))
    assert innovations(sim.traces[400:], sim.coefficients).min() < LOWEST_INNOVATION - 0.1


@given(
    cells=st.integers(1, 40), order=st.integers(1, 3), density=st.floats(0, 1), decay=st.floats(0, 0.99),
    coupling=st.floats(0, 0.99), change=st.booleans(), seed=st.integers(0, 1000),
)  # fmt: skip
@examples(max_examples=30)
def test_every_graph_is_stable_and_as_dense_as_asked(cells, order, density, decay, coupling, change, seed):
    size = {"frames": 20, "height": 80, "width": 80}
    change = change and round(density * cells * (cells - 1)) > 0
    config = SimulationConfig(
        cells=cells, order=order, density=density, decay=decay, coupling=coupling, seed=seed,
        change_at=10 if change else None, **size,
    )  # fmt: skip
    sim = simulate(config)
    others = ~np.eye(cells, dtype=bool)
    for coefficients in filter(lambda a: a is not None, (sim.coefficients, sim.coefficients_after)):
        assert np.abs(np.linalg.eigvals(companion(coefficients))).max() < 1
        np.testing.assert_array_equal(np.diagonal(coefficients[0]), decay)
        assert (coefficients[1:][:, ~others] == 0).all()
        assert np.abs(coefficients[:, others]).max(initial=0) <= coupling
    edges = (sim.coefficients[:, others] != 0).sum()
    assert edges == (config.edges if coupling else 0)
    np.testing.assert_array_equal(sim.drivers, np.flatnonzero((sim.coefficients.any(axis=0) & others).any(axis=0)))


def test_drivers_are_a_part_of_the_cells(default: Simulation):
    assert 0 < len(default.drivers) <= 6
    assert np.abs(default.coefficients[0][:, default.drivers]).sum() > 0.7 * len(default.drivers)


def test_a_change_rewires_the_asked_share_and_keeps_the_rest():
    sim = simulate(SimulationConfig(frames=100, cells=20, density=0.1, change_at=50, change_share=0.25))
    before, after = sim.coefficients, sim.coefficients_after
    kept = (before != 0) & (after != 0)
    np.testing.assert_array_equal(before[kept], after[kept])
    others = ~np.eye(20, dtype=bool)
    assert (before[:, others] != 0).sum() == (after[:, others] != 0).sum() == 38
    assert kept[:, others].sum() == 38 - 10


def test_shot_noise_grows_with_brightness(default: Simulation):
    gain = BRIGHT / default.config.photons
    noise = default.stack.array - default.static - default.clean
    expected = gain * (default.static - OFFSET) + (0.3 * gain) ** 2 + 1 / 12
    ratio = noise.var(axis=0) / expected
    assert abs(np.median(ratio) - 1) < 0.02
    bright = default.static > np.percentile(default.static, 90)
    assert abs(ratio[bright].mean() - 1) < 0.03
    assert abs(noise.mean()) < 0.01 * BRIGHT / np.sqrt(default.config.photons)


def test_cells_stand_out_in_variance(default: Simulation):
    variance = default.stack.array.var(axis=0)
    peaks = default.footprints.max(axis=(1, 2), keepdims=True)
    bodies = default.footprints > 0.5 * peaks
    outside = variance[(default.footprints < 0.02 * peaks).all(axis=0)]
    bright = np.flatnonzero(peaks.ravel() >= np.median(peaks))  # as in life, dim cells drown in noise
    assert all(np.median(variance[bodies[cell]]) > 2 * np.median(outside) for cell in bright)


def test_signal_is_the_asked_share_of_brightness():
    still = simulate(SimulationConfig(frames=50, signal=0, **CALM))
    lively = simulate(SimulationConfig(frames=50, signal=0.3, **CALM))
    assert np.ptp(still.clean, axis=0).max() == pytest.approx(0, abs=1e-2)
    swing = (lively.footprints * lively.traces.std(axis=0)[:, None, None]).max(axis=(1, 2))
    assert np.all((swing > 0.3 * 0.25 * BRIGHT) & (swing < 0.3 * 2.5 * BRIGHT))


@pytest.mark.parametrize(("share", "dark"), [(0.0, False), (1.0, True)])
def test_rings_have_a_dark_middle(share: float, dark: bool):
    sim = simulate(SimulationConfig(frames=20, height=128, width=128, ring_share=share, jitter=0))
    inside = [((c > 8) & (c < 119)).all() for c in sim.centres]
    dim = []
    for centre, footprint in zip(sim.centres[inside], sim.footprints[inside], strict=True):
        y, x = np.rint(centre).astype(int)
        middle = footprint[y - 1 : y + 2, x - 1 : x + 2].mean()
        dim.append(middle < 0.75 * np.percentile(footprint[footprint > 0.3 * footprint.max()], 80))
    assert len(dim) > 5
    assert np.mean(dim) > 0.8 if dark else np.mean(dim) < 0.2


def test_cells_keep_apart_where_there_is_room():
    sim = simulate(SimulationConfig(frames=20, height=128, width=128, distractors=4))
    distance = np.hypot(*(sim.centres[:, None] - sim.centres[None]).transpose(2, 0, 1))
    assert distance[~np.eye(16, dtype=bool)].min() > 2 * 4.5


def test_bleaching_takes_the_asked_share():
    sim = simulate(SimulationConfig(frames=400, bleaching=0.4, neuropil=0, jitter=0, signal=0))
    light = (sim.static + sim.clean - OFFSET).mean(axis=(1, 2))
    assert light[-1] / light[0] == pytest.approx(0.6, abs=0.002)
    assert np.all(np.diff(light) < 0)


def test_tissue_moves_by_the_stated_shifts():
    sim = simulate(SimulationConfig(frames=60, jitter=1.5, signal=0, neuropil=0, bleaching=0))
    images = sim.static + sim.clean
    inner = (slice(8, -8), slice(8, -8))
    for before, after, step in zip(images[:-1], images[1:], np.diff(sim.shifts, axis=0), strict=True):
        if np.hypot(*step) > 1:
            followed = ndimage.shift(before, step, order=1)[inner] - after[inner]
            assert np.square(followed).mean() < 0.5 * np.square(before - after)[inner].mean()


def test_distractors_flicker_without_a_rule_and_cells_do_not():
    sim = simulate(SimulationConfig(frames=2000, distractors=6))

    def persistence(traces: np.ndarray) -> np.ndarray:
        return np.array([np.corrcoef(x[1:], x[:-1])[0, 1] for x in traces.T])

    assert np.abs(persistence(sim.distractor_traces)).max() < 0.1
    assert persistence(sim.traces).min() > 0.5
    between = np.corrcoef(np.hstack([sim.distractor_traces, sim.traces]).T)[:6]
    assert np.abs(between[~np.eye(6, 22, dtype=bool)]).max() < 0.12


def test_neuropil_fluctuates_as_one():
    sim = simulate(SimulationConfig(frames=600, signal=0, neuropil=0.5, bleaching=0, jitter=0))
    mean = sim.clean.mean(axis=(1, 2))
    assert np.corrcoef(mean, sim.neuropil)[0, 1] > 0.999


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"cells": 100}, "do not fit"),
        ({"height": 16, "width": 16}, "do not fit"),
        ({"cells": 30, "distractors": 60}, "do not fit"),
        ({"pixel_size": 10}, "smaller than a pixel"),
        ({"height": 16, "width": 256, "soma_radius": 20}, "wider than an image of 16 x 256"),
        ({"change_at": 1000}, "outside the movie"),
        ({"change_at": 10, "density": 0}, "no edge to change"),
        ({"change_at": 10, "cells": 1}, "no edge to change"),
        ({"frames": 1_000_000, "height": 1024, "width": 1024}, "GB of memory"),
        ({"cells": 0}, "greater than or equal to 1"),
        ({"colour": "green"}, "Extra inputs"),
    ],
)
def test_impossible_settings_say_why(wrong: dict, message: str):
    with pytest.raises(ValidationError, match=message):
        SimulationConfig(**wrong)


def test_the_fullest_image_still_finds_places():
    full = SimulationConfig(frames=20, height=32, width=32, cells=12)
    sim = simulate(full)
    assert ((sim.centres >= 0) & (sim.centres < 32)).all()
    assert len(np.unique(sim.centres, axis=0)) == 12


@given(
    photons=st.floats(1, 1e6), signal=st.floats(0, 10), neuropil=st.floats(0, 10), bleaching=st.floats(0, 0.99),
    jitter=st.floats(0, 10), radius=st.floats(1, 6), seed=st.integers(0, 2**63),
)  # fmt: skip
@examples(max_examples=20)
def test_extreme_settings_still_give_pixels(photons, signal, neuropil, bleaching, jitter, radius, seed):
    sim = simulate(
        SimulationConfig(
            frames=20, height=24, width=40, cells=4, distractors=2, photons=photons, signal=signal, neuropil=neuropil,
            bleaching=bleaching, jitter=jitter, soma_radius=radius, seed=seed,
        )
    )  # fmt: skip
    assert sim.stack.read().shape == (20, 24, 40)
    assert np.isfinite(sim.clean).all()
    assert np.abs(sim.clean.mean(axis=0)).max() < 1e-3 * (1 + np.abs(sim.clean).max())
    assert (sim.static + sim.clean >= OFFSET * 0.99).all()


def test_a_saturating_indicator_compresses_large_transients_and_keeps_their_order():
    settings = {**CALM, "signal": 0.2}
    linear, saturating = (simulate(SimulationConfig(**settings, saturation=s)) for s in (0.0, 3.0))
    np.testing.assert_array_equal(linear.traces, saturating.traces)
    shapes = linear.footprints.reshape(len(linear.footprints), -1)
    shown = [
        np.linalg.lstsq(shapes.T, sim.clean.reshape(len(sim.clean), -1).T, rcond=None)[0]
        for sim in (linear, saturating)
    ]
    for truth, straight, bent in zip(linear.traces.T, *shown, strict=True):
        order = np.argsort(truth)
        assert np.corrcoef(truth, straight)[0, 1] > 0.999
        assert skew(bent) < 0.6 * skew(straight)
        assert spearmanr(truth, bent)[0] > 0.99
        assert np.all(np.diff(bent[order][::20]) > 0)


def test_brightness_multiplies_the_whole_image():
    steady, changing = (simulate(SimulationConfig(**CALM, brightness=b)) for b in (0.0, 0.1))
    before, after = (sim.static + sim.clean - OFFSET for sim in (steady, changing))
    factor = after / before
    assert np.ptp(factor, axis=(1, 2)).max() < 1e-3
    assert factor.mean((1, 2)).std() == pytest.approx(0.1, rel=0.5)
    np.testing.assert_array_equal(steady.traces, changing.traces)
