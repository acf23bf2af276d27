"""Tables come back from CSV and Parquet as they were written."""

import builtins

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import napari_varae as nv
from napari_varae.core.movie.odd_frames import OddFrames
from napari_varae.io.tables import latents_table, odd_table, read_latents, read_odd, write_table

LATENTS = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("frame_rate", [None, 30.0])
def test_latents_come_back(tmp_path, ending, frame_rate):
    path = tmp_path / f"latents.{ending}"
    write_table(latents_table(LATENTS, frame_rate), path)
    found = pd.read_csv(path) if ending == "csv" else pd.read_parquet(path)
    assert found.columns[0] == ("frame" if frame_rate is None else "time_s")
    np.testing.assert_array_equal(found.to_numpy()[:, 1:].astype(np.float32), LATENTS)


@given(arrays(np.float32, (20, 2), elements=st.floats(-(2.0**60), 2.0**60, width=32)))
def test_any_latents_come_back_to_the_last_digit(tmp_path_factory, latents):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    write_table(latents_table(latents), path)
    assert read_latents(path, latents.shape).tobytes() == latents.tobytes()


def test_odd_frames_come_back_and_damage_is_reported(tmp_path, rng):
    odd = OddFrames(rng.normal(size=30).astype(np.float32), {3: "bright", 20: "displaced"})
    write_table(odd_table(odd), tmp_path / "frames.csv")
    found = read_odd(tmp_path / "frames.csv", 30)
    assert found.kinds == odd.kinds
    np.testing.assert_array_equal(found.means, odd.means)
    with pytest.raises(nv.DataError, match="not of a movie of 31 frames"):
        read_odd(tmp_path / "frames.csv", 31)
    for text in ("", "frame,mean,odd\n0,high,\n", "frame\n0\n", "frame,mean,odd\n0,1.0,strange\n"):
        (tmp_path / "frames.csv").write_text(text, encoding="utf-8")
        with pytest.raises(nv.DataError):
            read_odd(tmp_path / "frames.csv", 1)


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    def no_pyarrow(name, *args, **kwargs):
        if name.startswith("pyarrow"):
            raise ImportError("No module named 'pyarrow'")
        return imported(name, *args, **kwargs)

    imported = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", no_pyarrow)
    monkeypatch.setattr("pandas.io.parquet.get_engine", lambda _engine: (_ for _ in ()).throw(ImportError("pyarrow")))
    with pytest.raises(nv.DataError, match=r"napari-varae\[parquet\]"):
        write_table(latents_table(LATENTS), tmp_path / "latents.parquet")
    assert not list(tmp_path.iterdir())
