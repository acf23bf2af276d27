"""Several conditions of a movie: one test, pairs, and a family in which false positives are rare."""

import json
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_varae as nv
from napari_varae.core.comparison.conditions import compare_conditions, holm

QUICK = {"resamples": 39, "power_draws": 0, "halves": False}
NAMES = ("go", "stop", "rest")
TRIALS = {name: [(s + 15 * i, s + 15 * i + 14) for s in range(10, 270, 45)] for i, name in enumerate(NAMES)}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closure_of_bonferroni(p):
    # Closed testing (Marcus, Peritz, Gabriel 1976): a hypothesis is rejected when all intersections with it are.
    expected = [
        max(
            min(1.0, len(some) * min(p[j] for j in some))
            for n in range(1, len(p) + 1)
            for some in combinations(range(len(p)), n)
            if i in some
        )
        for i in range(len(p))
    ]
    np.testing.assert_allclose(holm(p), expected, rtol=1e-12)


@pytest.fixture(scope="module")
def found(small_fit, small_stack):
    seen = []
    result = compare_conditions(
        small_fit, small_stack, TRIALS, progress=lambda what, share: seen.append(what), order=1, **QUICK
    )
    return result, seen


def test_pairs_are_those_of_compare(found, small_fit, small_stack):
    pairs = found[0].pairs
    assert list(pairs) == [("go", "stop"), ("go", "rest"), ("stop", "rest")]
    alone = nv.compare(small_fit, small_stack, TRIALS["go"], TRIALS["rest"], order=1, **QUICK)
    assert pairs["go", "rest"].as_dict() == alone.as_dict()
    largest = max(part.coupling.statistic for part in pairs.values())
    assert found[0].omnibus.statistics["coupling"] == pytest.approx(largest, rel=0.02)  # units are common to all
    assert found[0].omnibus.whole_segments
    assert set(found[1]) == {"all conditions", "go and stop", "go and rest", "stop and rest"}


def test_p_values_are_adjusted(found):
    table = found[0].table
    np.testing.assert_allclose(table["coupling_p_adjusted"], holm(table["coupling_p"]))
    np.testing.assert_allclose(table["persistence_p_adjusted"], holm(table["persistence_p"]))
    for row in table.itertuples():
        if row.verdict == "differ":
            assert row.coupling_p_adjusted <= 0.05
    with pytest.raises(ValueError, match="not two of the conditions go, stop, rest"):
        found[0].verdict("go", "sleep")
    assert found[0].verdict("rest", "go") == found[0].verdict("go", "rest")


def test_a_difference_has_to_survive_the_adjustment(found):
    pair = ("go", "stop")
    result = found[0]

    class Differs:
        verdict = "differ"

    result.pairs[pair], kept = Differs(), result.pairs[pair]
    before = result.p_adjusted["coupling"][pair]
    try:
        for p, verdict in ((0.01, "differ"), (0.06, "no difference found")):
            result.p_adjusted["coupling"][pair] = p
            assert result.verdict(*pair) == verdict
    finally:
        result.pairs[pair], result.p_adjusted["coupling"][pair] = kept, before


def test_files_and_words(found, tmp_path):
    found[0].to_csv(tmp_path / "pairs.csv")
    found[0].to_json(tmp_path / "conditions.json")
    assert pd.read_csv(tmp_path / "pairs.csv")["a"].tolist() == ["go", "go", "stop"]
    written = json.loads((tmp_path / "conditions.json").read_text())
    assert written["omnibus"]["p_values"]["coupling"] == found[0].omnibus.p_values["coupling"]
    assert len(written["pairs"]) == len(written["rows"]) == 3
    assert "Holm" in written["methods"]


def test_what_cannot_be_compared(small_fit, small_stack):
    with pytest.raises(ValueError, match="There are 2 conditions"):
        compare_conditions(small_fit, small_stack, {"a": (0, 90), "b": (100, 200)})
    with pytest.raises(ValueError, match="a and c share frames"):
        compare_conditions(small_fit, small_stack, {"a": (0, 90), "b": (100, 200), "c": (80, 99)})


def test_covariates_go_to_all_and_to_each_pair(small_fit, small_stack, rng):
    w = rng.normal(size=(320, 1)).cumsum(0)
    found = compare_conditions(small_fit, small_stack, TRIALS, order=1, covariates=w, covariate_lags=1, **QUICK)
    alone = nv.compare(
        small_fit, small_stack, TRIALS["go"], TRIALS["rest"], order=1, covariates=w, covariate_lags=1, **QUICK
    )
    assert found.pairs["go", "rest"].as_dict() == alone.as_dict()
    largest = max(part.coupling.statistic for part in found.pairs.values())
    assert found.omnibus.statistics["coupling"] == pytest.approx(largest, rel=0.02)
    assert "2 covariates (lags counted)" in found.methods_text()
