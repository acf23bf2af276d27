"""What was opened last."""

import numpy as np
import pytest
import tifffile

import napari_varae as nv
from napari_varae.session import recent as module
from napari_varae.session.recent import note_analysis, note_movie, recent


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_path", lambda: tmp_path / "data" / "recent.json")
    return tmp_path / "data" / "recent.json"


@pytest.fixture
def movies(tmp_path):
    for i in range(12):
        tifffile.imwrite(tmp_path / f"{i}.tif", np.random.default_rng(i).integers(0, 99, (30, 8, 8), dtype=np.uint16))
    return [tmp_path / f"{i}.tif" for i in range(12)]


def test_the_last_ten_that_exist_with_their_options(movies, tmp_path):
    for movie in movies:
        note_movie(nv.open_stack(movie, frame_rate=7.0))
    (tmp_path / "results").mkdir()
    note_analysis(str(tmp_path / "results"))
    found = recent()
    assert len(found) == 10
    assert found[0].name == f"Analysis results ({tmp_path})"
    assert found[1].paths == (str(movies[11]),)
    assert found[1].options == {"frame_rate": 7.0}
    movies[11].unlink()
    assert [one.paths[0] for one in recent()][:2] == [str(tmp_path / "results"), str(movies[10])]


def test_one_opened_again_is_listed_once_as_it_is_now(movies):
    for rate in (7.0, 8.0):
        note_movie(nv.open_stack(movies[0], frame_rate=rate))
        note_movie(nv.open_stack(movies[1]))
    assert [(one.paths[0], one.options.get("frame_rate")) for one in recent()] == [
        (str(movies[1]), None),
        (str(movies[0]), 8.0),
    ]


@pytest.mark.parametrize("damage", ["", "{}", "[3]", '[{"kind": "movie", "paths": [], "options": {}}]'])
def test_a_damaged_list_is_begun_again(path, movies, damage):
    path.parent.mkdir()
    path.write_text(damage, encoding="utf-8")
    assert recent() == []
    note_movie(nv.open_stack(movies[0]))
    assert len(recent()) == 1


def test_an_array_is_not_listed(rng):
    note_movie(nv.Stack(rng.normal(size=(30, 8, 8))))
    assert recent() == []
