"""The same question under other choices: one row for each, of fits and orders that are what they say."""

import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import napari_varae as nv
from napari_varae.core.comparison.notes import trained_on
from napari_varae.core.comparison.robustness import robustness
from napari_varae.core.movie.frame_set import FrameSet

A, B = (10, 130), (170, 300)


@pytest.fixture(scope="module")
def small_config(small_config):
    return small_config.changed(epochs=0)


@pytest.fixture(scope="module")
def small_fit(small_stack, small_config):
    return nv.fit(small_stack, small_config)


@pytest.fixture(scope="module")
def found(small_fit, small_stack):
    seen = []
    result = robustness(
        small_fit, small_stack, A, B, resamples=19, level=0.2, power_draws=0, halves=False, progress=seen.append
    )
    return result, seen


def test_one_row_for_each_change(found):
    table = found[0].table
    assert table["change"].tolist() == [
        "as chosen", "order 1", "order 3", "without noise correction", "half of the latents", "twice the latents",
        "another seed", "trained on neither A nor B",
    ]  # fmt: skip
    assert table["latents"].tolist() == [6, 6, 6, 6, 3, 12, 6, 6]
    assert table["order"].tolist() == [2, 1, 3, 2, 2, 2, 2, 2]
    assert table["seed"].tolist() == [0] * 6 + [1, 0]
    assert table["noise_corrected"].tolist() == [True] * 3 + [False] + [True] * 4


def test_each_row_is_what_compare_gives(found, small_fit, small_stack):
    settings = {"resamples": 19, "level": 0.2, "power_draws": 0, "halves": False}
    for row, changes in ((0, {}), (1, {"order": 1}), (3, {"correct_noise": False})):
        alone = nv.compare(small_fit, small_stack, A, B, **settings, **changes)
        again = found[0].rows[row].result
        assert again.as_dict() == alone.as_dict()
    table = found[0].table
    assert table["coupling_p"][0] == found[0].rows[0].result.coupling.p_value
    assert (table["low"] <= table["difference"]).all()
    assert (table["difference"] <= table["high"]).all()


def test_fits_that_are_trained_differ_in_one_choice_only(found, small_fit, small_stack, small_config):
    rows = {row.change: row.result for row in found[0].rows}
    other = nv.fit(small_stack, small_config.changed(seed=1, smoothing=small_fit.config.smoothing))
    assert rows["another seed"].fit == other.id
    assert other.id != small_fit.id
    unseen = nv.Stack(small_stack.array, bad_frames=small_stack.bad_frames | {*range(*A), *range(*B)})
    neither = nv.fit(unseen, small_config.changed(smoothing=small_fit.config.smoothing))
    assert rows["trained on neither A nor B"].fit == neither.id


def test_the_table_grows(found):
    seen = found[1]
    assert [len(part.rows) for part in seen] == [*range(8), 8]
    assert [part.running for part in seen] == [*found[0].table["change"], ""]
    assert all(part.planned == 8 for part in seen)


def test_words_and_csv(found, tmp_path):
    path = tmp_path / "robustness.csv"
    found[0].to_csv(path)
    assert pd.read_csv(path)["verdict"].tolist() == found[0].table["verdict"].tolist()
    text = found[0].methods_text()
    assert "half of the latents" in text
    assert "trained on both A and B" in text
    assert found[0].summary.startswith(f"{(found[0].table['verdict'] == found[0].table['verdict'][0]).sum()} of 8")


def test_what_cannot_be_compared_says_why(small_fit, small_stack):
    short = robustness(small_fit, small_stack, (10, 58), (200, 248), resamples=19, level=0.2, vary=["order"])
    assert short.table["change"].tolist() == ["as chosen", "order 1", "order 3"]
    assert "at VAR order 3 at least 50 are needed" in short.rows[2].problem
    assert short.summary.endswith("1 could not be compared.")
    with pytest.raises(ValueError, match="at least 40 are needed"):
        robustness(small_fit, small_stack, (10, 30), (200, 246), resamples=19, level=0.2)


def test_another_movie_trains_nothing(small_fit, small_stack):
    other = nv.Stack(np.asarray(small_stack.array)[::-1].copy())
    with pytest.raises(ValueError, match="another movie, and latents and seed"):
        robustness(small_fit, other, A, B, vary=["latents", "seed"])
    with pytest.raises(ValueError, match="vary has colour"):
        robustness(small_fit, small_stack, A, B, vary=["colour"])


def test_stopping_keeps_complete_rows(small_fit, small_stack):
    stop = threading.Event()

    def watch(part):
        if len(part.rows) == 2:
            stop.set()

    some = robustness(small_fit, small_stack, A, B, resamples=19, level=0.2, stop=stop, progress=watch)
    assert [row.change for row in some.rows] == ["as chosen", "order 1"]


def test_training_frames_in_words(small_stack):
    a, b = FrameSet.of(small_stack, A), FrameSet.of(small_stack, B)
    assert trained_on((0, 320), a, b) == "The fit was trained on both A and B."
    assert trained_on((130, 170), a, b) == "The fit was trained on neither A nor B."
    assert "of B was seen in training" in trained_on((0, 200), a, b)


def test_a_fit_of_part_of_the_movie_is_trained_on_all(small_fit, small_stack):
    some = replace(small_fit, frames=(10, 200))
    found = robustness(some, small_stack, A, B, resamples=19, level=0.2, vary=["frames"], power_draws=0, halves=False)
    assert [row.change for row in found.rows] == ["as chosen", "trained on neither A nor B", "trained on all frames"]
    assert "of B was seen in training" in found.notes[0]


def test_a_difference_map_has_the_order_of_its_comparison(found, small_fit, small_stack):
    result = found[0].rows[2].result
    assert result.test.order == 3 > small_fit.var.order
    edges = result.edges.copy()
    edges["p_within"] = 0  # all coefficients differ, those at lag 3 as well
    every = replace(result, test=replace(result.test, edges=edges))
    for kind in ("driver", "effect"):
        assert nv.difference_map(small_fit, small_stack, every, kind).any()
