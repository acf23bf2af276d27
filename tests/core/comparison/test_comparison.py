"""The comparison of two ranges: its size and power by simulation, its invariances, its answers in words."""

import csv
import json
import multiprocessing
import re
import threading
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import distributed
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import binom, binomtest

import napari_varae as nv
from napari_varae.core.comparison.inference.draws import Draws, Question, Ranked, reached
from napari_varae.core.comparison.inference.edges import edge_table
from napari_varae.core.comparison.inference.lag_pairs import Sample
from napari_varae.core.comparison.inference.resampling import resample
from napari_varae.core.comparison.inference.segments import Segments
from napari_varae.core.comparison.inference.statistic import Difference, difference
from napari_varae.core.comparison.latents import compare_latents
from napari_varae.core.comparison.notes import closeness
from napari_varae.core.comparison.placebo import permuted_pairs, placed_pairs
from napari_varae.core.movie.frame_set import FrameSet
from napari_varae.core.var.stability import spectral_radius
from napari_varae.errors import StoppedError

K = 6


def series(a, n, rng, spread=1.0, mean=0.0):
    """Latents (n, K) of a VAR(1) with skewed innovations."""
    noise = (rng.exponential(size=(n + 100, len(a))) - 1) * spread
    z = np.zeros_like(noise)
    for t in range(1, len(z)):
        z[t] = a @ z[t - 1] + noise[t]
    return z[100:] + mean


def model(rng, k=K):
    a = 0.8 * np.eye(k)
    a[1, 0], a[3, 2] = 0.15, -0.15
    return a


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(3)
    a = model(rng)
    changed = a.copy()
    changed[5, 4] = 0.5
    return series(a, 250, rng), series(changed, 300, rng, spread=1.5, mean=2)


@pytest.fixture(scope="module")
def found(pair):
    return compare_latents(*pair, resamples=99, seed=1)


@pytest.mark.long
def test_size_with_unequal_means_and_variances():
    p, family, sets = [], 0, 80
    for seed in range(sets):
        rng = np.random.default_rng(seed)
        a = model(rng)
        spread, mean = rng.uniform(0.5, 2, K), rng.normal(size=K)
        result = compare_latents(series(a, 120, rng), series(a, 120, rng, spread, mean), resamples=39, seed=seed)
        p.append(result.p_value)
        family += bool((result.edges["p_adjusted"] <= 0.05).any())
    # A test of size 5 % (10 %) stays within these bounds in all but 1 of 1000 runs on each side.
    for level, rejected in ((0.05, np.sum(np.array(p) <= 0.05)), (0.1, np.sum(np.array(p) <= 0.1)), (0.05, family)):
        assert rejected <= binom.ppf(0.999, sets, level)
    assert np.mean(p) < 0.75  # a test that never rejects is no test


def test_power_and_the_edge_that_changed(found):
    assert found.p_value == 1 / 100
    edge = found.edges[0]
    assert (edge["lag"], edge["target"], edge["source"]) == (1, 5, 4)
    assert edge["p_adjusted"] <= 0.05
    assert edge["difference"] == pytest.approx(edge["a"] - edge["b"])
    assert -0.8 < edge["difference"] < -0.2
    assert (found.edges["p_adjusted"] <= 0.05).sum() <= 3
    low, high = found.effect_interval
    assert found.effect_size == abs(edge["difference"])
    assert 0 < low < 0.24 < high  # the change of 0.5, on standardised latents


def test_null_is_kept_and_gives_the_p_value(found):
    assert found.null.shape == (99,)
    assert found.p_value == (1 + np.sum(found.null >= found.statistic)) / 100
    assert found.edges["p_adjusted"][0] == found.p_value


def test_mean_and_variance_are_told_apart_from_the_test():
    rng = np.random.default_rng(0)
    a = model(rng)
    result = compare_latents(series(a, 400, rng), series(a, 400, rng, spread=2, mean=5), resamples=39)
    assert np.all(result.test.mean_shift > 1)
    assert result.test.variance_ratio == pytest.approx(4, rel=0.5)
    assert result.p_value > 0.05


def test_swapping_the_ranges_changes_signs_only(pair, found):
    swapped = compare_latents(pair[1], pair[0], resamples=19)
    assert swapped.statistic == pytest.approx(found.statistic, rel=1e-6)
    assert swapped.edges["difference"][0] == pytest.approx(-found.edges["difference"][0], rel=1e-6)


