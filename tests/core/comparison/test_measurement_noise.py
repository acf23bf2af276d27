"""Measurement noise of latents from the pixels, against noise that is known."""

import numpy as np
import pytest
import torch

import napari_varae as nv
from napari_varae.core.comparison.noise import measurement_noise
from napari_varae.core.movie.frame_set import FrameSet


@pytest.fixture(scope="module")
def fitted():
    sim = nv.simulate(nv.SimulationConfig(frames=400, height=32, width=32, cells=5))
    return nv.fit(sim.stack, nv.FitConfig(latents=6, epochs=0)), sim.stack


def test_covariance_is_that_of_encoded_noise(fitted):
    fit, _ = fitted
    variance = torch.rand(fit.shape, generator=torch.Generator().manual_seed(0)) + 0.1
    frames = torch.randn((20_000, *fit.shape), generator=torch.Generator().manual_seed(1)) * variance.sqrt()
    with torch.no_grad():
        drawn = torch.cov(fit.network.encode(frames).T)
    known = fit.network.covariance(variance)
    size = known.diagonal().sqrt()
    assert torch.allclose(drawn / size / size[:, None], known / size / size[:, None], atol=0.04)


def test_noise_that_is_added_is_found(fitted):
    fit, _ = fitted
    rng, size = np.random.default_rng(0), 3 * fit.scale
    clean = fit.static + np.zeros((200, 1, 1), np.float32)
    noisy = nv.Stack(np.float32(clean + size * rng.standard_normal(clean.shape)))
    z = fit.encode(noisy)
    found = measurement_noise(fit, noisy, [FrameSet.of(noisy)])
    np.testing.assert_allclose(np.square(found.of[0].size[0]), z.var(0), rtol=0.35)
    assert 0.9 < found.whiteness[0] < 1.1


def test_each_segment_has_the_noise_of_its_own_frames(fitted):
    fit, _ = fitted
    rng, starts = np.random.default_rng(0), np.arange(0, 240, 20)
    sizes = fit.scale * np.repeat(rng.uniform(1, 4, 12), 20)[:, None, None]
    noisy = nv.Stack(np.float32(fit.static + sizes * rng.standard_normal((240, *fit.shape))))
    sides = [FrameSet.of(noisy, [(int(s), int(s) + 20) for s in part]) for part in (starts[::2], starts[1::2])]
    found = measurement_noise(fit, noisy, sides)
    for side, noise in zip(sides, found.of, strict=True):
        truth = np.array([sizes[start, 0, 0] for start, _ in side.ranges])
        relative = noise.size / truth[:, None]
        np.testing.assert_allclose(relative, np.broadcast_to(relative.mean(0), relative.shape), rtol=0.1)
    alone = measurement_noise(fit, noisy, [FrameSet.of(noisy, [(int(s), int(s) + 20) for s in starts])]).of[0]
    np.testing.assert_allclose(alone.size[::2], found.of[0].size, rtol=1e-6)  # whatever the labels are
    np.testing.assert_allclose(alone.correlation, found.of[0].correlation, atol=1e-6)


def test_a_segment_without_consecutive_frames_has_the_mean_noise(fitted):
    fit, stack = fitted
    frames = FrameSet.of(stack, [(0, 40), (50, 52), (60, 100)])
    size = measurement_noise(fit, stack, [frames]).of[0].size
    np.testing.assert_allclose(np.square(size[1]), np.square(size[::2]).mean(0))


def test_smoothed_frames_are_recognised(fitted):
    fit, _ = fitted
    x = fit.static + np.random.default_rng(0).standard_normal((201, *fit.shape))
    smooth = nv.Stack(np.float32((x[1:] + x[:-1]) / 2))
    assert measurement_noise(fit, smooth, [FrameSet.of(smooth)]).whiteness[0] < 0.6
    found = nv.compare(fit, smooth, (0, 90), (100, 190), resamples=19, power_draws=0, halves=False)
    assert any("independent in time" in warning for warning in found.warnings)


def test_it_is_known_only_from_consecutive_frames(fitted):
    fit, stack = fitted
    pairs = tuple((start, start + 2) for start in range(0, 100, 4))
    assert measurement_noise(fit, stack, [FrameSet(pairs, pairs, 0)]) is None


def test_a_comparison_corrects_and_shows_both(fitted):
    fit, stack = fitted
    found = nv.compare(fit, stack, (0, 190), (200, 400), resamples=19, power_draws=0)
    assert found.uncorrected is not None
    assert "With measurement noise left in (19 resamples)" in found.methods_text()
    assert found.as_dict()["without_noise_correction"]["coupling"]["p_value"] == found.uncorrected.coupling.p_value
    plain = nv.compare(fit, stack, (0, 190), (200, 400), resamples=19, power_draws=0, correct_noise=False)
    assert plain.uncorrected is None
    assert plain.statistic == found.uncorrected.statistic
