"""Held-out prediction by latents and order: what a fit would report, and the rule that chooses."""

import threading
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import napari_varae as nv
from napari_varae.core.training.choice import _chosen, choose
from napari_varae.errors import StoppedError


@pytest.fixture(scope="module")
def sim():
    return nv.simulate(nv.SimulationConfig(frames=600, height=32, width=32, cells=4, seed=2))


@pytest.fixture(scope="module")
def found(sim):
    return choose(sim.stack, latents=[16, 4, 2], orders=[2, 1])


def test_figures_are_those_of_a_fit_at_its_start(sim, found):
    assert found.latents.tolist() == [2, 4, 16]
    assert found.orders.tolist() == [1, 2]
    for row, k in enumerate((2, 4, 16)):
        report = nv.fit(sim.stack, nv.FitConfig(latents=k, epochs=0, held_out=0.2)).history[0]
        assert found.reconstruction[row] == pytest.approx(report.reconstruction_fve, abs=0.01)
        assert found.prediction[row, 0] == pytest.approx(report.prediction_fve, abs=0.01)


def test_as_many_latents_as_there_are_cells_are_enough(found):
    # Two latents leave half of the cells out; sixteen draw noise as well, which nothing predicts.
    assert found.suggested[0] == 4
    assert found.behind[0].min() > 3 * found.error[0].max()
    assert found.reconstruction[2] > found.reconstruction[1] > found.reconstruction[0]
    row = found.table.set_index(["latents", "order"]).loc[found.best]
    assert (row["behind"], row["standard_error"]) == (0, 0)
    assert f"{found.suggested[0]} latents and order {found.suggested[1]}" in found.methods_text()


def test_the_smallest_within_one_standard_error_is_suggested():
    judge = SimpleNamespace(around=np.full(40, 1.0), frames=np.arange(40))
    left = np.full((3, 3, 4), 10.0)  # sums of squares by latents; reconstruction and two orders; pieces
    left[:, 1:] = [[[9, 9, 9, 9], [9, 9, 9, 9]], [[7, 7, 7, 7], [7, 8, 5, 8]], [[6, 6, 6, 6], [6, 6, 6, 6.5]]]
    chosen = _chosen(np.array([4, 8, 16]), np.array([1, 2]), left, judge, 8, left[1])
    assert chosen.best == (16, 1)
    assert chosen.prediction[2, 0] == pytest.approx(1 - 24 / 40)
    more = np.array([1, 2, -1, 2])
    assert chosen.behind[1, 1] == pytest.approx(more.sum() / 40)
    assert chosen.error[1, 1] == pytest.approx(2 * more.std(ddof=1) / 40)
    assert chosen.suggested == (16, 1)  # eight latents lie 4 / 40 behind, more than a standard error
    left[1, 2] = [6, 8, 5, 7.5]  # 2.5 / 40 behind, with a standard error of 2.75 / 40
    assert _chosen(np.array([4, 8, 16]), np.array([1, 2]), left, judge, 8, left[1]).suggested == (8, 2)


def test_the_automatic_number_is_among_those_tried(sim):
    seen = []
    found = choose(sim.stack, progress=lambda phase, share: seen.append((phase, share)))
    assert found.automatic in found.latents
    assert found.automatic == nv.fit(sim.stack, nv.FitConfig(epochs=0, held_out=0.2, order=1)).latents
    assert found.orders.tolist() == [1, 2, 3, 4]
    report = nv.fit(sim.stack, nv.FitConfig(epochs=0, held_out=0.2)).history[0]
    assert found.automatic_reconstruction == pytest.approx(report.reconstruction_fve, abs=1e-4)
    assert found.automatic_prediction[0] == pytest.approx(report.prediction_fve, abs=1e-4)
    strongest = found.reconstruction[found.latents == found.automatic][0]
    assert abs(strongest - found.automatic_reconstruction) > 1e-3  # as many, but other places
    assert {phase for phase, _ in seen} >= {"reading", "compressing", "finding places", "predicting"}


def test_orders_with_too_many_predictors_are_left_out(sim, monkeypatch):
    monkeypatch.setattr("napari_varae.core.training.choice.MOST_PREDICTORS", 12)
    found = choose(sim.stack, latents=[4, 8])
    assert np.isnan(found.prediction).tolist() == [[False, False, False, True], [False, True, True, True]]
    assert len(found.table) == 4
    assert np.isfinite(found.table.to_numpy()).all()


def test_bad_frames_and_breaks_take_no_part(sim):
    bad = nv.Stack(np.where(np.arange(600)[:, None, None] == 301, 60_000, sim.stack.read()), bad_frames=[301])
    found = choose(bad, latents=[4], orders=[1])
    assert found.prediction[0, 0] > 0.2
    assert found.n_frames == 119  # the frame after the bad one has no past


def test_stopping_keeps_what_was_tried(sim):
    stop = threading.Event()

    def watch(phase, share):
        if phase == "predicting" and share > 0:
            stop.set()

    assert choose(sim.stack, latents=[2, 4, 8], orders=[1], stop=stop, progress=watch).latents.tolist() == [2]
    with pytest.raises(StoppedError, match="before any number of latents"):
        choose(sim.stack, latents=[2], stop=stop)


def test_what_is_not_possible_is_refused(sim):
    with pytest.raises(ValueError, match="whole numbers from 1 to 20"):
        choose(sim.stack, orders=[0, 1])
    with pytest.raises(ValueError, match="whole numbers from 1 to 1024"):
        choose(sim.stack, latents=[])
    with pytest.raises(ValueError, match="footprints"):
        choose(sim.stack, nv.FitConfig(network="convolutional"))


def test_csv(found, tmp_path):
    found.to_csv(tmp_path / "choice.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "choice.csv"), found.table)
    assert found.as_dict()["rows"][0]["latents"] == 2
