"""The verdict: every rule by which it is withheld, its order, and what is reported with it."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from napari_varae.core.comparison import verdict
from napari_varae.core.comparison.latents import compare_latents
from napari_varae.core.comparison.notes import halves
from napari_varae.core.comparison.verdict import CANNOT, DIFFER, NO_DIFFERENCE, placebo_rejects
from napari_varae.core.movie.frame_set import FrameSet


def draw(a, n, rng):
    z = np.zeros((n, len(a)))
    for t in range(1, n):
        z[t] = a @ z[t - 1] + rng.normal(size=len(a))
    return z


@pytest.fixture(scope="module")
def sound():
    """A comparison of white noise: nothing speaks against a verdict. Cases differ from it in one thing."""
    rng = np.random.default_rng(0)
    return compare_latents(rng.normal(size=(200, 4)), rng.normal(size=(200, 4)), resamples=39)


def case(sound, *, p=0.5, detectable=0.3, test=None, **fields):
    answer = replace(sound.coupling, p_value=p, detectable=detectable)
    return replace(sound, test=replace(sound.test, coupling=answer, autocorrelation=0.0, **(test or {})), **fields)


def test_three_outcomes(sound):
    assert sound.verdict == NO_DIFFERENCE
    assert case(sound, p=0.01).verdict == DIFFER
    assert case(sound, p=0.01, halves={"a": 0.01, "any": 0.01}).verdict == CANNOT
    assert case(sound, p=0.01, halves={"a": 0.04, "b": 0.6, "any": 0.08}).verdict == DIFFER  # by one test for both
    found = case(sound).judgement
    assert "a change of 0.30 would have been found" in found.reason
    assert found.remedy


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ({"n_pairs": (200, 3)}, "B has 3 lag pairs for 4 predictors"),
        ({"effective_frames": (4.0, 100.0)}, "A is worth about 4 independent frames"),
        ({"spectral_radius": 1.03}, "not stationary"),
        ({"resamples": 18}, "18 resamples are too few to find a difference at the 5 % level"),
    ],
)
@pytest.mark.parametrize("p", [0.5, 0.01])
def test_rules_that_hold_whatever_p_is(sound, test, words, p):
    found = case(sound, p=p, test=test).judgement
    assert found.outcome == CANNOT
    assert words in found.reason
    assert found.remedy


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"halves": {"a": 0.6, "b": 0.02, "any": 0.04}}, "the dynamics drift: the halves of a range differ"),
        ({"placebo": (0.01, 0.02, 0.03, 0.04, *[0.5] * 16)}, "4 of 20 placebo pairs"),
        (
            {"test": {"autocorrelation": 0.3, "effective_frames": (30.0, 30.0)}},
            "residuals of the VAR are autocorrelated",
        ),
    ],
)
def test_rules_for_a_small_p(sound, fields, words):
    """They speak against a difference that was found, and not against none."""
    known = fields.pop("test", {})
    differ, same = (case(sound, p=p, **fields) for p in (0.01, 0.5))
    differ, same = (replace(c, test=replace(c.test, **known)) for c in (differ, same))
    assert (differ.verdict, same.verdict) == (CANNOT, NO_DIFFERENCE)
    assert differ.judgement.reason.startswith("p = 0.01, but ")
    assert words in differ.judgement.reason


def test_nothing_found_means_nothing_where_only_a_huge_change_would_be(sound):
    assert case(sound, detectable=1.5).verdict == case(sound, detectable=math.inf).verdict == CANNOT
    assert case(sound, detectable=math.nan).verdict == NO_DIFFERENCE
    assert case(sound, p=0.01, detectable=1.5).verdict == DIFFER


def test_halves_too_short_to_be_compared_protect_from_nothing(sound):
    single = {"a": FrameSet(((0, 9),), ((0, 9),), 0), "b": FrameSet(((10, 19),), ((10, 19),), 0)}
    short = {"n_pairs": (200, 15)}
    found = case(sound, p=0.01, test=short, frames=single).judgement
    assert found.outcome == CANNOT
    assert "the halves of B have 7 lag pairs for 4 predictors" in found.reason
    assert case(sound, p=0.5, test=short, frames=single).verdict == NO_DIFFERENCE
    assert case(sound, p=0.01, test={"n_pairs": (200, 16)}, frames=single).verdict == DIFFER
    assert case(sound, p=0.01, test=short).verdict == DIFFER  # latents alone: halves are not compared
    assert case(sound, p=0.01, test=short | {"n_strata": 3}, frames=single).verdict == DIFFER
    waived = sound.config.changed(halves=False)
    assert case(sound, p=0.01, test=short, frames=single, config=waived).verdict == DIFFER


def test_drift_is_a_caution_unless_segments_take_turns():
    low = {"a": 0.02, "any": 0.02}
    assert "Persistence drifts" in "".join(halves({}, low, n_strata=1))
    assert halves(low, low, n_strata=3) == []


def test_where_segments_take_turns_halves_and_blocks_do_not_matter(sound):
    """Drift is the same in all permutations, and a segment is a unit of its own."""
    turns = {"n_strata": 3, "block_length": 0}
    found = case(sound, p=0.01, test=turns, halves={"a": 0.01, "any": 0.01})
    found = replace(found, test=replace(found.test, autocorrelation=0.5, effective_frames=(20.0, 20.0)))
    assert found.verdict == DIFFER
    assert "drift" not in found.judgement.reason


def test_single_segments_cannot_be_separated_from_drift(sound):
    sides = {name: FrameSet(part, part, 0) for name, part in (("a", ((0, 200),)), ("b", ((300, 500),)))}
    found = case(sound, p=0.01, frames=sides)
    assert found.verdict == DIFFER
    assert "A and B are single segments, so slow drift of the recording cannot be separated" in found.judgement.reason


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=60))
def test_a_placebo_rejects_when_chance_hardly_would(p_values):
    low = sum(p <= verdict.PLACEBO_LEVEL for p in p_values)
    expected = binom.sf(low - 1, len(p_values), verdict.PLACEBO_LEVEL) <= verdict.PLACEBO_CHANCE
    assert placebo_rejects(tuple(p_values)) == bool(expected)


def test_a_placebo_is_part_of_verdict_methods_and_files(sound, tmp_path):
    found = case(sound, p=0.01).with_placebo(np.full(20, 0.01))
    assert found.verdict == CANNOT
    assert "Of 20 placebo pairs, between which no condition differs, 20 had p ≤ 0.05" in found.methods_text()
    found.to_json(tmp_path / "found.json")
    stored = json.loads((tmp_path / "found.json").read_text())
    assert stored["placebo"] == [0.01] * 20
    assert (stored["verdict"], stored["reason"]) == (found.verdict, found.judgement.reason)
    assert stored["coupling"]["p_value"] == 0.01


def test_a_change_of_links_is_a_change_of_coupling_and_not_of_persistence():
    rng, linked = np.random.default_rng(3), 0.5 * np.eye(4)
    linked[1, 0] = 0.5
    found = compare_latents(draw(0.5 * np.eye(4), 400, rng), draw(linked, 400, rng), resamples=59)
    assert found.verdict == DIFFER
    assert found.coupling.coefficient == (1, 1, 0)
    assert found.persistence.p_value > 0.05


def test_own_past_alone_is_no_difference_of_links():
    rng, slower = np.random.default_rng(4), np.diag([0.5, 0.5, 0.9, 0.5])
    found = compare_latents(draw(0.5 * np.eye(4), 400, rng), draw(slower, 400, rng), resamples=59)
    assert found.verdict == NO_DIFFERENCE
    assert found.persistence.p_value <= 0.05
    assert found.persistence.coefficient == (1, 2, 2)
