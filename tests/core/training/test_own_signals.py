"""What a trace has of its own, where the truth is known: products of traces and of changes of the whole image."""

import numpy as np
import pytest
import torch

from napari_varae.core.training.own_signals import own_signals, take_out_changes

FRAMES = 4000
AFTER = torch.arange(1, FRAMES)


def slow(rng, count: int, decay: float = 0.9) -> torch.Tensor:
    """Traces (T, count) of variance 1 that decay, independent of each other."""
    traces = np.zeros((FRAMES, count))
    noise = rng.normal(size=traces.shape) * np.sqrt(1 - decay**2)
    for t in range(1, FRAMES):
        traces[t] = decay * traces[t - 1] + noise[t]
    return torch.from_numpy(traces).float()


def signals(traces: list[torch.Tensor], common: torch.Tensor, centres=None, scores=None) -> np.ndarray:
    """Signal of each trace, the first one the strongest, all close together unless said otherwise."""
    count = len(traces)
    centres = torch.zeros(count, 2) if centres is None else torch.tensor(centres)
    scores = torch.arange(count, 0, -1.0) if scores is None else torch.tensor(scores)
    return own_signals(torch.stack(traces, 1), scores, centres, common, AFTER).numpy()


def test_a_cell_keeps_its_autocovariance_and_white_noise_has_none(rng):
    found = signals([slow(rng, 1)[:, 0], torch.from_numpy(rng.normal(size=FRAMES)).float()], slow(rng, 2))
    np.testing.assert_allclose(found, [0.9, 0.0], atol=0.1)


def test_the_flank_of_a_cell_that_moves_has_no_signal_of_its_own(rng):
    cell, common = slow(rng, 1)[:, 0], slow(rng, 2)
    flank = 0.5 * cell + cell * common[:, 0] - 0.7 * cell * common[:, 1]
    assert abs(signals([cell, flank], common)[1]) < 1e-3 * float((flank[1:] * flank[:-1]).mean())


def test_a_cell_beside_a_stronger_one_keeps_what_is_its_own(rng):
    strong, own = slow(rng, 2).T
    weak = 0.6 * strong + 0.8 * own
    np.testing.assert_allclose(signals([strong, weak], slow(rng, 2)), [0.9, 0.64 * 0.9], atol=0.1)


def test_neither_a_weaker_neighbour_nor_a_place_far_away_takes_it(rng):
    common, cell = slow(rng, 2), slow(rng, 1)[:, 0]
    same = [cell, cell * common[:, 0]]
    far = signals(same, common, centres=[[0.0, 0.0], [0.0, 60.0]])
    assert far[1] > 0.5
    weaker = signals(same, common, scores=[1.0, 2.0])
    assert weaker[1] > 0.5


def test_the_most_similar_of_many_neighbours_is_found(rng):
    common, others, cell = slow(rng, 2), slow(rng, 14), slow(rng, 1)[:, 0]
    found = signals([*others[:, :7].T, cell, *others[:, 7:].T, cell * common[:, 1] + cell], common)
    assert found[:15].min() > 0.5
    assert abs(found[15]) < 0.05


def test_a_short_recording_is_not_explained_by_chance(rng):
    few = slow(rng, 8)[:40]
    found = own_signals(few, torch.arange(8.0), torch.zeros(8, 2), slow(rng, 5)[:40], torch.arange(1, 40))
    np.testing.assert_allclose(found, (few[1:] * few[:-1]).mean(0), rtol=0.1)


@pytest.mark.parametrize("count", [1, 3])
def test_changes_of_the_whole_image_and_their_products_leave_nothing(rng, count):
    common = slow(rng, count)
    traces = torch.stack([common[:, 0] + 2, common[:, 0] * common[:, -1], slow(rng, 1)[:, 0]], 1)
    before = traces.clone()
    own = take_out_changes(traces, common)
    assert own[:2].max() < 1e-8
    assert own[2] > 0.9
    torch.testing.assert_close(own, traces.square().mean(0) / before.square().mean(0))


def test_without_changes_of_the_whole_image_only_the_mean_is_taken(rng):
    before = slow(rng, 100) + 3
    traces = before.clone()
    take_out_changes(traces, torch.zeros(FRAMES, 0))
    torch.testing.assert_close(traces, before - before.mean(0), rtol=0, atol=1e-5)


def test_a_few_frames_are_not_explained_by_products_of_changes(rng):
    traces = torch.from_numpy(rng.normal(size=(50, 200))).float()
    own = take_out_changes(traces, slow(rng, 5)[:50])
    assert own.mean().item() == pytest.approx(1 - 5 / 49, abs=0.03)  # with their 15 products it would be 0.6


def test_no_places():
    none = torch.zeros(50, 0)
    assert own_signals(none, torch.zeros(0), torch.zeros(0, 2), torch.zeros(50, 2), AFTER[:49]).shape == (0,)