def test_units_and_order_of_latents_do_not_matter(pair, found):
    scale, shift, order = np.geomspace(1e-3, 1e3, K), np.arange(K), np.random.default_rng(0).permutation(K)
    result = compare_latents(*(z[:, order] * scale + shift for z in pair), resamples=19)
    assert result.statistic == pytest.approx(found.statistic, rel=1e-5)
    assert (order[result.edges["target"][0]], order[result.edges["source"][0]]) == (5, 4)


def test_same_seed_same_answer(pair, found):
    again = compare_latents(*pair, resamples=99, seed=1)
    other = compare_latents(*pair, resamples=99, seed=2)
    np.testing.assert_array_equal(again.null, found.null)
    assert again.as_dict() == found.as_dict()
    assert not np.array_equal(other.null, found.null)


def test_segments_hold_no_pair_across_a_break(pair):
    z = pair[0]
    whole = Sample.of([z], 2)
    parts = Sample.of([z[:100], z[100:]], 2)
    assert (whole.count, parts.count) == (248, 246)
    split = compare_latents([z[:100], z[100:]], pair[1], resamples=19)
    assert split.test.n_pairs == (248, 299)


def test_without_penalty_bias_the_estimates_are_least_squares():
    """With many frames the corrected coefficients agree with ordinary least squares."""
    rng = np.random.default_rng(5)
    a = model(rng)
    z = [series(a, 20_000, rng) for _ in range(2)]
    samples = [Sample.of([part], 1) for part in z]
    result = difference(*samples)
    for estimate, part in ((result.a, z[0]), (result.b, z[1])):
        centred = part - part.mean(0)
        ols = np.linalg.lstsq(centred[:-1], centred[1:], rcond=None)[0].T
        np.testing.assert_allclose(estimate, ols, atol=2e-3)


