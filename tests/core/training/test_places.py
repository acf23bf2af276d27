"""Places that get a latent: the cells of a simulation, and as many as have a signal of their own."""

import numpy as np
import pytest
import torch

from napari_varae.core.components.compressed import CompressedMovie
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.simulation.settings import SimulationConfig
from napari_varae.core.simulation.simulate import Simulation, simulate
from napari_varae.core.training.compress import compress
from napari_varae.core.training.places import Places
from napari_varae.core.training.reading import Reading
from napari_varae.core.training.split import Split

CALM = SimulationConfig(frames=900, height=64, width=64, cells=8, bleaching=0, jitter=0, neuropil=0, seed=3)
LARGE = CALM.model_copy(update={"height": 100, "width": 160, "cells": 14, "frames": 600})


def compressed(stack: Stack, config: FitConfig) -> tuple[CompressedMovie, Split]:
    split = Split(stack, config)
    movie = compress(stack, split, config, lambda _phase, _share: None)
    return movie, split


def places_of(stack: Stack, prediction_weight: float = 2.0, **settings) -> Places:
    config = FitConfig(**settings)
    movie, split = compressed(stack, config)
    return Places(movie, split.trained, split.start, config.order, prediction_weight)


def images_of(places: Places, latents) -> np.ndarray:
    """Footprints (K, Y, X)."""
    found, tiles = places.choose(latents), places.movie.tiles
    whole = torch.zeros(found.latents, tiles.count, tiles.pixels)
    for tile, members in enumerate(found.members.tolist()):
        for row, k in enumerate(members):
            if k >= 0:
                whole[k, tile] = found.images[tile, row]
    return tiles.join(whole.transpose(0, 1)).numpy()


