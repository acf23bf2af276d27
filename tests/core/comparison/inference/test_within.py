"""The halves of several frame sets in one test: that of two where there is one, of the right size, sharp for two."""

import threading

import numpy as np
import pytest
from scipy.stats import binom

from napari_varae.core.comparison.inference.design import Design
from napari_varae.core.comparison.inference.draws import TIE
from napari_varae.core.comparison.inference.segments import Segments
from napari_varae.core.comparison.inference.two_sample import two_sample_test
from napari_varae.core.comparison.inference.within import compare_halves
from napari_varae.core.settings import ComparisonConfig

K = 3
QUICK = ComparisonConfig(resamples=59, power_draws=0, blocks=4)


def half(rng, link=0.0, length=80):
    """Frames of a VAR(1) with one link."""
    a = 0.5 * np.eye(K)
    a[1, 0] = link
    z = np.zeros((length + 30, K))
    for t in range(1, len(z)):
        z[t] = a @ z[t - 1] + rng.standard_normal(K)
    return Segments.apart([z[30:]])


def seeds(count):
    """Return the seeds of the frame sets: each is drawn from for itself."""
    return np.random.SeedSequence(QUICK.seed).generate_state(count).tolist()


def test_one_frame_set_is_tested_as_two_ranges_are(rng):
    halves = half(rng), half(rng, 0.4)
    two = two_sample_test(*halves, 1, QUICK.changed(seed=seeds(1)[0]))
    found = compare_halves({"a": halves}, 1, QUICK)
    assert set(found["coupling"].values()) == {two.coupling.p_value}
    assert set(found["persistence"].values()) == {two.persistence.p_value}
    assert set(found["coupling"]) == {"a", "any"}


def test_statistics_of_all_frame_sets_add_up(rng):
    sides = {name: (half(rng), half(rng, link)) for name, link in (("a", 0.2), ("b", 0.5))}
    plain = QUICK.changed(blocks=0)  # one null distribution, which the test of two keeps
    apart = [
        two_sample_test(*halves, 1, plain.changed(seed=seed)).coupling
        for halves, seed in zip(sides.values(), seeds(2), strict=True)
    ]
    found = compare_halves(sides, 1, plain)["coupling"]
    assert [found["a"], found["b"]] == [answer.p_value for answer in apart]
    joint, observed = (np.hypot(*parts) for parts in zip(*((each.null, each.statistic) for each in apart), strict=True))
    assert found["any"] == (1 + (joint >= observed * TIE).sum()) / 60


def test_every_pair_of_null_distributions_counts(rng):
    """One frame set may be a VAR, and only the blocks of the other alike."""
    mixed = 0
    for seed in range(12):
        sides, config = {name: (half(rng), half(rng, 0.3)) for name in "ab"}, QUICK.changed(seed=seed)
        nulls, observed = [], []
        for halves, own in zip(sides.values(), np.random.SeedSequence(seed).generate_state(2).tolist(), strict=True):
            design = Design.of(*halves, 1, config)
            nulls.append([d.questions["coupling"].largest for d in design.draw(config.changed(seed=own))])
            observed.append(design.observed.scores["coupling"].max())
        p = [[(1 + (np.hypot(x, y) >= np.hypot(*observed) * TIE).sum()) / 60 for x in nulls[0]] for y in nulls[1]]
        assert compare_halves(sides, 1, config)["coupling"]["any"] == np.max(p)
        mixed += np.max(p) > np.diagonal(p).max()
    assert mixed  # else a pair of different kinds never counts


def test_drift_in_two_frame_sets_is_seen_below_what_permutations_of_one_allow(rng):
    """Four blocks of a half can be permuted in 35 ways, where no lag pairs remain."""
    halves = half(rng, length=81), half(rng, 0.9, length=81)
    assert Design.of(*halves, 1, QUICK).blocks.ways == 35
    one, both = (
        [compare_halves(sides, 1, QUICK.changed(seed=seed))["coupling"]["any"] for seed in range(8)]
        for sides in ({"a": halves}, {"a": halves, "b": halves[::-1]})
    )
    assert np.mean(one) > 1 / 35
    assert np.mean(both) < 1 / 35


def test_what_cannot_be_compared_is_left_out(rng):
    still = Segments.apart([np.zeros((80, K))])
    found = compare_halves({"a": (still, still), "b": (half(rng), half(rng))}, 1, QUICK)
    assert set(found["coupling"]) == set(found["persistence"]) == {"b", "any"}
    single = Segments.apart([half(rng).latents[0][:, :1]]), Segments.apart([half(rng).latents[0][:, :1]])
    found = compare_halves({"a": single}, 1, QUICK)
    assert found["coupling"] == {}
    assert set(found["persistence"]) == {"a", "any"}
    assert compare_halves({}, 1, QUICK) == {"coupling": {}, "persistence": {}}


def test_a_stop_leaves_out_what_was_not_compared(rng):
    stop = threading.Event()
    stop.set()
    assert compare_halves({"a": (half(rng), half(rng))}, 1, QUICK, stop)["coupling"] == {}


@pytest.mark.long
@pytest.mark.parametrize("question", ["coupling", "persistence"])
def test_without_drift_the_halves_of_two_frame_sets_differ_no_more_often_than_the_level(question):
    rng, sets = np.random.default_rng(1), 400
    p = []
    for seed in range(sets):
        sides = {name: (half(rng, 0.3), half(rng, 0.3)) for name in "ab"}
        p.append(compare_halves(sides, 1, QUICK.changed(seed=seed))[question]["any"])
    assert 0.01 * sets < np.sum(np.array(p) <= 0.05) <= binom.ppf(0.999, sets, 0.05)
