"""Contribution maps: they add up, agree with brute force, and find the cells that drive others."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from napari_varae.core.autoencoder.convolutional import ConvolutionalNetwork
from napari_varae.core.autoencoder.network import Network
from napari_varae.core.comparison.compare import compare
from napari_varae.core.comparison.difference_map import difference_map
from napari_varae.core.comparison.result import Comparison
from napari_varae.core.fit.fit import Fit
from napari_varae.core.maps import contribution
from napari_varae.core.maps.contribution import contribution_map
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.simulation.simulate import Simulation, simulate
from napari_varae.core.training.train import fit
from napari_varae.errors import StoppedError

FRAMES = (30, 150)


def with_network(fit: Fit, network: Network) -> Fit:
    """The fit with another network, and a VAR of many coefficients on latents of other deviations."""
    return replace(fit, network=network, var=replace(fit.var.at(0.0), scale=np.linspace(0.5, 2, fit.latents)))


@pytest.fixture(scope="module")
def crowded(small_fit) -> Fit:
    """An encoder that is not linear."""
    random = torch.Generator().manual_seed(0)
    network = ConvolutionalNetwork(small_fit.shape, small_fit.latents, 4, random=random)
    network.static.copy_(small_fit.network.static)
    return with_network(small_fit, network.eval().requires_grad_(False))


@pytest.fixture(scope="module")
def linear(small_fit) -> Fit:
    """Filters only."""
    return with_network(small_fit, small_fit.network)


def filters(network: Network) -> np.ndarray:
    """What a linear encoder reads, shape (K, Y X): its answer to each pixel."""
    pixels = network.image[0] * network.image[1]
    with torch.no_grad():
        return network.encode(torch.eye(pixels).view(pixels, *network.image)).T.numpy()


@pytest.fixture(scope="module")
def default_sim() -> Simulation:
    return simulate()


@pytest.fixture(scope="module")
def default_fit(default_sim) -> Fit:
    return fit(default_sim.stack, FitConfig(latents=24, epochs=2, device="cpu"))


def close(a, b, share: float = 1e-4) -> bool:
    return bool(np.abs(a - b).max() <= share * np.abs(b).max())


def change_explained(fit: Fit, stack: Stack, target: int) -> float:
    """Mean change of the prediction of a latent from the static image to the frames of a movie, all lags together."""
    row = fit.var.coefficients[:, target].sum(0) / fit.var.scale
    static = fit.encode(Stack(np.stack(2 * [fit.static])))[0]
    return float(((fit.encode(stack) - static) @ row).mean())


def test_gradient_times_input_is_complete_for_a_linear_encoder(linear, small_stack):
    some = Stack(small_stack.read(50, 60))
    whole = change_explained(linear, some, 2)
    assert contribution_map(linear, some, target=2, own_past=True).sum() == pytest.approx(whole, rel=1e-3)


def test_the_driver_map_is_gradient_times_input(crowded, small_stack):
    """Frame by frame and lag by lag, from the encoder alone."""
    images = []
    for frame in small_stack.read(50, 60):
        x = torch.from_numpy((frame - crowded.static) / crowded.scale)[None].requires_grad_()
        for a in crowded.var.coefficients:
            row = torch.from_numpy((a[3] / crowded.var.scale).astype(np.float32))
            (gradient,) = torch.autograd.grad(crowded.network.encode(x)[0] @ row, x)
            images.append((gradient * x.detach())[0].numpy())
    found = contribution_map(crowded, small_stack, frames=(50, 60), target=3, own_past=True, steps=1)
    assert close(found, np.sum(images, axis=0) / 10)
    absolute = contribution_map(crowded, small_stack, frames=(50, 60), target=3, own_past=True, signed=False, steps=1)
    assert close(absolute, np.abs(images).sum(0) / 10)


def test_the_driver_map_of_a_linear_encoder_in_closed_form(linear, small_stack):
    frames = np.delete(np.arange(30, 150), [10, 11, 107])  # without the bad ones
    d = (small_stack.read()[frames] - linear.static) / linear.scale
    weights = linear.var.coefficients / linear.var.scale
    weights[:, range(6), range(6)] = 0
    gradients = np.einsum("lts,sp->ltp", weights, filters(linear.network)).reshape(-1, *linear.shape)
    expected = np.abs(d).mean(0) * np.abs(gradients).sum(0)
    assert close(contribution_map(linear, small_stack, frames=FRAMES), expected)
    assert close(contribution_map(linear, small_stack, frames=FRAMES, signed=True), d.mean(0) * gradients.sum(0))


@pytest.mark.parametrize("kind", ["driver", "effect"])
def test_without_a_skip_deviations_from_the_static_image_count(linear, small_stack, kind):
    """A fit that subtracts nothing, of the same filters and footprints, has the same maps."""
    without = replace(linear, normalisation=replace(linear.normalisation, skip=False))
    whole = {"frames": FRAMES, "own_past": True}
    assert close(
        contribution_map(without, small_stack, kind, **whole), contribution_map(linear, small_stack, kind, **whole)
    )


def test_signed_edges_add_up_to_their_target_and_targets_to_the_whole(crowded, small_stack):
    def driver(**kwargs):
        return contribution_map(crowded, small_stack, frames=FRAMES, signed=True, own_past=True, steps=1, **kwargs)

    edges = sum(driver(edge=(lag, 4, source)) for lag in (1, 2) for source in range(6))
    assert close(edges, driver(target=4), 1e-3)
    assert close(sum(driver(target=target) for target in range(6)), driver(), 1e-3)


@pytest.mark.parametrize("own_past", [False, True])
def test_own_past_is_the_diagonal(crowded, small_stack, own_past):
    def driver(**kwargs):
        return contribution_map(crowded, small_stack, frames=FRAMES, target=2, signed=True, steps=1, **kwargs)

    own = sum(driver(edge=(lag, 2, 2)) for lag in (1, 2))
    assert close(driver(own_past=True) - driver(), own, 1e-3)


@pytest.mark.parametrize("target", [None, 4])
@pytest.mark.parametrize("own_past", [True, False])
def test_the_effect_map_is_the_deviation_of_the_decoded_prediction(linear, small_stack, target, own_past):
    weights = linear.var.coefficients.copy()
    if target is not None:
        weights[:, np.arange(6) != target] = 0
    if not own_past:
        weights[:, range(6), range(6)] = 0
    part = replace(linear, var=replace(linear.var, coefficients=weights))
    ahead = FRAMES[0] + 2, FRAMES[1]
    images = part.predict(small_stack, ahead)[small_stack.good_frames(*ahead)]
    expected = np.nanstd(images.astype(np.float64), axis=0, ddof=1)
    found = contribution_map(
        linear, small_stack, "effect", frames=FRAMES, target=target, signed=False, own_past=own_past
    )
    assert close(found, expected, 1e-3)


def test_the_effect_of_an_edge_is_its_coefficient_times_its_source(crowded, small_stack):
    lag, target, source = 2, 1, 5
    z = crowded.encode(small_stack, FRAMES).astype(np.float64)
    used = [t - 30 for t in range(30, 148) if not {t, t + 1, t + 2} & small_stack.bad_frames]
    size = abs(crowded.var.coefficients[lag - 1, target, source]) * z[used, source].std(ddof=1)
    size *= crowded.var.scale[target] / crowded.var.scale[source]
    found = contribution_map(crowded, small_stack, "effect", frames=FRAMES, edge=(lag, target, source))
    assert close(found, size * crowded.footprints[target], 1e-3)


def test_by_default_a_whole_map_has_no_sign_and_a_part_has(crowded, small_stack):
    for kind in ("driver", "effect"):
        assert contribution_map(crowded, small_stack, kind, frames=FRAMES).min() >= 0
        parts = [contribution_map(crowded, small_stack, kind, frames=FRAMES, target=target) for target in range(6)]
        assert np.min(parts) < 0  # not each of them: a latent may be the brightness of the whole image


def test_a_coefficient_that_is_zero_contributes_nothing(small_fit, small_stack):
    empty = replace(small_fit, var=small_fit.var.at(1.1))
    for kind in ("driver", "effect"):
        for wish in ({}, {"target": 1}, {"edge": (1, 1, 2)}):
            assert not contribution_map(empty, small_stack, kind, frames=FRAMES, **wish).any()


def test_what_bad_frames_hold_does_not_count(crowded, small_stack):
    movie = small_stack.array.copy()
    movie[sorted(small_stack.bad_frames)] = 65535
    other = Stack(movie, bad_frames=small_stack.bad_frames)
    for kind in ("driver", "effect"):
        np.testing.assert_array_equal(
            contribution_map(crowded, other, kind), contribution_map(crowded, small_stack, kind)
        )


def test_a_long_range_is_averaged_over_frames_all_over_it(linear, monkeypatch):
    ramp = Stack(linear.static * np.linspace(1, 2, 320, dtype=np.float32)[:, None, None])
    every = contribution_map(linear, ramp, target=1)
    monkeypatch.setattr(contribution, "MAP_FRAMES", 9)
    assert close(contribution_map(linear, ramp, target=1), every, 1e-2)
    monkeypatch.setattr(contribution, "MAP_FRAMES", 10_000)
    assert close(contribution_map(linear, ramp, target=1), every, 1e-2)


def test_driver_maps_find_the_cells_that_drive_others(default_sim, default_fit):
    """Against all other pixels, and against other cells; without the own past, which every cell has."""
    image = contribution_map(default_fit, default_sim.stack)
    cells = default_sim.footprints > 0.3 * default_sim.footprints.max((1, 2), keepdims=True)
    driving, any_cell = cells[default_sim.drivers].any(0), cells.any(0)
    assert 0 < driving.sum() < any_cell.sum()
    assert roc_auc_score(driving.ravel(), image.ravel()) > 0.9
    assert roc_auc_score(driving[any_cell], image[any_cell]) > 0.75


def test_effect_maps_find_all_cells(default_sim, default_fit):
    image = contribution_map(default_fit, default_sim.stack, "effect", own_past=True)
    cells = (default_sim.footprints > 0.3 * default_sim.footprints.max((1, 2), keepdims=True)).any(0)
    assert roc_auc_score(cells.ravel(), image.ravel()) > 0.9


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"kind": "drivers"}, "'drivers' is neither 'driver' nor 'effect'"),
        ({"target": 6}, "target=6 is not a latent: choose 0 to 5"),
        ({"target": -1}, "target=-1 is not a latent"),
        ({"edge": (0, 1, 1)}, "lag 1 to 2"),
        ({"edge": (3, 1, 1)}, "lag 1 to 2"),
        ({"edge": (1, 6, 1)}, "latents 0 to 5"),
        ({"edge": (1, 1, -1)}, "latents 0 to 5"),
        ({"edge": (1, 1, 2), "target": 3}, "leads to latent 1, not to target=3"),
        ({"frames": (300, 330)}, "outside the movie"),
        ({"frames": (10, 12)}, "at least 3"),
        ({"frames": (39, 42), "kind": "effect"}, "too few runs of 3 good frames"),
    ],
)
def test_wishes_that_cannot_be_met_say_so(small_fit, small_stack, wish, words):
    with pytest.raises(ValueError, match=words):
        contribution_map(small_fit, small_stack, **wish)


def test_a_range_of_bad_frames_holds_nothing(small_fit, small_stack):
    blank = Stack(small_stack.array, bad_frames=range(20, 40))
    with pytest.raises(ValueError, match="no good frame"):
        contribution_map(small_fit, blank, frames=(20, 40))


def test_another_image_size_is_refused(small_fit):
    with pytest.raises(ValueError, match="30 x 35"):
        contribution_map(small_fit, Stack(np.zeros((10, 12, 12))))


def test_several_ranges_count_by_their_frames(linear, small_stack):
    parts, lengths = [(50, 60), (90, 120)], (10, 30)
    apart = [contribution_map(linear, small_stack, frames=part) for part in parts]
    whole = contribution_map(linear, small_stack, frames=parts)
    assert close(whole, np.average(apart, axis=0, weights=lengths), 1e-3)
    images = linear.decode(np.concatenate([without_own_past(linear).predict_latents(small_stack, p) for p in parts]))
    used = np.r_[2:10, 12:40]  # each range gives its own past
    expected = images[used].astype(np.float64).std(0, ddof=1)
    assert close(contribution_map(linear, small_stack, "effect", frames=parts), expected, 1e-3)


def without_own_past(fit: Fit) -> Fit:
    weights = fit.var.coefficients.copy()
    weights[:, range(6), range(6)] = 0
    return replace(fit, var=replace(fit.var, coefficients=weights))


def test_a_driver_map_by_integrated_gradients_is_complete(crowded, small_stack):
    """Its sum is the mean change of the prediction from the static image to the frames."""
    far = Stack(3 * small_stack.read(50, 70) - 2 * crowded.static)
    whole = change_explained(crowded, far, 3)
    gaps = [
        abs(contribution_map(crowded, far, target=3, own_past=True, steps=steps).sum() - whole) for steps in (1, 4, 100)
    ]
    assert gaps[0] > 10 * gaps[2]
    assert gaps[1] > gaps[2]
    assert gaps[2] < 1e-3 * abs(whole)


@pytest.fixture(scope="module")
def compared(linear, small_stack) -> Comparison:
    return compare(linear, small_stack, (20, 130), [(150, 210), (215, 300)], resamples=19, halves=False)


def with_edges(compared: Comparison, **columns: float) -> Comparison:
    edges = compared.edges.copy()
    for name, value in columns.items():
        edges[name] = value
    return replace(compared, test=replace(compared.test, edges=edges))


@pytest.mark.parametrize("kind", ["driver", "effect"])
def test_a_part_shorter_than_the_order_is_left_out(crowded, small_stack, kind):
    """As the comparison leaves it out."""
    parts, short = [(150, 210), (215, 300)], (305, 305 + crowded.var.order)
    settings = {"resamples": 19, "halves": False, "power_draws": 0}
    plain, more = (
        with_edges(compare(crowded, small_stack, (20, 130), b, **settings), p_within=0.01)
        for b in (parts, [*parts, short])
    )
    np.testing.assert_array_equal(
        *(difference_map(crowded, small_stack, found, kind) for found in (plain, more)),
    )


@pytest.mark.parametrize("kind", ["driver", "effect"])
def test_a_difference_map_holds_the_coefficients_of_each_range_against_each_other(linear, small_stack, compared, kind):
    def of(name: str) -> np.ndarray:
        coefficients = np.zeros_like(linear.var.coefficients)
        for edge in compared.edges:
            lag, target, source = edge["lag"] - 1, edge["target"], edge["source"]
            in_latents = edge[name] * compared.test.scale[target] / compared.test.scale[source]
            coefficients[lag, target, source] = in_latents * linear.var.scale[source] / linear.var.scale[target]
        part = replace(linear, var=replace(linear.var, coefficients=coefficients))
        runs = compared.frames[name].with_pairs(linear.var.order)  # without predictions of bad frames
        return contribution_map(part, small_stack, kind, runs, own_past=True)

    found = difference_map(linear, small_stack, with_edges(compared, p_within=0.01), kind)
    assert close(found, of("a") - of("b"), 1e-3)


def test_a_difference_map_shows_only_links_that_differ(linear, small_stack, compared):
    none = with_edges(compared, p_within=1)
    np.testing.assert_array_equal(difference_map(linear, small_stack, none), np.zeros(linear.shape))
    one = compared.edges.copy()
    one["p_within"] = 1
    one["p_within"][3] = 0.01
    image = difference_map(linear, small_stack, replace(compared, test=replace(compared.test, edges=one)))
    assert image.any()
    one["b"][3] = one["a"][3]
    one["a"][3] = 0
    swapped = difference_map(linear, small_stack, replace(compared, test=replace(compared.test, edges=one)))
    assert (swapped <= 0).all()
    assert swapped.any()


@pytest.mark.parametrize("fit_id", ["", "another"])
def test_a_difference_map_needs_a_comparison_of_its_fit(linear, small_stack, compared, fit_id):
    with pytest.raises(ValueError, match=r"latents alone|fit another"):
        difference_map(linear, small_stack, replace(compared, fit=fit_id))


def test_steps_must_be_positive(crowded, small_stack):
    with pytest.raises(ValueError, match="steps=0"):
        contribution_map(crowded, small_stack, steps=0)


def test_an_effect_map_crosses_no_break(small_fit, small_stack):
    with pytest.raises(ValueError, match="too few runs of 3 good frames"):
        contribution_map(small_fit, small_stack.replace(breaks=[102, 104, 106]), "effect", frames=(100, 108))
    whole = contribution_map(small_fit, small_stack, "effect", frames=[(100, 120), (150, 170)])
    joined = Stack(np.concatenate([small_stack.array[100:120], small_stack.array[150:170]]), breaks=[20])
    np.testing.assert_allclose(contribution_map(small_fit, joined, "effect"), whole, rtol=1e-5)


def test_a_map_can_be_stopped_between_rows(crowded, small_stack, monkeypatch):
    """Not only between reads: with many latents and frames, one batch takes long."""
    monkeypatch.setattr("napari_varae.core.maps.contribution.ROWS", 1)
    asked = []
    whole = contribution_map(crowded, small_stack.checked(lambda: asked.append(0)), steps=1, frames=(0, 60))
    rows = int((np.abs(crowded.var.coefficients).sum(2) > 0).sum())
    assert len(asked) >= 60 + rows - 2

    def stop():
        asked.append(1)
        if asked.count(1) > 62:
            raise StoppedError("enough")

    with pytest.raises(StoppedError):
        contribution_map(crowded, small_stack.checked(stop), steps=1, frames=(0, 60))
    monkeypatch.undo()
    again = contribution_map(crowded, small_stack, steps=1, frames=(0, 60))
    np.testing.assert_allclose(again, whole, rtol=1e-4, atol=1e-6)
