"""The choice of latents and order in the Train dock: curves, a suggestion that fills the form, and its sentence."""

import numpy as np
import pytest

from napari_varae.core.settings import FitConfig
from napari_varae.core.training.choice import Choice


def made(suggested=(4, 1), best=(8, 2)):
    return Choice(
        latents=np.array([2, 4, 8]),
        orders=np.array([1, 2]),
        reconstruction=np.array([0.2, 0.3, 0.31]),
        prediction=np.array([[0.1, 0.11], [0.2, 0.2], [0.2, np.nan]]),
        behind=np.zeros((3, 2)),
        error=np.zeros((3, 2)),
        best=best,
        suggested=suggested,
        automatic=8,
        automatic_reconstruction=0.3,
        automatic_prediction=np.array([0.18, np.nan]),
        n_frames=40,
        n_pieces=2,
    )


def test_held_out_frames_choose_and_the_suggestion_fills_the_form(docks, session, movie, idle, tmp_path, notices):
    box = docks["Train"].choice
    assert box.plot.isHidden()
    docks["Train"].form.set_value(FitConfig(latents=64, epochs=7, seed=3))
    box.run_button.click()
    assert session.job == "computing"
    assert not box.stop_button.isHidden()
    idle()
    assert box.stop_button.isHidden()
    choice = session.choice
    assert box.summary.text().startswith(f"Suggested: {choice.suggested[0]} latents, order {choice.suggested[1]}")
    assert len(box.plot._curves) == 1 + len(choice.orders)
    x, y = box.plot._automatic.getData()
    assert set(x) == {np.log2(choice.automatic)}
    np.testing.assert_allclose(y, choice.automatic_prediction)
    box.use_button.click()
    config = docks["Train"].form.value()
    assert (config.latents, config.order) == choice.suggested
    assert (config.epochs, config.seed) == (7, 3)
    box.save(str(tmp_path / "choice.csv"))
    assert (tmp_path / "choice.csv").read_text().startswith("latents,order,")
    assert "choice of latents and order" in docks["Train"].figures()
    session.close_movie()
    assert session.choice is None
    assert box.plot.isHidden()


def test_stopping_before_an_answer_keeps_nothing(docks, session, movie, idle, notices):
    box = docks["Train"].choice
    box.run()
    box.stop_button.click()
    idle()
    assert session.choice is None
    assert "Stopped" in notices[-1]


def test_another_network_is_refused_in_words(docks, session, movie, idle, notices):
    box = docks["Train"].choice
    docks["Train"].form.set_value(FitConfig(network="convolutional", latents=16))
    box.run()
    idle()
    assert "footprints" in notices[-1]


def test_the_methods_name_the_choice_only_when_the_fit_follows_it(docks, session, trained):
    session.set_choice(made((trained.latents, trained.var.order)))
    assert session.followed_choice is None  # the fit was there before
    session.fits.remove(trained)
    session.set_choice(made((trained.latents, trained.var.order)))
    assert session.followed_choice is session.choice
    assert docks["Compare"]._methods("M.").startswith("Before any comparison, the number of latents")
    session.set_choice(made((8, 1)))
    assert docks["Compare"]._methods("M.") == "M."


@pytest.mark.long
def test_what_still_rises_is_reported(docks, session, movie):
    box = docks["Train"].choice
    session.set_choice(made())
    assert "more latents may be better" in box.summary.text()
    assert "automatic choice, 8 places" in box.summary.text()
    assert "predicts 18.0% of the variance, the suggestion 20.0%" in box.summary.text()
    session.set_choice(made(suggested=(4, 1), best=(4, 1)))
    assert "more latents may be better" not in box.summary.text()
    assert "the best prediction" in box.summary.text()
