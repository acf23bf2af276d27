"""The test over several conditions: that of two where there are two, exact under permutation, of the right size."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from math import comb

import numpy as np
import pytest
from scipy.stats import binom

from napari_varae.core.comparison.inference.lag_pairs import Sample
from napari_varae.core.comparison.inference.permutation import SegmentPermutation, strata
from napari_varae.core.comparison.inference.segment_noise import SegmentNoise
from napari_varae.core.comparison.inference.segments import Segments
from napari_varae.core.comparison.inference.several import Exchange, omnibus_test
from napari_varae.core.comparison.inference.two_sample import two_sample_test
from napari_varae.core.comparison.inference.units import UnusableRangesError
from napari_varae.core.settings import ComparisonConfig
from napari_varae.errors import StoppedError

K = 4
CONFIG = ComparisonConfig(resamples=39, power_draws=0, level=0.05)


def trials(rng, count=6, length=30, change=0.0, first=0, step=100, noise=0.0):
    """Segments of a VAR(1), each from a start of its own."""
    a = 0.7 * np.eye(K)
    a[1, 0], a[3, 2] = 0.2 + change, -0.2
    parts = []
    for _ in range(count):
        z = np.zeros((length + 30, K))
        for t in range(1, len(z)):
            z[t] = a @ z[t - 1] + rng.standard_normal(K)
        parts.append(z[30:] + noise * rng.standard_normal((length, K)))
    return Segments(tuple(parts), tuple(range(first, first + count * step, step)))


def with_sd(size, side):
    """Noise of such an SD in each segment."""
    return SegmentNoise.of([size**2 * np.eye(K)], [0] * len(side.latents))


def three(rng, change=0.0, **options):
    """Conditions that take turns, of which the last one differs."""
    return [trials(rng, change=change * (i == 2), first=33 * i, **options) for i in range(3)]


def test_two_conditions_give_the_statistic_of_the_test_of_two(rng):
    a, b, _ = three(rng)
    a, b = (side.with_noise(with_sd(np.sqrt(v), side)) for side, v in ((a, 0.2), (b, 0.3)))
    several = omnibus_test([a, b], 1, CONFIG)
    two = two_sample_test(a, b, 1, CONFIG)
    assert several.statistics["coupling"] == pytest.approx(two.coupling.statistic, rel=1e-6)
    assert several.statistics["persistence"] == pytest.approx(two.persistence.statistic, rel=1e-6)
    assert several.statistics["any"] == pytest.approx(two.statistic, rel=1e-6)
    assert (several.n_units, several.n_strata) == (two.n_blocks, two.n_strata)


def test_draws_are_those_of_permuted_segments(rng):
    sides = three(rng)[:2]
    samples = [Sample.of(side.latents, 1) for side in sides]
    units = [side.range_of_pairs(1) for side in sides]
    exchange = Exchange(samples, units)
    known = SegmentPermutation((samples[0], samples[1]), (units[0], units[1]))
    for order in exchange.random(3, rng):
        expected = known.difference(order).scores["coupling"].max()
        assert exchange.statistics(order)[1, 0] == pytest.approx(expected, rel=1e-3)


def test_a_permutation_is_what_other_labels_would_have_given(rng):
    # The orbit is the same whatever the labels are: so the labelled data are one of equally likely permutations.
    sides = three(rng)
    samples = [Sample.of([z - z.mean(0) for z in side.latents], 1) for side in sides]
    exchange = Exchange(samples, [side.range_of_pairs(1) for side in sides])
    pool = [z for side in sides for z in side.latents]
    order = exchange.random(1, rng)[0]
    other = [Segments.apart([pool[i] - pool[i].mean(0) for i in part]) for part in np.split(order, 3)]
    again = Exchange([Sample.of(side.latents, 1) for side in other], [side.range_of_pairs(1) for side in other])
    same = again.statistics(np.arange(18))
    rows = np.concatenate([exchange._rows[unit] for unit in order])
    assert np.unique(rows).size == exchange.count
    np.testing.assert_allclose(exchange.statistics(order), same, rtol=0.02)  # means are subtracted per condition


def test_segments_stay_in_their_stratum(rng):
    sides = three(rng, count=6)
    groups = strata(*(side.first_frames for side in sides))
    assert [len(group) for group in groups] == [6, 6, 6]
    exchange = Exchange([Sample.of(side.latents, 1) for side in sides], [s.range_of_pairs(1) for s in sides], groups)
    for order in exchange.random(20, rng):
        for group in groups:
            assert set(order[group]) == set(group)


def test_all_permutations_are_equally_likely(rng):
    samples = [Sample.of(side.latents, 1) for side in three(rng, count=2)]
    exchange = Exchange(samples, [np.repeat([0, 1], 29)] * 3)
    seen = [tuple(tuple(sorted(part)) for part in np.split(order, 3)) for order in exchange.random(4000, rng)]
    ways = comb(6, 2) * comb(4, 2)
    counts = np.unique(seen, axis=0, return_counts=True)[1]
    assert len(counts) == ways
    assert np.square(counts - 4000 / ways).sum() / (4000 / ways) < 150  # chi-squared with 89 degrees of freedom


def test_a_condition_that_differs_is_found(rng):
    found = omnibus_test(three(rng, change=0.4, length=60), 1, CONFIG)
    assert found.p_values["coupling"] == 1 / 40
    assert 2 in found.largest["coupling"]
    assert found.p_values["persistence"] > 0.05
    assert found.whole_segments


def test_blocks_where_there_are_few_segments(rng):
    long = [trials(rng, count=1, length=n) for n in (200, 240, 321)]
    found = omnibus_test(long, 2, CONFIG)
    assert not found.whole_segments
    assert found.n_units == 8 + 238 // 24 + 319 // 24
    assert found.n_strata == 0
    with pytest.raises(UnusableRangesError, match="there is nothing to permute"):
        omnibus_test(long, 1, CONFIG.changed(blocks=0))


def test_one_latent_has_no_links(rng):
    sides = [side.replaced(z[:, :1] for z in side.latents) for side in three(rng)]
    found = omnibus_test(sides, 1, CONFIG)
    assert np.isnan(found.p_values["coupling"])
    assert found.nulls["coupling"].size == 0
    assert found.p_values["persistence"] == found.p_values["any"]


def test_the_answer_does_not_depend_on_who_computes_and_stops(rng):
    sides = three(rng)
    alone = omnibus_test(sides, 1, CONFIG)
    with ThreadPoolExecutor(2) as pool:
        together = omnibus_test(sides, 1, CONFIG, workers=pool)
    np.testing.assert_array_equal(alone.nulls["any"], together.nulls["any"])
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        omnibus_test(sides, 1, CONFIG, stop=stop)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["trials", "noise", "blocks"])
def test_size(kind):
    sets, small = 80, {"any": 0, "coupling": 0, "persistence": 0}
    for seed in range(sets):
        rng = np.random.default_rng(seed)
        if kind == "blocks":
            sides = [trials(rng, count=1, length=200) for _ in range(3)]
        else:
            sides = [trials(rng, first=33 * i, noise=0.7 * i * (kind == "noise")) for i in range(3)]
        if kind == "noise":
            sides = [side.with_noise(with_sd(0.7 * i, side)) for i, side in enumerate(sides)]
        found = omnibus_test(sides, 1, CONFIG)
        for name in small:
            small[name] += found.p_values[name] <= 0.05
    # A test of size 5 % stays within these bounds in all but 1 of 1000 runs on each side.
    assert max(small.values()) <= binom.ppf(0.999, sets, 0.05), small


def test_every_pair_is_compared():
    rng = np.random.default_rng(1)
    samples = [Sample.of(trials(rng).latents, 1) for _ in range(4)]
    exchange = Exchange(samples, [np.repeat(np.arange(6), 29)] * 4)
    assert exchange.pairs == list(itertools.combinations(range(4), 2))
    assert exchange.statistics(np.arange(24)).shape == (3, 6)
