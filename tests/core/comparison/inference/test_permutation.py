"""Blocks permuted: exact where they are alike, and what the wild bootstrap alone makes of events."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from napari_varae.core.comparison.inference.draws import TIE
from napari_varae.core.comparison.inference.lag_pairs import Sample
from napari_varae.core.comparison.inference.permutation import BlockPermutation, SegmentPermutation, n_ways, strata
from napari_varae.core.comparison.inference.segment_noise import SegmentNoise
from napari_varae.core.comparison.inference.segments import Segments
from napari_varae.core.comparison.inference.statistic import difference
from napari_varae.core.comparison.inference.two_sample import two_sample_test
from napari_varae.core.comparison.inference.units import Units
from napari_varae.core.comparison.latents import compare_latents
from napari_varae.core.settings import ComparisonConfig


def samples(lengths, seed, k=3):
    rng = np.random.default_rng(seed)
    return tuple(Sample.of([rng.normal(size=(n, k)).cumsum(0) * 0.1], 1) for n in lengths)


def split(x, size):
    return [x[first : first + size] for first in range(0, len(x), size)]


@given(st.integers(4, 9), st.integers(0, 12), st.integers(0, 12), st.integers(0, 100))
def test_blocks_hold_consecutive_pairs_of_one_range_and_the_rest_stays(block, spare_a, spare_b, seed):
    a, b = samples((5 * block + spare_a + 1, 4 * block + spare_b + 1), seed)
    permutation = BlockPermutation((a, b), difference(a, b), block)
    assert permutation.counts == (a.count // block, b.count // block)
    both = [*split(np.arange(a.count), block), *split(a.count + np.arange(b.count), block)]
    whole = [part for part in both if len(part) == block]
    assert np.array_equal(permutation.blocks, whole)
    left = np.split(np.setdiff1d(np.arange(a.count + b.count), permutation.blocks), [a.count % block])
    assert all(np.array_equal(*rows) for rows in zip(permutation.rest, left, strict=True))
    same = permutation.difference(np.arange(len(whole)))
    np.testing.assert_allclose(same.a, difference(a, b).a, atol=1e-3)


@pytest.mark.parametrize(("length", "ways"), [(297, 35), (298, 70), (319, 70)])
def test_p_is_no_finer_than_the_number_of_permutations(length, ways):
    """The ranges as they are, are one of the permutations, also when they cannot be cut without a rest."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(length, 2))
    b = np.zeros((length, 2))
    for t in range(1, length):
        b[t] = 0.9 * b[t - 1] + rng.normal(size=2)
    found = compare_latents(a, b, resamples=499, blocks=4, power_draws=0)
    assert found.test.p_of_null["VAR"] == 1 / 500
    assert 0.5 / ways < found.test.p_of_null["blocks"] < 2 / ways
    assert f"only {ways} ways to permute 8 blocks" in " ".join(found.warnings)


def test_blocks_in_order_gives_the_observed_scores():
    a, b = samples((201, 161), 0)
    observed = difference(a, b)
    permutation = BlockPermutation((a, b), observed, 20)
    again = permutation.difference(np.arange(18)).score
    np.testing.assert_allclose(again, observed.score, rtol=1e-4, atol=1e-4)


def test_the_ranges_as_they_are_count_as_as_large():
    """Estimated from another start the score is the same but for what estimates are settled to."""
    below = []
    for seed in range(10):
        a, b = samples((201, 161), seed)
        observed = difference(a, b)
        again = BlockPermutation((a, b), observed, 20).difference(np.arange(18)).score
        below.append(float(again.max() / observed.score.max()))
    assert min(below) < 1 - 1e-9
    assert min(below) >= TIE


def test_swapping_the_ranges_is_one_of_the_deals():
    a, b = samples((161, 161), 1)
    observed = difference(a, b)
    again = BlockPermutation((a, b), observed, 20).difference(np.roll(np.arange(16), 8)).score
    np.testing.assert_allclose(again, observed.score, rtol=1e-4, atol=1e-4)