def likeness(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Cosines (found, truth) of images."""
    a, b = (images.reshape(len(images), -1).astype(float) for images in (found, truth))
    return (a / np.linalg.norm(a, axis=1, keepdims=True)) @ (b / np.linalg.norm(b, axis=1, keepdims=True)).T


@pytest.fixture(scope="module")
def calm() -> tuple[Simulation, Places]:
    sim = simulate(CALM)
    return sim, places_of(sim.stack)


@pytest.fixture(scope="module")
def large() -> tuple[Simulation, Places]:
    """Of several tiles, with cells across their borders."""
    sim = simulate(LARGE)
    return sim, places_of(sim.stack)


def test_every_cell_has_a_place_of_its_own(calm):
    """Five more are changes of the whole image, which cells of a small image move, too."""
    sim, places = calm
    found = likeness(images_of(places, 13), sim.footprints)
    assert (found.max(0) > 0.7).all()
    assert len(set(found.argmax(0).tolist())) == 8


def test_every_cell_has_a_place_across_borders_of_tiles(large):
    sim, places = large
    assert places.movie.tiles.count == 6
    cells = sim.footprints
    tiles = places.movie.tiles.cut(torch.from_numpy(cells).float()).square().sum(2)
    across = (tiles.amax(0) < 0.9 * tiles.sum(0)).numpy()
    assert across.any()
    found = likeness(images_of(places, 19), cells)
    assert (found.max(0) > 0.9).all()
    assert len(set(found.argmax(0).tolist())) == 14


def test_automatically_there_are_as_many_as_cells(calm, large):
    for (sim, places), cells in ((calm, 8), (large, 14)):
        images = images_of(places, "auto")
        assert cells <= len(images) <= cells + 5 + 2  # changes of the whole image are five
        assert (likeness(images, sim.footprints).max(0) > 0.7).all()


def test_automatically_a_realistic_recording_gets_a_sensible_number():
    sim = simulate(SimulationConfig(frames=900, height=48, width=48, cells=6, seed=2))
    found = images_of(places_of(sim.stack), "auto")
    assert 6 <= len(found) <= 6 + 5 + 3  # cells, changes of the whole image, and neuropil
    assert (likeness(found, sim.footprints).max(0) > 0.7).sum() >= 5


def test_noise_has_no_places(rng):
    static = 50 + 10 * rng.random((48, 48))
    frames = static + rng.normal(size=(500, 48, 48))
    found = places_of(Stack(frames.astype(np.float32))).choose("auto")
    assert 1 <= found.latents <= 5 + 1


@pytest.mark.parametrize("edge", [32, 150])
def test_of_white_noise_on_a_flat_image_one_place_is_kept(rng, edge):
    stack = Stack((50 + rng.normal(size=(300, edge, edge))).astype(np.float32))
    assert places_of(stack).choose("auto").latents >= 1


def test_changes_of_the_whole_image_are_drawn_as_they_are():
    places = places_of(simulate(SimulationConfig(frames=900, height=48, width=48, cells=6, seed=2)).stack)
    found, movie = places.choose("auto"), places.movie
    drawn = torch.einsum("gnm,npm->gnp", movie.common, movie.basis)[:, 0]
    exact = (found.images[0][:, None] - drawn).abs().amax(2) < 1e-6
    assert exact.any(0).sum() >= 2  # motion and brightness at least


def explained(places: Places) -> float:
    """Share of the components that automatic footprints explain."""
    reading, components = Reading.of(places.movie, places.choose("auto")), places.movie.traces
    left = components.transpose(0, 1) - reading.draw(torch.from_numpy(reading.encode(components)))
    return 1 - float(left.square().sum() / components.square().sum())


def test_images_moved_towards_a_regression_explain_more(large, monkeypatch):
    found = explained(large[1])
    monkeypatch.setattr("napari_varae.core.training.places.REDRAWN", 0.0)
    assert found > explained(large[1]) + 1e-3


def check_number(places: Places, latents: int) -> None:
    found = places.choose(latents)
    assert found.latents == latents
    assert set(found.members[found.members >= 0].tolist()) == set(range(latents))
    assert bool((found.images.square().sum(2) > 0).eq(found.members >= 0).all())


@pytest.mark.parametrize("latents", [1, 2, 7, 13])
def test_as_many_are_chosen_as_are_asked_for(calm, large, latents):
    check_number(calm[1], latents)
    check_number(large[1], latents)


def test_a_change_of_the_whole_image_may_be_all_that_is_chosen():
    """No direction of a tile is as strong as the weakest of those that are kept."""
    config = SimulationConfig(frames=240, height=24, width=24, cells=3, soma_radius=3, seed=18)
    found = places_of(simulate(config).stack, latents=3)
    found.common_scores = 1e6 * found.common_scores
    check_number(found, 3)


def test_more_than_there_are_cells_are_chosen_too():
    stack = simulate(CALM).stack
    check_number(places_of(stack, latents=40), 40)


def test_with_more_places_those_of_few_are_still_drawn(calm):
    """What explains and predicts most is there with any number, if turned and shrunk otherwise."""
    few, many = (images_of(calm[1], latents).reshape(latents, -1).astype(float) for latents in (6, 13))
    drawn = few @ np.linalg.qr(many.T)[0]
    assert (np.linalg.norm(drawn, axis=1) > 0.95 * np.linalg.norm(few, axis=1)).all()


def test_bright_sides_are_positive(calm):
    for image in images_of(calm[1], 8):
        assert (image**3).sum() > 0


PLACES = ((14, 15), (33, 18), (20, 36))
THIRD = 2


@pytest.fixture
def spots() -> np.ndarray:
    y, x = np.mgrid[:48, :48]
    return np.stack([np.exp(-((y - a) ** 2 + (x - b) ** 2) / 12) for a, b in PLACES])


@pytest.fixture
def autoregressive(rng, spots) -> Stack:
    """Two spots follow their past, the third one is stronger and follows nothing."""
    noise = rng.normal(size=(600, 3))
    traces = noise.copy()
    for t in range(1, 600):
        traces[t, :THIRD] += 0.9 * traces[t - 1, :THIRD]
    traces /= traces.std(0)
    static = 50 + 10 * rng.random((48, 48))
    frames = static + np.tensordot(traces * (3, 3, 3.6), spots, 1) + 0.3 * rng.normal(size=(600, 48, 48))
    return Stack(frames.astype(np.float32))


def test_what_can_be_predicted_comes_before_what_only_flickers(autoregressive, spots):
    found = likeness(images_of(places_of(autoregressive, 2.0), 2), spots)
    assert sorted(found.argmax(1).tolist()) == [0, 1]
    assert (found.max(1) > 0.9).all()


def test_without_weight_the_strongest_come_first(autoregressive, spots):
    assert likeness(images_of(places_of(autoregressive, 0.0), 1), spots).argmax() == THIRD
    found = likeness(images_of(places_of(autoregressive, 0.0), 3), spots)
    assert sorted(found.argmax(1).tolist()) == [0, 1, 2]


def test_brightness_and_motion_are_kept_apart_from_cells(rng, spots):
    y, x = np.mgrid[:48, :48]
    static = 100 + 30 * np.sin(y / 4) * np.cos(x / 5)
    slow = np.cumsum(rng.normal(size=(600, 2)), 0)
    slow = (slow - slow.mean(0)) / slow.std(0)
    traces = rng.normal(size=(600, 3))
    for t in range(1, 600):
        traces[t] += 0.9 * traces[t - 1]
    whole = np.stack([static - static.mean(), np.gradient(static, axis=1)])
    frames = static + np.tensordot(slow * (0.05, 0.3), whole, 1) + np.tensordot(traces, spots, 1)
    frames += 0.3 * rng.normal(size=frames.shape)
    found = images_of(places_of(Stack(frames.astype(np.float32))), 5)
    kept = likeness(found, np.concatenate([whole, spots]))
    assert np.abs(kept[:2, :2]).max(0).min() > 0.99
    assert sorted(kept[2:, 2:].argmax(0).tolist()) == [0, 1, 2]
    assert (kept[2:, 2:].max(0) > 0.85).all()
    assert np.abs(kept[2:, :2]).max() < 0.15


def test_changes_of_the_whole_image_that_do_not_occur_get_no_latent(autoregressive, spots):
    found = likeness(images_of(places_of(autoregressive), 3), spots)
    assert sorted(found.argmax(1).tolist()) == [0, 1, 2]


def test_bad_frames_do_not_count(autoregressive):
    """Their traces are zero."""
    bad = tuple(range(100, 160))
    frames = autoregressive.array.copy()
    first = images_of(places_of(Stack(frames, bad_frames=bad)), 3)
    frames[list(bad)] = 1e14
    np.testing.assert_array_equal(images_of(places_of(Stack(frames, bad_frames=bad)), 3), first)


def test_it_asks_whether_it_is_wanted(calm):
    class Unwanted(Exception):
        pass

    def refuse() -> None:
        raise Unwanted

    places = calm[1]
    with pytest.raises(Unwanted):
        Places(places.movie, places.trained, 0, 1, 2.0, refuse)


def test_a_choice_does_not_depend_on_the_choices_before_it():
    stack, settings = simulate(LARGE).stack, {"epochs": 0}
    used = places_of(stack, **settings)
    used.choose("auto")
    used.choose(30)
    np.testing.assert_array_equal(images_of(used, 12), images_of(places_of(stack, **settings), 12))
