"""The warm start of the convolutional network: which site a place gets, and what is learned from footprints."""

import itertools

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

import napari_varae as nv
from napari_varae.core.autoencoder.convolutional import ConvolutionalNetwork
from napari_varae.core.training.imitation import make_trainer, sites


def config(**changes) -> nv.FitConfig:
    known = {"network": "convolutional", "latents": 12, "channels": 4, "window": 80, "epochs": 0, "frames": (0, 260)}
    return nv.FitConfig(**(known | changes))


def test_places_get_the_sites_with_the_least_sum_of_squared_distances(rng):
    network = ConvolutionalNetwork((24, 36), 6)
    channels, h, w = network.map
    assert channels * h * w == 6
    centres = [((i + 0.5) * 24 / h, (j + 0.5) * 36 / w) for _c in range(channels) for i in range(h) for j in range(w)]
    places = rng.uniform(0, 1, (6, 2)) * (24, 36)
    found = sites(network, places)
    assert sorted(found) == list(range(6))
    cost = cdist(places, centres, "sqeuclidean")
    least = min(cost[np.arange(6), order].sum() for order in itertools.permutations(range(6)))
    assert cost[np.arange(6), found].sum() == pytest.approx(least)
    if channels == 1:
        order = rng.permutation(6)
        assert sites(network, np.array(centres)[order]).tolist() == order.tolist()


def test_a_latent_without_a_place_takes_the_site_that_is_left(rng):
    network = ConvolutionalNetwork((24, 36), 6)
    places = rng.uniform(0, 1, (6, 2)) * (24, 36)
    places[2] = np.nan
    found = sites(network, places)
    assert sorted(found) == list(range(6))
    kept = np.delete(np.arange(6), 2)
    shifted = sites(network, np.concatenate([places[kept], [[np.nan, np.nan]]]))
    assert found[kept].tolist() == shifted[:-1].tolist()


@pytest.mark.long
@pytest.mark.parametrize("skip", [True, False])
def test_a_warm_start_has_the_latents_of_footprints_and_draws_better(recording, skip):
    def start(**changes) -> nv.Fit:
        return nv.fit(recording.stack, config(static_skip=skip, **changes))

    def related(fit: nv.Fit) -> float:
        """Mean over latents of the model of the largest correlation with a latent, in frames that were not seen."""
        z = np.hstack([each.encode(recording.stack, (260, 320)) for each in (fit, model)])
        return float(np.abs(np.corrcoef(z, rowvar=False)[:12, 12:]).max(0).mean())

    model = start(network="footprints", window=None)
    warm, cold = start(initial="footprints"), start()
    assert related(warm) > max(0.75, related(cold) + 0.1)
    assert warm.history[0].reconstruction_fve > cold.history[0].reconstruction_fve + 0.5


@pytest.mark.long
def test_bad_frames_are_not_imitated_and_phases_are_reported(recording):
    frames = recording.stack.read()
    broken = frames.copy()
    broken[50:60] = 1e6
    phases = []
    made = make_trainer(
        nv.Stack(broken, bad_frames=range(50, 60)),
        config(initial="footprints"),
        progress=lambda *seen: phases.append(seen),
    )
    emptied = frames.copy()
    emptied[50:60] = 0
    other = make_trainer(nv.Stack(emptied, bad_frames=range(50, 60)), config(initial="footprints"))
    for one, same in zip(made.network.parameters(), other.network.parameters(), strict=True):
        assert torch.equal(one, same)
    imitating = [share for phase, share in phases if phase == "imitating footprints"]
    assert imitating == sorted(imitating)
    assert imitating[0] == 0


@pytest.mark.long
def test_a_fit_with_a_warm_start_is_saved_and_comes_back(recording, tmp_path):
    fit = nv.fit(recording.stack, config(initial="footprints", epochs=1))
    fit.save(tmp_path / "warm.varae")
    again = nv.load_fit(tmp_path / "warm.varae")
    assert again.config.initial == "footprints"
    assert again.config.network == "convolutional"
    np.testing.assert_array_equal(again.encode(recording.stack), fit.encode(recording.stack))