def test_a_latent_that_a_permutation_leaves_silent_on_one_side_has_no_score_there():
    """Active in one block of each range; where one side gets both, nothing is known of it on the other."""
    ranges, flash = samples((161, 161), 2, k=4), np.random.default_rng(0).normal(size=19)
    latents = []
    for sample, shape, block in zip(ranges, (flash, flash[::-1]), (1, 5), strict=True):
        z = np.concatenate([sample.x[:1], sample.y])
        z[:, 3] = 0
        z[20 * block + 1 : 20 * block + 20, 3] = shape
        latents.append(Sample.of([z], 1))
    permutation = BlockPermutation((latents[0], latents[1]), difference(*latents), 20)
    orders = np.array(permutation.random(30, np.random.default_rng(0)))
    scores = np.stack([permutation.difference(order).score for order in orders])
    together = ((orders[:, :8] == 1) | (orders[:, :8] == 13)).sum(1) != 1
    assert 0 < together.sum() < 30
    assert np.isfinite(scores).all()
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
    assert all(f.test.block_length == 999 // 8 for f in found)


@pytest.mark.long
def test_frame_by_frame_they_are_taken_for_a_change(eventful):
    found = [compare_latents(*halves, resamples=19, blocks=0) for halves in eventful]
    assert sum(f.p_value <= 0.05 for f in found) >= 15
    assert all(any("far too small" in warning for warning in f.warnings) for f in found)


@pytest.mark.long
def test_the_larger_p_counts_for_all_links(eventful):
    both, alone = (compare_latents(*eventful[0], resamples=39, blocks=n) for n in (8, 0))
    assert both.p_value > alone.p_value
    assert both.p_value == (1 + (both.null >= both.statistic).sum()) / 40
    assert both.statistic == alone.statistic
    assert np.all(both.edges["p_adjusted"] >= alone.edges["p_adjusted"])
    assert np.all(both.edges["high"] - both.edges["low"] >= alone.edges["high"] - alone.edges["low"])


def test_few_permutations_are_reported():
    rng = np.random.default_rng(0)
    found = compare_latents(rng.normal(size=(61, 3)), rng.normal(size=(61, 3)), resamples=99, blocks=4)
    assert any("only 35 ways to permute 8 blocks" in warning for warning in found.warnings)


@pytest.mark.parametrize("blocks", [-1, 1, 3])
def test_impossible_numbers_of_blocks(blocks):
    z = np.random.default_rng(0).normal(size=(60, 2))
    with pytest.raises(ValueError, match=f"blocks={blocks}"):
        compare_latents(z, z + 1, blocks=blocks)


def many(rng, count, length=15, k=3):
    return [rng.normal(size=(length, k)) for _ in range(count)]


@pytest.mark.parametrize(("a", "b", "segments"), [(6, 6, True), (6, 5, False), (5, 9, False), (9, 7, True)])
def test_six_segments_on_each_side_are_permuted_whole(a, b, segments):
    rng = np.random.default_rng(0)
    test = compare_latents(many(rng, a), many(rng, b), resamples=19, power_draws=0).test
    assert set(test.p_of_null) == {"VAR", "segments" if segments else "blocks"}
    assert (test.n_blocks == a + b) == segments
    assert (test.block_length == 0) == segments


@given(st.lists(st.booleans(), min_size=12, max_size=60), st.integers(0, 100))
def test_strata_hold_neighbours_in_time_of_both_sides(of_a, seed):
    starts = np.sort(np.random.default_rng(seed).choice(1000, len(of_a), replace=False))
    labels = np.array(of_a)
    a, b = starts[labels], starts[~labels]
    groups = strata(a, b)
    assert np.array_equal(np.sort(np.concatenate(groups)), np.arange(len(of_a)))
    times = [np.sort(np.concatenate([a, b])[group]) for group in groups]
    assert all(before[-1] < after[0] for before, after in pairwise(times))
    if len(groups) > 1:
        sides = [{bool(segment < len(a)) for segment in group} for group in groups]
        assert 2 * sum(len(group) for group, side in zip(groups, sides, strict=True) if len(side) == 2) >= len(of_a)
    if len(groups) == len(of_a) // 4:  # the smallest there are: other labels within them give the same
        for group in groups:
            place = np.searchsorted(starts, np.concatenate([a, b])[group])
            labels[np.sort(place)] = np.random.default_rng(seed).permutation(labels[place])
        again = strata(starts[labels], starts[~labels])
        assert [len(group) for group in again] == [len(group) for group in groups]


def test_segments_that_do_not_take_turns_are_one_stratum():
    for count in (6, 12, 20, 50):
        assert len(strata(range(count), range(count, 2 * count))) == 1
    assert len(strata(range(0, 12, 2), range(1, 12, 2))) == 3


@given(st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3), min_size=1, max_size=3))
def test_ways_are_multinomial(counts):
    expected = math.prod(math.factorial(sum(row)) // math.prod(map(math.factorial, row)) for row in counts)
    assert n_ways(np.array(counts)) == expected


@pytest.mark.parametrize("course", ["trend", "walk"])
def test_labels_that_were_assigned_at_random_give_uniform_p_values_where_the_recording_drifts(course):
    # Strata that were cut where a label completes them gave 8 and 9 % here.
    small, sets, n = 0, 400, 20
    for seed in range(sets):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal(n)
        x = np.arange(n) / 7 + 0.2 * x if course == "trend" else x.cumsum()
        a, b = (np.sort(part) for part in np.split(rng.permutation(n), 2))
        place, label = np.concatenate([a, b]), np.repeat([0, 1], n // 2)
        draws = np.tile(label, (100, 1))
        for group in strata(a, b):
            draws[1:, group] = rng.permuted(draws[1:, group], axis=1)
        means = [(x[place] * (draws == side)).sum(1) / (n // 2) for side in (0, 1)]
        spread = sum((np.square(x[place] - means[side][:, None]) * (draws == side)).sum(1) for side in (0, 1))
        statistic = np.abs(means[0] - means[1]) / np.sqrt(spread)
        small += (statistic >= statistic[0] * (1 - 1e-9)).mean() <= 0.05
    assert small <= binom.ppf(0.999, sets, 0.05)


def test_a_permutation_stays_within_strata_and_begins_at_the_segments_as_they_are():
    rng = np.random.default_rng(1)
    segments = [many(rng, 8), many(rng, 8)]
    pair = tuple(Sample.of(part, 1) for part in segments)
    units = tuple(np.repeat(np.arange(8), 14) for _ in range(2))
    starts = list(range(0, 320, 40)), list(range(20, 320, 40))
    permutation = SegmentPermutation(pair, units, starts)
    assert len(permutation.strata) == 4
    assert permutation.ways == 6**4 // 2
    np.testing.assert_array_equal(permutation.difference(np.arange(16)).score, permutation.observed.score)
    np.testing.assert_allclose(permutation.observed.score, difference(*pair).score, rtol=1e-3, atol=1e-4)
    for order in permutation.random(20, rng):
        for group in permutation.strata:
            assert set(order[group]) == set(group)


@pytest.mark.long
def test_segment_permutations_are_uniform_under_exchangeability():
    """All p-values are equally likely: drift within segments that all share it does not matter."""
    p = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        course = rng.normal(size=(15, 2)).cumsum(0)
        a, b = ([z + rng.exponential() * course for z in many(rng, 8, k=2)] for _ in range(2))
        p.append(compare_latents(a, b, resamples=19, power_draws=0, seed=seed).coupling.p_of_null["segments"])
    assert 0.4 < np.mean(p) < 0.6
    assert np.mean(np.array(p) <= 0.1) < 0.25


@pytest.fixture(params=["plain", "noisy", "order 2"])
def segments(request):
    """Sixteen segments whose levels drift, with noise of their own, and the order of the VAR."""
    rng, order = np.random.default_rng(4), 1 + (request.param == "order 2")
    sizes = rng.uniform(0.1, 0.6, (16, 3))
    pool = [z + 5 * rng.normal(size=3) for z in many(rng, 16)]
    noise = None if request.param == "plain" else SegmentNoise(sizes, 0.8 * np.eye(3)[None] + 0.2, np.zeros(16, int))
    return pool, noise, order


def labelled(segments, sides):
    """Segments of A and B, which lie where they lie whatever their label is."""
    pool, noise, _ = segments
    return [
        Segments(tuple(pool[i] for i in part), tuple(40 * int(i) for i in part), noise=noise and noise.taken(part))
        for part in sides
    ]


def permuted(sides, order):
    units = Units(sides, order)
    of = [side.range_of_pairs(order) for side in sides]
    pair = tuple(
        Sample.of(units.scaled(side, True), order, units.noise(side), units=unit)
        for side, unit in zip(sides, of, strict=True)
    )
    return SegmentPermutation(pair, tuple(of), tuple(side.starts for side in sides))


def test_a_permutation_is_what_other_labels_would_have_given(segments):
    """The null is that of the labels, not of what was centred, scaled or freed of noise by the labels."""
    order, p = np.random.default_rng(0).permutation(16), segments[2]
    permutation = permuted(labelled(segments, (np.sort(order[:8]), np.sort(order[8:]))), p)
    pool = np.concatenate([np.sort(order[:8]), np.sort(order[8:])])
    for drawn in permutation.random(5, np.random.default_rng(1)):
        other = permuted(labelled(segments, (np.sort(pool[drawn[:8]]), np.sort(pool[drawn[8:]]))), p)
        for question, scores in permutation.difference(drawn).scores.items():
            np.testing.assert_allclose(scores, other.observed.scores[question], rtol=1e-5, atol=1e-5)


def test_the_labels_as_they_are_give_what_is_reported(segments):
    sides = labelled(segments, (np.arange(0, 16, 2), np.arange(1, 16, 2)))
    observed = permuted(sides, segments[2]).observed
    found = two_sample_test(*sides, segments[2], ComparisonConfig(resamples=19, power_draws=0))
    for question in ("coupling", "persistence"):
        assert getattr(found, question).statistic == observed.scores[question].max()


def test_names_of_the_sides_do_not_matter(segments):
    a, b = labelled(segments, (np.arange(0, 16, 2), np.arange(1, 16, 2)))
    there, back = (permuted(sides, segments[2]).observed.score for sides in ([a, b], [b, a]))
    np.testing.assert_allclose(there, back, rtol=1e-9, atol=1e-9)


@pytest.mark.long
def test_noise_that_differs_between_segments_and_drifts_is_no_difference():
    """Labels at random: p <= 0.05 as often as a test of that size has in 99.8 % of such runs."""
    small, sets = {"coupling": 0, "persistence": 0}, 300
    for seed in range(sets):
        rng = np.random.default_rng(seed)
        sizes = rng.exponential(0.7, 20) + np.linspace(0, 1.5, 20)
        pool, rule = [], np.array([[0.7, 0.2, 0], [0, 0.7, 0], [0, -0.2, 0.7]])
        for size in sizes:
            z = np.zeros((40, 3))
            for t in range(1, 40):
                z[t] = rule @ z[t - 1] + rng.normal(size=3)
            pool.append(z[16:] + size * rng.normal(size=(24, 3)))
        noise = SegmentNoise(np.repeat(sizes[:, None], 3, 1), np.eye(3)[None], np.zeros(20, int))
        permutation = permuted(labelled((pool, noise, 1), map(np.sort, np.split(rng.permutation(20), 2))), 1)
        draws = [permutation.difference(order).scores for order in permutation.random(19, rng)]
        for question in small:
            largest = permutation.observed.scores[question].max()
            reached = sum(scores[question].max() >= largest * TIE for scores in draws)
            small[question] += reached == 0
    low, high = binom.ppf([0.001, 0.999], sets, 0.05)
    assert all(low <= count <= high for count in small.values()), small