def test_links_are_not_taken_for_own_past():
    """Where the noise of a latent halves and that of others doubles, links weigh more, and own past stays what it was.

    With the penalty still on the links the mean studentised difference is -1.4.
    """
    k, found = 64, []
    mixing = np.linalg.cholesky(0.8 * np.eye(k) + 0.2).T
    for seed in range(6):
        rng = np.random.default_rng(seed)
        a = 0.08 * rng.choice([-1, 1], (k, k)) * (rng.random((k, k)) < 2 / k)
        np.fill_diagonal(a, 1.15)
        lags = np.hstack([a, -0.25 * np.eye(k)])
        shrink = min(1, 0.97 / spectral_radius(lags))
        lags *= np.repeat([shrink, shrink**2], k)
        parts = []
        for spread in (1.0, np.where(np.arange(k) < k // 2, 0.5, 2.0)):
            noise = rng.standard_normal((1200, k)) @ mixing * spread
            z = np.zeros_like(noise)
            for t in range(2, len(z)):
                z[t] = lags @ np.concatenate([z[t - 1], z[t - 2]]) + noise[t]
            parts.append(z[200:])
        deviation = np.sqrt((parts[0].var(0) + parts[1].var(0)) / 2)
        ranges = [Sample.of([z / deviation], 2) for z in parts]
        found.append(difference(*ranges).student.diagonal()[: k // 2])
    assert abs(np.mean(found)) < 1


def test_a_latent_that_varies_in_a_first_frame_only_is_silent(pair):
    """As a target it never varies: its noise has no size."""
    for n in (65, 90, 129):
        flash = np.zeros(n)
        flash[0] = 1
        za, zb = (np.column_stack([z[:n], extra]) for z, extra in zip(pair, (np.arange(n) % 3, flash), strict=True))
        result = compare_latents(za, zb, resamples=19)
        assert K not in result.edges["target"]
        assert np.isnan(result.test.variance_ratio[K])


def test_adjusted_p_values_are_those_of_westfall_and_young(pair):
    samples = [Sample.of([z], 1) for z in pair]
    observed = difference(*samples)
    null = np.abs(np.random.default_rng(0).standard_normal((50, K * K)))
    score = observed.score.ravel()
    above = (1 + (null.ravel() >= score[:, None]).sum(1)) / 51
    questions = {"any": Question(null.max(1), reached(null, Ranked.of(score)))}
    own = np.eye(K, dtype=bool).ravel()
    for name, mask in (("coupling", ~own), ("persistence", own)):
        part = null[:, mask]
        questions[name] = Question(part.max(1), reached(part, Ranked.of(observed.scores[name])))
    table = edge_table(observed, [Draws(questions, above, 0)], 1, dict.fromkeys(questions, 1.0), np.full((K, K), 1.2))
    ranked, running = np.argsort(-score, kind="stable"), 0.0
    for row, i in enumerate(ranked):  # by the definition
        rest = null[:, ranked[row:]].max(1)
        running = max(running, (1 + (rest >= float(score[i])).sum()) / 51)
        assert table["p_adjusted"][row] == pytest.approx(running)
        assert (table["target"][row], table["source"][row]) == divmod(i, K)
        later = above[ranked[row:]] / np.arange(row + 1, K * K + 1)
        assert table["q_value"][row] == pytest.approx(min(1.0, later.min()))
    for name in ("coupling", "persistence"):
        rows = table[(table["target"] == table["source"]) == (name == "persistence")]
        assert rows["p_within"].min() == questions[name].p_value(observed.scores[name].max())


TIED = st.integers(0, 5).map(float)


@given(hnp.arrays(float, (30, 8), elements=TIED), hnp.arrays(float, 8, elements=TIED))
def test_steps_down_count_ties_as_reached(null, observed):
    counts = reached(null, Ranked.of(observed))
    assert counts[observed.argmax()] == (null.max(1) >= observed.max()).sum()
    order = np.argsort(-observed, kind="stable")
    assert counts[order[-1]] == (null[:, order[-1]] >= observed[order[-1]]).sum()


@pytest.mark.parametrize("level", [0.01, 0.05, 0.2])
def test_intervals_exclude_zero_where_the_single_step_p_is_small(pair, level):
    result = compare_latents(*pair, resamples=99, seed=1, level=level)
    edges = result.edges
    assert np.all(edges["low"] <= edges["difference"])
    assert np.all(edges["difference"] <= edges["high"])
    apart = (edges["low"] > 0) | (edges["high"] < 0)
    assert np.all(edges["p_within"][apart] <= level)
    assert (result.effect_interval[0] > 0) == (result.p_value <= level)
    own = edges["target"] == edges["source"]
    for answer, rows in ((result.coupling, ~own), (result.persistence, own)):
        assert apart[rows].any() == (answer.p_value <= level)
        low, high = answer.interval
        _, target, source = answer.coefficient
        row = edges[(edges["target"] == target) & (edges["source"] == source)][0]
        assert (row["low"], row["high"]) == pytest.approx((low, high))


def test_the_table_names_the_cells_of_its_latents(found, tmp_path):
    cells = pd.DataFrame({"latent": range(K), "cell": [f"c{k}" if k else "none" for k in range(K)]})
    found.to_csv(tmp_path / "named.csv", cells)
    table = pd.read_csv(tmp_path / "named.csv", keep_default_na=False)
    assert list(table["target_cell"]) == [cells["cell"][k] for k in found.edges["target"]]
    assert list(table["source_cell"]) == [cells["cell"][k] for k in found.edges["source"]]


def test_files_and_words(found, tmp_path):
    found.to_json(tmp_path / "a.json")
    found.to_csv(tmp_path / "a.csv")
    stored = json.loads((tmp_path / "a.json").read_text())
    assert stored["p_value"] == found.p_value
    assert len(stored["null"]) == 99
    with (tmp_path / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == K * K
    assert float(rows[0]["difference"]) == found.edges["difference"][0]
    text = found.methods_text()
    assert "p = 0.01" in text
    few = replace(found, test=replace(found.test, effect_interval=(0.0, np.inf), edges=found.edges.copy()))
    few.edges["detectable"] = np.inf
    few.to_json(tmp_path / "few.json")
    stored = json.loads((tmp_path / "few.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert stored["edges"][0]["detectable"] == stored["effect_interval"][1] == "infinite"
    assert "99 resamples each, the whole" in text
    assert (
        "stopped before the 999 that were planned"
        in replace(found, config=found.config.changed(resamples=999)).methods_text()
    )
    assert f"on {K} latents are the same" in text
    assert "simultaneous 97.5 % interval" in replace(found, config=found.config.changed(level=0.025)).methods_text()
    assert (
        "simultaneous 99.9 % interval"
        in replace(found, config=nv.ComparisonConfig(level=0.001, resamples=999)).methods_text()
    )
    sides = {name: FrameSet(((0, 9),), ((0, 9),), n_bad) for name, n_bad in (("a", 3), ("b", 0))}
    assert "3 and 0 bad frames left out" in replace(found, frames=sides).methods_text()
    assert f"{found.config.power_draws} pairs of ranges" in text
    drifts = replace(found, halves={"a": 0.5, "b": 0.01, "any": 0.02}).methods_text()
    assert "(p = 0.02 for A and B together; A alone 0.5, B alone 0.01)" in drifts
    assert "(p = 0.01 within B)" in replace(found, halves={"b": 0.01, "any": 0.01}).methods_text()


def test_pooled_counts_of_the_draws_give_the_false_discovery_rate(pair):
    """From draws that are known: the same scores again and again."""

    def known(score):
        score, ones = np.array(score).reshape(2, 2), np.ones((2, 2))
        found = Difference(score, 0 * ones, ones, ones, ones > 0, (ones[0], ones[0]), 0, (ones, ones))
        found.__dict__["bound"] = found.__dict__["bound_apart"] = ones
        return found

    class Known:
        name = "known"

        def random(self, count, _rng):
            return range(count)

        def difference(self, _random):
            return known([0.5, 3.0, 1.0, 0.1])

    (draws,) = resample([Known()], known([2.0, 0.7, 3.5, 0.05]), 1000, 30, 0)
    np.testing.assert_allclose(draws.above, (1 + 30 * np.array([1, 2, 0, 4])) / 31)
    assert draws.questions["any"].p_value(3.5) == 1 / 31
    assert draws.questions["any"].p_value(3.0) == 1
    assert draws.questions["coupling"].p_value(3.0) == 1  # 3.0 and 1.0
    assert draws.questions["persistence"].p_value(0.6) == 1 / 31  # 0.5 and 0.1


@pytest.mark.long
def test_a_change_of_the_detectable_size_is_found_as_often_as_promised():
    """In four of five pairs of ranges like these, by simulation; a link that both ranges have."""
    sets, hits, k = 60, 0, 4
    a = 0.6 * np.eye(k)
    a[1, 0] = 0.2

    def compared(seed, change):
        rng = np.random.default_rng(seed)
        other = a.copy()
        other[1, 0] += change
        found = compare_latents(series(a, 250, rng), series(other, 250, rng), resamples=59, seed=seed, blocks=0)
        return found.edges[(found.edges["target"] == 1) & (found.edges["source"] == 0)][0]

    promised = np.median([compared(1000 + i, 0.0)["detectable"] for i in range(15)])
    hits = sum(compared(seed, promised)["p_within"] <= 0.05 for seed in range(sets))
    assert 0.01 < binom.cdf(hits, sets, 0.8) < 0.99, f"{hits} of {sets} found"


def test_without_power_draws_nothing_is_said_of_power(pair):
    silent = compare_latents(*pair, resamples=39, power_draws=0)
    told = compare_latents(*pair, resamples=39)
    assert np.isnan(silent.edges["detectable"]).all()
    own = told.edges["target"] == told.edges["source"]
    assert np.isfinite(told.edges["detectable"][own]).all()
    for answer, rows in ((told.coupling, told.edges[~own]), (told.persistence, told.edges[own])):
        assert answer.detectable == np.median(rows["detectable"])
        low, high = answer.interval
        _, target, source = answer.coefficient
        (row,) = rows[(rows["target"] == target) & (rows["source"] == source)]
        assert row["detectable"] > (high - low) / 2
    for name in ("p_adjusted", "difference", "low"):
        np.testing.assert_array_equal(silent.edges[name], told.edges[name])


def test_own_past_is_no_link():
    """A latent that gets slower, and one that begins to drive another."""
    rng, k = np.random.default_rng(3), 4
    steady, slower, linked = (0.5 * np.eye(k) for _ in range(3))
    slower[2, 2], linked[1, 0] = 0.9, 0.5
    own = compare_latents(series(steady, 500, rng), series(slower, 500, rng), resamples=99)
    assert own.p_value <= 0.05 < own.p_links
    assert own.persistence.p_value <= 0.05
    assert (own.persistence.n_differ, own.coupling.n_differ) == (1, 0)
    assert own.persistence.coefficient == (1, 2, 2)
    assert any("but no link does" in warning for warning in own.warnings)
    link = compare_latents(series(steady, 500, rng), series(linked, 500, rng), resamples=99)
    assert max(link.p_value, link.p_links) <= 0.05 < link.persistence.p_value
    assert link.coupling.coefficient == (1, 1, 0)
    low, high = link.coupling.interval
    assert low < link.coupling.difference < high < 0  # A minus B
    assert not any("but no link does" in warning for warning in link.warnings)
    assert f"Coupling: p = {link.p_links:.3g}, {link.coupling.n_differ} of 12 coefficients" in link.methods_text()


def test_a_single_latent_has_no_links(tmp_path):
    rng = np.random.default_rng(4)
    found = compare_latents(*(series(np.array([[0.5]]), 200, rng) for _ in range(2)), resamples=39)
    assert np.isnan(found.p_links)
    assert np.isfinite(found.persistence.detectable)
    assert found.persistence.p_value == found.p_value
    assert found.verdict == "cannot be decided"
    assert "Coupling:" not in found.methods_text()
    found.to_json(tmp_path / "single.json")
    assert json.loads((tmp_path / "single.json").read_text())["coupling"]["p_value"] is None


@pytest.mark.parametrize("slow", [0.0, 0.5, 0.9])
def test_slow_latents_are_fewer_independent_frames(slow):
    """Against the autocorrelations of an autoregression, and in two segments as in one."""
    z = series(slow * np.eye(5), 20_000, np.random.default_rng(1))
    expected = 20_000 * (1 - slow**2) / (1 + slow**2)
    assert Segments((z,), (0,)).effective_frames == pytest.approx(expected, rel=0.1)
    assert Segments.apart([z[:9000], z[9000:]]).effective_frames == pytest.approx(expected, rel=0.1)
    runs = [z[start + 1 : start + 10] for start in range(0, 20_000, 10)]  # every tenth frame is bad
    bad = Segments(tuple(runs), tuple(range(1, 20_000, 10))).effective_frames
    assert bad == pytest.approx(0.9 * expected if slow == 0 else expected, rel=0.12)


def test_stop_gives_an_early_answer_and_progress_is_told(pair):
    stop, told = threading.Event(), []

    def progress(running):
        told.append(running)
        if running.made >= 30:
            stop.set()

    result = compare_latents(*pair, resamples=5000, stop=stop, progress=progress)
    assert told[-1].made == result.test.resamples < told[-1].planned == 5000
    assert told[-1].p_value == result.coupling.p_value == max(result.coupling.p_of_null.values())
    count = round(result.coupling.p_value * (result.test.resamples + 1)) - 1
    expected = binomtest(count, result.test.resamples).proportion_ci(method="exact")
    assert told[-1][3:5] == pytest.approx((expected.low, expected.high))
    np.testing.assert_array_equal(told[-1].null, result.coupling.null)
    assert told[-1].statistic == result.coupling.statistic
    assert any("Stopped after" in warning for warning in result.warnings)


@contextmanager
def processes():
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        yield pool


@contextmanager
def dask_client():
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.long
@pytest.mark.parametrize("crowd", [processes, dask_client])
def test_workers_give_the_same_answer(pair, crowd):
    alone = compare_latents(*pair, resamples=59)
    told = []
    with crowd() as workers:
        together = compare_latents(*pair, resamples=59, workers=workers, progress=told.append)
    assert told[-1].made == 59
    assert together.test.p_of_null == alone.test.p_of_null
    np.testing.assert_array_equal(together.null, alone.null)
    for name in ("p_adjusted", "q_value", "low"):
        np.testing.assert_array_equal(together.edges[name], alone.edges[name])


@pytest.mark.long
def test_many_segments_reach_the_workers():
    """Each is a handful of numbers: none may cost a file descriptor, or bring the others along."""
    rng = np.random.default_rng(0)
    ranges = [[rng.normal(size=(12, 3)) for _ in range(300)] for _ in range(2)]
    sent = []

    class Crowd(ProcessPoolExecutor):
        def submit(self, *job):
            sent.append(sum(len(part) for part in job if isinstance(part, bytes)))
            return super().submit(*job)

    with Crowd(1, multiprocessing.get_context("spawn")) as workers:
        found = compare_latents(*ranges, resamples=19, workers=workers, power_draws=0)
    assert found.test.p_of_null == compare_latents(*ranges, resamples=19, power_draws=0).test.p_of_null
    assert max(sent) < 4e6


def test_a_silent_worker_does_not_keep_the_user_waiting(pair):
    class Silent:
        def submit(self, *_job):
            return Future()

    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    with pytest.raises(ValueError, match="Stopped after 0"):
        compare_latents(*pair, resamples=59, workers=Silent(), stop=stop)


def test_an_error_of_a_worker_is_raised_and_the_others_called_off(pair):
    futures = []

    class Broken:
        def submit(self, *_job):
            futures.append(Future())
            if len(futures) == 1:
                futures[0].set_exception(OSError("no more room"))
            return futures[-1]

    with pytest.raises(OSError, match="no more room"):
        compare_latents(*pair, resamples=2000, workers=Broken())
    assert len(futures) > 1
    assert all(future.cancelled() for future in futures[1:])


@pytest.mark.long
def test_what_random_walks_could_show_is_known_or_not_said():
    """Latents so slow that the common model is drawn back: most changes must still be possible."""
    rng = np.random.default_rng(2)
    drifting = [rng.normal(size=(300, 6)) for _ in range(2)]
    for z in drifting:
        z[:, 0] = z[:, 0].cumsum()
    found = compare_latents(*drifting, resamples=59, blocks=0)
    between = found.edges["target"] != found.edges["source"]
    assert np.isfinite(found.edges["detectable"][between]).all()


def test_workers_are_called_off_when_stopped(pair):
    stop, futures = threading.Event(), []

    class Crowd(ThreadPoolExecutor):
        def submit(self, *job):
            futures.append(super().submit(*job))
            return futures[-1]

    with Crowd(1) as workers:
        found = compare_latents(*pair, resamples=20_000, workers=workers, stop=stop, progress=lambda _: stop.set())
    assert sum(future.cancelled() for future in futures) > len(futures) / 2
    assert any("Stopped after" in warning for warning in found.warnings)


def events(rng, length=400):
    """Draw noise with events that no linear rule describes."""
    z = rng.normal(size=(length, K))
    for start in rng.integers(0, length - 40, length // 16):
        z[start : start + 40, rng.integers(K)] += rng.exponential(6) * np.sin(np.linspace(0, np.pi, 40)) ** 2
    return z


def test_latents_that_are_no_var_are_told_but_not_those_that_are(pair):
    def told(*ranges):
        found = compare_latents(*ranges, resamples=19, power_draws=0)
        return any("The latents are not a VAR of order 1" in warning for warning in found.warnings)

    rng = np.random.default_rng(0)
    assert told(events(rng), events(rng))
    assert not told(*pair)
    noise = rng.normal(size=(2, 400, K))
    assert not told(*noise)


def test_units_and_directions_in_memory_do_not_matter(pair):
    tiny = np.geomspace(1e-9, 1, K)
    plain, scaled = (
        compare_latents(*ranges, resamples=19, power_draws=0)
        for ranges in (pair, [np.flip(np.flip(z * tiny, 0).copy(), 0) for z in pair])
    )
    assert len(scaled.edges) == K * K
    np.testing.assert_allclose(scaled.null, plain.null, rtol=1e-6)


def test_of_a_latent_that_is_constant_nothing_is_said(pair):
    ranges = [np.hstack([z, np.full((len(z), 1), level)]) for z, level in zip(pair, (3.3, 7.0), strict=True)]
    for z in ranges:
        z[::2, -1] *= 1 + 1e-15  # as rounding leaves it
    assert all(z[:, -1].std() > 0 for z in ranges)
    found = compare_latents(*ranges, resamples=19, power_draws=0)
    np.testing.assert_array_equal(found.test.known, [True] * K + [False])
    assert np.isnan(found.test.mean_shift[-1])
    assert np.isfinite(found.test.mean_shift[:-1]).all()
    assert f"on {K} latents (1 that do not vary in one of them left out)" in found.methods_text()


@pytest.mark.parametrize(
    ("za", "zb", "kwargs", "message"),
    [
        (np.zeros((100, 3)), np.zeros((100, 3)), {}, "do not vary"),
        (np.ones((20, 3)), np.ones((100, 3)), {}, "za has 19 good frames"),
        (np.full((100, 3), np.nan), np.ones((100, 3)), {}, "za has NaN or infinite values in 100 frames, first in"),
        (np.ones((100, 3)), [np.ones((100, 3)), np.full((9, 3), np.inf)], {}, r"zb\[1\] has NaN or infinite values"),
        ([], np.ones((100, 3)), {}, "za is empty"),
        (np.ones((100, 3)), np.ones((100, 4)), {}, "latents"),
        (np.ones(100), np.ones((100, 4)), {}, r"za\[0\] has shape \(\)"),
        (np.ones((100, 3)), np.ones((100, 3)), {"resamples": 3}, "resamples=3 must be greater than or equal to 19"),
        (np.ones((100, 3)), np.ones((100, 3)), {"resamples": 19.5}, "resamples=19.5 must be a valid integer"),
        (np.ones((100, 3)), np.ones((100, 3)), {"seed": -1}, "seed=-1 must be greater"),
        (np.ones((100, 3)), np.ones((100, 3)), {"power_draws": -3}, "power_draws=-3 must be"),
        (np.ones((100, 3)), np.ones((100, 3)), {"blocks": 2}, "blocks=2 must be at least 4, or 0"),
        (np.ones((100, 3)), np.ones((100, 3)), {"level": 1}, "level=1 must be less than 0.5"),
        (np.ones((100, 3)), np.ones((100, 3)), {"level": 0.001, "resamples": 199}, "choose at least 999"),
        (np.random.default_rng(0).normal(size=(99, 3)), np.eye(99, 3), {"blocks": 200}, "cannot be cut into 200"),
    ],
)
def test_bad_input_is_told(za, zb, kwargs, message):
    with pytest.raises(ValueError, match=message):
        compare_latents(za, zb, **kwargs)


@pytest.fixture(scope="module")
def fitted():
    config = nv.SimulationConfig(frames=400, height=32, width=32, cells=5)
    stack = nv.simulate(config).stack
    return nv.fit(stack, nv.FitConfig(latents=6, epochs=0, frames=(0, 300))), stack


def test_compare_reads_the_latents_of_the_ranges(fitted):
    fit, stack = fitted
    result = nv.compare(fit, stack, (0, 150), [(160, 250), (260, 390)], resamples=19, correct_noise=False)
    z = fit.encode(stack)
    direct = compare_latents([z[:150]], [z[160:250], z[260:390]], resamples=19)
    assert result.statistic == pytest.approx(direct.statistic, rel=1e-4)
    assert result.ranges == {"a": ((0, 150),), "b": ((160, 250), (260, 390))}
    assert any("seen in training" in warning for warning in result.warnings)
    assert result.fit == fit.id


def test_a_range_that_changes_within_is_told(fitted):
    """The last frames in random order: the same images, no dynamics."""
    fit, stack = fitted
    movie = stack.read()
    movie[300:] = np.random.default_rng(0).permutation(movie[300:])
    whole = nv.compare(fit, stack, (0, 200), (202, 400), resamples=39)
    mixed = nv.compare(fit, nv.Stack(movie), (0, 200), (202, 400), resamples=39)
    assert set(whole.halves) == {"a", "b", "any"}
    assert nv.compare(fit, stack, (0, 200), (202, 400), resamples=39, halves=False).halves == {}
    assert not any("drifts" in warning for warning in whole.warnings)
    assert max(mixed.own_halves["b"], mixed.own_halves["any"]) <= 0.05 < mixed.own_halves["a"]
    assert any("Persistence drifts: the halves of a range differ too" in warning for warning in mixed.warnings)


def test_halves_that_are_too_short_are_not_compared(fitted):
    assert nv.compare(*fitted, (0, 50), (60, 110), resamples=19).halves == {}


def test_bad_frames_are_left_out(fitted):
    fit, stack = fitted
    marked = nv.Stack(stack.array, stack.frame_rate, stack.pixel_size, bad_frames=[50, 51, 200])
    result = nv.compare(fit, marked, (0, 150), (160, 390), resamples=19)
    assert result.test.n_pairs == (149 - 3, 229 - 2)
    assert [side.n_bad for side in result.frames.values()] == [2, 1]
    assert "2 and 1 bad frames left out" in result.methods_text()


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((0, 100), (50, 200), "share 50 frames"),
        ((0, 100), (300, 500), "outside"),
        ((0, 10), (100, 300), "Range A has 9 good frames whose preceding frame is good"),
        ([(0, 100), (50, 150)], (300, 400), "Range A: the parts .* overlap"),
        (None, (0, 100), "a is None"),
    ],
)
def test_impossible_ranges_are_told(fitted, a, b, message):
    with pytest.raises(ValueError, match=message):
        nv.compare(*fitted, a, b)


def test_a_stop_while_halves_are_compared_is_one_of_the_comparison(fitted):
    stop = threading.Event()

    class Silent:
        def submit(self, *_job):
            stop.set()
            return Future()

    with pytest.raises(StoppedError, match="Stopped after 0 of 59"):
        nv.compare(*fitted, (0, 150), (160, 300), resamples=59, stop=stop, workers=Silent())


@pytest.mark.parametrize(
    ("gap", "order", "message"),
    [(0, 2, "touch"), (1, 2, "are 1 frame apart.* gap of 2 frames"), (2, 3, "are 2 frames apart"), (1, 1, None)],
)
def test_ranges_that_are_close_are_told(gap, order, message):
    a, b = (FrameSet(ranges, ranges, 0) for ranges in (((0, 40), (100, 140)), ((140 + gap, 180),)))
    for said in (closeness(a, b, order), closeness(b, a, order)):
        assert said is None if message is None else re.search(message, said)


def test_touching_ranges_are_warned_of(fitted):
    assert any("touch" in warning for warning in nv.compare(*fitted, (0, 150), (150, 300), resamples=19).warnings)


def test_placebo_draws_pairs_from_the_range(fitted):
    p = nv.placebo(*fitted, lengths=(80, 100), within=(0, 300), repeats=4, resamples=19)
    assert p.shape == (4,)
    assert np.all((p > 0) & (p <= 1))
    with pytest.raises(ValueError, match="too short"):
        nv.placebo(*fitted, lengths=(200, 300), within=(0, 300))


def test_placebo_pairs_are_not_the_comparison_itself():
    a, b, rng = [(0, 200)], [(300, 400), (410, 510)], np.random.default_rng(0)
    draw = placed_pairs((200, 200), (0, 600), 1, (a, b))
    for _ in range(300):
        (x,), (y,) = draw(rng)
        frames = [set(range(*part)) for part in (x, y)]
        sides = [set().union(*(range(*part) for part in side)) for side in (a, b)]
        same = [len(frames[0] & sides[i]) + len(frames[1] & sides[1 - i]) for i in (0, 1)]
        assert max(same) <= 200
    with pytest.raises(ValueError, match="nearly A and B themselves"):
        placed_pairs((290, 290), (0, 600), 1, ([(0, 290)], [(310, 600)]))(rng)


def test_a_placebo_permutes_segments(fitted):
    a, b = [[(start, start + 20) for start in range(first, 400, 40)][:n] for first, n in ((0, 5), (20, 4))]
    assert nv.placebo(*fitted, segments=(a, b), repeats=3, resamples=19).shape == (3,)
    draw, rng = permuted_pairs(a, b), np.random.default_rng(0)
    pairs = [draw(rng) for _ in range(200)]
    assert all(sorted(x + y) == sorted(a + b) and (len(x), len(y)) == (5, 4) for x, y in pairs)
    assert {len({*x} & {*a}) for x, _ in pairs} == {2, 3}  # 25 / 9: the same share on both sides
    assert {part for x, _ in pairs for part in x} == {*a, *b}
    for few in ((a[:3], b), (a, [])):
        with pytest.raises(ValueError, match="at least 4"):
            nv.placebo(*fitted, segments=few)
    for wrong in ({}, {"lengths": (80, 80), "segments": (a, b)}):
        with pytest.raises(ValueError, match="either"):
            nv.placebo(*fitted, **wrong)
