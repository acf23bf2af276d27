"""A fit with another penalty: the VAR of that penalty, the same autoencoder, and where it came from."""

import numpy as np
import pytest

import napari_varae as nv


@pytest.fixture(scope="module")
def recording():
    return nv.simulate(nv.SimulationConfig(frames=300, height=32, width=32, cells=4, soma_radius=3, seed=0)).stack


@pytest.fixture(scope="module")
def fit(recording):
    return nv.fit(recording, nv.FitConfig(latents=5, epochs=0))


def test_the_var_is_that_of_the_penalty_and_all_else_stays(fit, recording):
    before = fit.var.coefficients.copy()
    changed = fit.with_penalty(0.03)
    direct = nv.lasso(fit.var.gram, fit.var.cross, 0.03, np.concatenate(list(fit.var.weights), axis=1))
    np.testing.assert_allclose(changed.var.coefficients[0], direct, atol=1e-10)
    assert (changed.config.sparsity, changed.config.penalty, changed.var.penalty) == ("fixed", 0.03, 0.03)
    np.testing.assert_array_equal(fit.var.coefficients, before)
    assert changed.id != fit.id
    assert changed.id == fit.with_penalty(0.03).id
    np.testing.assert_array_equal(changed.encode(recording, (0, 20)), fit.encode(recording, (0, 20)))
    residual = changed.var.covariance - changed.var.innovation_covariance
    assert np.trace(residual) > np.trace(fit.var.covariance - fit.with_penalty(1.0).var.innovation_covariance)


def test_where_it_came_from_is_kept_in_the_file(fit, tmp_path):
    changed = fit.with_penalty(0.03)
    for penalty in (0.04, 0.05):
        changed = changed.with_penalty(penalty)
    loaded = nv.load_fit(changed.save(tmp_path / "sparser"))
    assert loaded.id == changed.id
    assert loaded.var.penalty == loaded.config.penalty == 0.05
    first, last = [note for note in loaded.notes if "Penalty" in note]
    assert fit.id in first  # the fit that was trained
    assert "chosen by bic" in first
    assert "0.05 instead of 0.04" in last


def test_what_is_known_of_the_network_is_known_of_the_new_fit(fit):
    places = fit.places
    assert fit.with_penalty(0.2).places is places


@pytest.mark.parametrize("penalty", [-0.1, 1.5, float("nan")])
def test_a_penalty_must_be_possible(fit, penalty):
    with pytest.raises(ValueError, match="from 0 to 1"):
        fit.with_penalty(penalty)
