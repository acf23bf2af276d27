"""Stretches dealt anew: exact where they are alike, and what the wild bootstrap alone makes of events."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_varae.core.comparison.inference.nulls import TIE
from napari_varae.core.comparison.inference.permutation import Deal
from napari_varae.core.comparison.inference.two_sample import Sample, difference
from napari_varae.core.comparison.latents import compare_latents


def samples(lengths, seed, k=3):
    rng = np.random.default_rng(seed)
    return tuple(Sample.of([torch.from_numpy(rng.normal(size=(n, k)).cumsum(0) * 0.1)], 1) for n in lengths)


@given(st.integers(4, 9), st.integers(0, 12), st.integers(0, 12), st.integers(0, 100))
def test_stretches_hold_consecutive_pairs_of_one_range_and_the_rest_stays(stretch, spare_a, spare_b, seed):
    a, b = samples((5 * stretch + spare_a + 1, 4 * stretch + spare_b + 1), seed)
    deal = Deal((a, b), difference(a, b), stretch)
    assert deal.counts == (a.count // stretch, b.count // stretch)
    both = [*a.x[0].split(stretch), *b.x[0].split(stretch)]
    whole = [part for part in both if len(part) == stretch]
    assert len(whole) == len(deal.x)
    assert all(torch.equal(dealt, part) for dealt, part in zip(deal.x, whole, strict=True))
    for sample, count, (x, y) in zip((a, b), deal.counts, deal.rest, strict=True):
        assert torch.equal(x, sample.x[0, count * stretch :])
        assert torch.equal(y, sample.y[0, count * stretch :])


@pytest.mark.parametrize(("length", "ways"), [(297, 35), (298, 70), (319, 70)])
def test_p_is_no_finer_than_the_number_of_deals(length, ways):
    """The ranges as they are, are one of the deals, also when they cannot be cut without a rest."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(length, 2))
    b = np.zeros((length, 2))
    for t in range(1, length):
        b[t] = 0.9 * b[t - 1] + rng.normal(size=2)
    found = compare_latents(a, b, resamples=499, stretches=4, power_draws=0)
    assert found.p_of_null["VAR"] == 1 / 500
    assert 0.5 / ways < found.p_of_null["stretches"] < 2 / ways
    assert f"only {ways} ways to deal 8 stretches" in " ".join(found.warnings)


def test_dealing_as_they_lie_gives_the_observed_scores():
    a, b = samples((201, 161), 0)
    observed = difference(a, b)
    deal = Deal((a, b), observed, 20)
    again = deal.scores(torch.arange(18).tile(2, 1))
    torch.testing.assert_close(again, observed.score.flatten(1).expand(2, -1), rtol=1e-4, atol=1e-4)


def test_the_ranges_as_they_are_count_as_as_large():
    """Estimated from another start the score is the same but for what estimates are settled to."""
    below = []
    for seed in range(10):
        a, b = samples((201, 161), seed)
        observed = difference(a, b)
        again = Deal((a, b), observed, 20).scores(torch.arange(18)[None])
        below.append(float(again.max() / observed.score.max()))
    assert min(below) < 1 - 1e-9
    assert min(below) >= TIE


def test_swapping_the_ranges_is_one_of_the_deals():
    a, b = samples((161, 161), 1)
    observed = difference(a, b)
    again = Deal((a, b), observed, 20).scores(torch.arange(16).roll(8)[None])
    torch.testing.assert_close(again, observed.score.flatten(1), rtol=1e-4, atol=1e-4)


def test_a_latent_that_a_deal_leaves_silent_on_one_side_has_no_score_there():
    """Active in one stretch of each range; where one side gets both, nothing is known of it on the other."""
    ranges, flash = samples((161, 161), 2, k=4), torch.randn(19, generator=torch.Generator().manual_seed(0))
    latents = []
    for sample, shape, stretch in zip(ranges, (flash, flash.flip(0)), (1, 5), strict=True):
        z = torch.cat([sample.x[0, :1], sample.y[0]])
        z[:, 3] = 0
        z[20 * stretch + 1 : 20 * stretch + 20, 3] = shape
        latents.append(Sample.of([z], 1))
    deal = Deal((latents[0], latents[1]), difference(*latents), 20)
    dealt = deal.deal(30, np.random.default_rng(0))
    scores = deal.scores(dealt).unflatten(1, (4, 4))
    together = ((dealt[:, :8] == 1) | (dealt[:, :8] == 13)).sum(1) != 1
    assert 0 < together.sum() < 30
    assert torch.isfinite(scores).all()
    assert (scores[together, 3] == 0).all()
    assert (scores[together, :, 3] == 0).all()
    assert (scores[~together, 3, 3] > 0).all()
    assert (scores[:, :3, :3] > 0).all()


@pytest.fixture(scope="module")
def eventful():
    """Halves of recordings with events whose rise and decay no VAR of order 1 describes."""
    recordings = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        z = rng.normal(size=(2000, 5))
        for start in rng.integers(0, 1960, 60):
            z[start : start + 40, rng.integers(5)] += rng.exponential(6) * np.sin(np.linspace(0, np.pi, 40)) ** 2
        recordings.append((z[:1000], z[1000:]))
    return recordings


@pytest.mark.long
def test_events_are_not_as_many_observations_as_they_have_frames(eventful):
    found = [compare_latents(*halves, resamples=19) for halves in eventful]
    assert sum(f.p_value <= 0.05 for f in found) <= 4  # 99.7 % of a test of size 5 %
    assert all(f.stretch == 999 // 8 for f in found)


@pytest.mark.long
def test_frame_by_frame_they_are_taken_for_a_change(eventful):
    found = [compare_latents(*halves, resamples=19, stretches=0) for halves in eventful]
    assert sum(f.p_value <= 0.05 for f in found) >= 15
    assert all(any("far too small" in warning for warning in f.warnings) for f in found)


@pytest.mark.long
def test_the_larger_p_counts_for_all_links(eventful):
    both, alone = (compare_latents(*eventful[0], resamples=39, stretches=n) for n in (8, 0))
    assert both.p_value > alone.p_value
    assert both.p_value == (1 + (both.null >= both.statistic).sum()) / 40
    assert both.statistic == alone.statistic
    assert np.all(both.edges["p_adjusted"] >= alone.edges["p_adjusted"])
    assert np.all(both.edges["high"] - both.edges["low"] >= alone.edges["high"] - alone.edges["low"])


def test_few_deals_are_told():
    rng = np.random.default_rng(0)
    found = compare_latents(rng.normal(size=(61, 3)), rng.normal(size=(61, 3)), resamples=99, stretches=4)
    assert any("only 35 ways to deal 8 stretches" in warning for warning in found.warnings)


@pytest.mark.parametrize("stretches", [-1, 1, 3])
def test_impossible_numbers_of_stretches(stretches):
    z = np.random.default_rng(0).normal(size=(60, 2))
    with pytest.raises(ValueError, match=f"stretches={stretches}"):
        compare_latents(z, z + 1, stretches=stretches)
