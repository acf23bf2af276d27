"""Behaviour that is regressed out, named on the command line and in sheets."""

import numpy as np
import pytest

import napari_varae as nv
from napari_varae.io.covariates import open_covariates, split_name


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "running.csv"
    rows = "".join(f"{t / 10},{t},{2 * t}\n" for t in range(20))
    path.write_text(f"time,speed,pupil\n{rows}")
    return path


def test_one_trace_or_all(table):
    assert open_covariates((), 20) is None
    speed = open_covariates([f"{table}:speed"], 20, 10.0)
    np.testing.assert_allclose(speed[:, 0], np.arange(20))
    assert speed.shape == (20, 1)
    both = open_covariates([str(table)], 20, 10.0)
    np.testing.assert_allclose(both, np.column_stack([np.arange(20), 2 * np.arange(20)]))
    assert open_covariates([f"{table}:pupil", str(table)], 20, 10.0).shape == (20, 3)


def test_what_is_not_there_is_reported(table):
    with pytest.raises(nv.DataError, match="no trace 'lick'; it has speed, pupil"):
        open_covariates([f"{table}:lick"], 20, 10.0)
    with pytest.raises(nv.DataError):
        open_covariates([f"{table}x:speed"], 20, 10.0)
    with pytest.raises(ValueError, match="frame_rate"):
        open_covariates([str(table)], 20)


def test_a_colon_may_belong_to_the_path(tmp_path):
    path = tmp_path / "a:b.csv"
    path.write_text("speed\n1\n")
    assert split_name(str(path)) == (path, None)
    assert split_name(f"{path}:speed") == (path, "speed")
    assert split_name("C:/missing.csv")[1] is None
