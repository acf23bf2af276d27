"""Driver maps frame by frame, and the mean frame that maps of one movie share."""

import numpy as np
import pytest

import napari_varae as nv
from napari_varae.core.maps.frames import _means, mean_distance


@pytest.fixture(scope="module")
def recording():
    return nv.simulate(nv.SimulationConfig(frames=120, height=32, width=32, cells=4, soma_radius=3, seed=0)).stack


@pytest.fixture(scope="module", params=["footprints", "convolutional"])
def fit(request, recording):
    return nv.fit(recording, nv.FitConfig(network=request.param, latents=4, epochs=1, sparsity="fixed", penalty=0.01))


def strongest(fit):
    links = fit.var.coefficients[0] * (1 - np.eye(fit.latents))
    target, source = np.unravel_index(np.abs(links).argmax(), links.shape)
    return 1, int(target), int(source)


def test_their_mean_is_the_driver_map(recording, fit):
    for subject in ({}, {"edge": strongest(fit)}, {"target": 2, "own_past": True}):
        frames = nv.FrameContributions(fit, recording, **subject)(10, 20)
        steps = 1 if fit.network.linear else nv.FrameContributions(fit, recording, **subject)._chosen_steps()
        whole = nv.contribution_map(fit, recording, frames=(10, 20), steps=steps, **subject)
        np.testing.assert_allclose(frames.mean(0), whole, rtol=1e-3, atol=1e-5 * np.abs(whole).max())


def test_bad_frames_have_none(recording, fit):
    frames = nv.FrameContributions(fit, recording.replace(bad_frames=[11]), own_past=True)(10, 13)
    assert np.isnan(frames[1]).all()
    assert np.isfinite(frames[[0, 2]]).all()


def test_without_links_nothing_contributes(recording, fit):
    frames = nv.FrameContributions(fit.with_penalty(1.0), recording)(0, 2)
    assert not frames.any()


def test_the_mean_frame_is_read_once_for_each_movie(recording, fit):
    chosen = np.arange(0, 120, 3)
    first = mean_distance(fit, recording, chosen, True)
    assert mean_distance(fit.with_penalty(0.3), recording, chosen, True) is first  # the network is the same
    other = nv.Stack(np.asarray(recording.array) + 50)
    assert mean_distance(fit, other, chosen, True).mean() > first.mean()
    for n in range(20, 40):
        mean_distance(fit, recording, np.arange(n), True)
    assert len(_means[fit.network]) <= 8


def test_an_effect_map_from_known_latents_is_the_same(recording, fit):
    given = nv.contribution_map(fit, recording, kind="effect", own_past=True, latents=fit.encode(recording))
    np.testing.assert_allclose(given, nv.contribution_map(fit, recording, kind="effect", own_past=True), rtol=1e-4)
