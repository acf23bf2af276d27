"""Batches: every row ends as it would alone, failures stay with their rows, and what is done stays done."""

import json
import threading
import time
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import psutil
import pytest
import tifffile

import napari_varae as nv
from napari_varae.headless.row import run_row
from napari_varae.headless.steps import compare_frames


@pytest.mark.long
def test_twenty_recordings(movies, settings, sheet, client, tmp_path):
    path = sheet("path,mouse", *(f"{{movies}}/m{i}.tif,M{i}" for i in range(20)))
    rows = nv.run_batch(path, tmp_path / "out", settings, client=client)
    assert [row["status"] for row in rows] == 20 * ["done"]
    table = pd.read_csv(tmp_path / "out" / "summary.csv")
    assert list(table["mouse"]) == [f"M{i}" for i in range(20)]
    alone = nv.fit(nv.open_stack(movies / "m7.tif"), settings.fit)
    analysis = nv.open_analysis(tmp_path / "out" / "m7")
    assert analysis.fit.id == alone.id == table["fit"][7]
    np.testing.assert_array_equal(analysis.maps["driver map"], nv.contribution_map(alone, analysis.stack))
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("<section") == 20
    assert page.count("data:image/png") == 40
    assert "http" not in page


def test_a_failed_row_is_reported_and_the_others_go_on(settings, sheet, client, tmp_path):
    path = sheet("path,a,b", "{movies}/m0.tif,0:100,130:240", "{movies}/gone.tif,,", "{movies}/m1.tif,0:100,130:999")
    reported = []
    rows = nv.run_batch(
        path, tmp_path / "out", settings, client=client, report=lambda row, left: reported.append((row["name"], left))
    )
    assert [row["status"] for row in rows] == ["done", "failed", "failed"]
    assert "gone.tif" in rows[1]["failure"]
    assert "999" in rows[2]["failure"]
    assert {name for name, _ in reported} == {"m0", "gone", "m1"}
    assert [left for _, left in reported] == [2, 1, 0]
    assert rows[0]["p_value"] == nv.open_analysis(tmp_path / "out" / "m0").comparisons["comparison"]["p_value"]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "gone.tif" in page
    assert "null distribution" in page


@pytest.mark.long
def test_a_second_run_does_only_what_is_not_done(settings, sheet, client, tmp_path):
    out, lines = tmp_path / "out", ["path", "{movies}/m0.tif", "{movies}/m1.tif"]
    first = nv.run_batch(sheet(*lines), out, settings, client=client)
    reported = []
    again = nv.run_batch(
        sheet(*lines, "{movies}/m2.tif"),
        out,
        settings,
        client=client,
        report=lambda row, _: reported.append(row["name"]),
    )
    assert reported == ["m2"]
    assert again[:2] == first
    other = settings.changed(fit=settings.fit.changed(latents=5))
    changed = nv.run_batch(sheet(*lines), out, other, client=client)
    assert [row["latents"] for row in changed] == [5, 5]


@pytest.mark.long
def test_a_row_that_was_cut_short_goes_on(settings, sheet, client, tmp_path, movies, monkeypatch):
    from napari_varae.headless import row as module
    from napari_varae.headless.sheet import read_sheet

    [row] = read_sheet(sheet("path,a,b", "{movies}/m0.tif,0:100,130:240"), settings)
    whole = run_row(row, settings, str(tmp_path / "whole"))
    for step in ("train_fit", "draw_map", "compare_frames", "draw_card"):

        def die(*_, **__):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(module, step, die)
            with pytest.raises(KeyboardInterrupt):
                run_row(row, settings, str(tmp_path / "cut"))
        log = tmp_path / "cut" / "m0" / "log.txt"
        assert log.read_text(encoding="utf-8").count("began") == 1, step
    found = run_row(row, settings, str(tmp_path / "cut"))
    assert {**found, "seconds": 0} == {**whole, "seconds": 0}


def test_an_analysis_of_the_user_is_not_replaced(settings, sheet, client, tmp_path, movies):
    out, movie = tmp_path / "out", nv.open_stack(movies / "m0.tif")
    mine = nv.Analysis.begin(out / "m0", movie, settings)
    mine.keep_fit(nv.fit(movie, settings.fit))
    [row] = nv.run_batch(sheet("path", "{movies}/m0.tif"), out, settings, client=client)
    assert row["status"] == "failed"
    assert "no batch has made" in row["failure"]
    assert nv.open_analysis(out / "m0").fit.id == mine.fit.id


@pytest.mark.long
def test_what_changed_is_done_again_and_a_fit_that_is_still_right_is_kept(settings, sheet, client, tmp_path, movies):
    out, home = tmp_path / "out", tmp_path / "home"
    home.mkdir()
    movie, trials = home / "m.tif", home / "trials.csv"
    movie.write_bytes((movies / "m0.tif").read_bytes())
    trials.write_text("start,stop,condition\n0,10,go\n13,23,nogo\n")

    def run(**changes):
        path = sheet("path,frame_rate,trials,a,b,unit", f"{movie},10,{trials},go,nogo,s")
        [row] = nv.run_batch(path, out, settings.changed(**changes), client=client)
        assert row["status"] == "done", row
        return row, (out / "m" / "log.txt").read_text(encoding="utf-8").count(" trained ")

    def again():
        done = nv.open_analysis(out / "m")
        return done.comparisons["comparison"]["ranges"], done.fit.id

    first, _ = run()
    ranges, fit = again()
    written = (out / "m" / "fit.varae").stat().st_mtime_ns
    assert run()[0] == first
    assert (out / "m" / "fit.varae").stat().st_mtime_ns == written
    trials.write_text("start,stop,condition\n0,9,go\n13,23,nogo\n")
    second, _ = run()
    assert again()[0] != ranges
    assert again()[1] == fit
    assert second["fit"] == first["fit"]
    fewer, _ = run(comparison=settings.comparison.changed(resamples=settings.comparison.resamples - 1))
    assert fewer["fit"] == fit
    movie.write_bytes((movies / "m1.tif").read_bytes())
    other, _ = run()
    assert other["fit"] != fit
    assert other["fit"] == nv.fit(nv.open_stack(movie), nv.open_analysis(out / "m").settings.fit).id


@pytest.mark.long
def test_what_a_user_added_by_hand_is_set_aside_and_reported(settings, sheet, client, tmp_path):
    out, lines = tmp_path / "out", ["path", "{movies}/m0.tif"]
    [first] = nv.run_batch(sheet(*lines), out, settings, client=client)
    assert "set_aside" not in first
    fewer = settings.changed(comparison=settings.comparison.changed(resamples=19))
    nv.run_batch(sheet(*lines), out, fewer, client=client)
    assert [path.name for path in out.iterdir() if path.is_dir()] == ["m0"]  # nothing of the user was there
    mine = nv.open_analysis(out / "m0")
    compare_frames(mine, [(0, 100)], [(130, 240)])  # as 'napari-varae compare' does, by its default name
    compared = sheet("path,a,b", "{movies}/m0.tif,0:90,150:240")
    [row] = nv.run_batch(compared, out, settings, client=client)
    assert row["set_aside"] == str(out / "m0-before")
    before, now = nv.open_analysis(out / "m0-before"), nv.open_analysis(out / "m0")
    assert before.comparisons["comparison"]["ranges"]["a"] == [[0, 100]]
    assert before.fit.id == now.fit.id == row["fit"]  # the fit is still the right one
    assert now.comparisons["comparison"]["ranges"]["a"] == [[0, 90]]
    assert "set aside" in (out / "m0" / "log.txt").read_text(encoding="utf-8")
    assert nv.run_batch(compared, out, settings, client=client) == [row]
    assert str(out / "m0-before") in (out / "summary.csv").read_text(encoding="utf-8")


@pytest.mark.long
def test_shifts_that_come_with_the_movie_are_not_of_the_user(settings, tmp_path, movies):
    """A folder of suite2p brings shifts, which lie in the analysis from the beginning."""
    from napari_varae.headless.sheet import read_sheet

    plane, movie = tmp_path / "recording" / "plane0", tifffile.imread(movies / "m0.tif")
    plane.mkdir(parents=True)
    movie.astype("<i2").tofile(plane / "data.bin")
    shifts = {"yoff": np.ones(len(movie), int), "xoff": np.zeros(len(movie), int)}
    np.save(plane / "ops.npy", {"Ly": movie.shape[1], "Lx": movie.shape[2], **shifts})
    (tmp_path / "sheet.csv").write_text("path,name\nrecording,one\n", encoding="utf-8")
    [row] = read_sheet(tmp_path / "sheet.csv", settings)
    run_row(row, settings, str(tmp_path / "out"))
    assert (tmp_path / "out" / "one" / "shifts.csv").is_file()
    other = settings.changed(comparison=settings.comparison.changed(resamples=19))
    assert "set_aside" not in run_row(row, other, str(tmp_path / "out"))


@pytest.mark.long
@pytest.mark.parametrize("what", ["map", "cells", "frame set", "fit", "robustness"])
def test_anything_that_was_added_or_changed_counts(settings, sheet, tmp_path, what):
    from napari_varae.headless.sheet import read_sheet

    [row] = read_sheet(sheet("path", "{movies}/m0.tif"), settings)
    run_row(row, settings, str(tmp_path))
    mine = nv.open_analysis(tmp_path / "m0")
    if what == "map":
        mine.keep_map(np.eye(24), "driver map")
    elif what == "cells":
        mine.keep_cells(nv.Cells.from_labels(np.eye(24, dtype=int)))
    elif what == "frame set":
        mine.keep_frame_sets({"go": [(0, 20)]})
    elif what == "fit":
        changed = mine.fit.with_penalty(2 * mine.fit.var.penalty + 0.1)
        mine.keep_fit(changed)
    else:
        (tmp_path / "m0" / "comparisons").mkdir()
        (tmp_path / "m0" / "comparisons" / "robustness.csv").write_text("change\n")
    other = settings.changed(comparison=settings.comparison.changed(resamples=19))
    found = run_row(row, other, str(tmp_path))
    assert found["set_aside"] == str(tmp_path / "m0-before")
    assert nv.open_analysis(tmp_path / "m0-before").has_fit
    if what == "fit":
        assert found["fit"] != changed.id  # a fit that the user changed is not that of the batch


def test_what_would_not_fit_into_memory_is_not_begun(settings, sheet, tmp_path):
    from napari_varae.headless.sheet import read_sheet

    [row] = read_sheet(sheet("path", "{movies}/m0.tif"), settings)
    with pytest.raises(nv.TrainingError, match="GB of memory"):
        run_row(row, settings, str(tmp_path), memory=10**6)
    assert not (tmp_path / "m0").exists()


def test_the_page_is_well_formed(settings, sheet, client, tmp_path):
    path = sheet("path,name,a,b", '{movies}/m0.tif,"a & <b>",0:100,130:240')
    with pytest.raises(nv.DataError, match="name of a folder"):
        nv.run_batch(path, tmp_path / "out", settings, client=client)
    nv.run_batch(sheet("path,name", "{movies}/m0.tif,a & b"), tmp_path / "out", settings, client=client)
    card = (tmp_path / "out" / "a & b" / "card.html").read_text(encoding="utf-8")
    figures = [image.get("src")[:15] for image in ET.fromstring(card).iter("img")]
    assert figures == [*2 * ["data:image/png;"], "data:image/svg+"]


@pytest.mark.long
def test_killed_workers_lose_nothing_but_their_rows(settings, sheet, tmp_path):
    """All workers are killed while the first row trains; it goes on from its checkpoint, and every row ends."""
    path = sheet("path,epochs,patience", *(f"{{movies}}/m{i}.tif,{40 * (i == 0)},1000" for i in range(4)))
    out, killed = tmp_path / "out", []

    def kill():
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not (out / "m0" / "checkpoint" / "state.safetensors").exists():
            time.sleep(0.01)
        for process in psutil.Process().children():
            if "spawn_main" in " ".join(process.cmdline()):  # and not the resource tracker
                process.kill()
                killed.append(process.pid)

    thread = threading.Thread(target=kill)
    thread.start()
    rows = nv.run_batch(path, out, settings, workers=2)
    thread.join()
    assert len(killed) == 2
    assert [row["status"] for row in rows] == 4 * ["done"]
    events = [line.split()[1] for line in (out / "m0" / "log.txt").read_text(encoding="utf-8").splitlines()]
    assert events[:3] == ["began", "resumed", "trained"]


@pytest.mark.long
def test_the_real_recordings(recordings, tmp_path):
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(
        "path,a,b\n"
        f"{recordings / 'mouse_somata_2p.tif'},0:900,1000:2000\n"
        f"{recordings / 'mouse_tactile_2p.tif'},0:240,260:500\n",
        encoding="utf-8",
    )
    from napari_varae.core.settings_file import read_settings

    settings = read_settings(changes=["latents=16", "epochs=1", "resamples=39", "power_draws=0", "halves=false"])
    rows = nv.run_batch(sheet, tmp_path / "out", settings, workers=2)
    assert [row["status"] for row in rows] == ["done", "done"]
    assert all(0.02 < row["reconstruction_fve"] < 1 for row in rows)
    assert all(row["p_value"] <= 1 for row in rows)
    json.dumps(rows, allow_nan=False)


def test_behaviour_is_regressed_out(settings, sheet, client, tmp_path, movies):
    speed = np.cumsum(np.random.default_rng(0).normal(size=240))
    (tmp_path / "run.csv").write_text("speed\n" + "".join(f"{value:.4f}\n" for value in speed))
    path = sheet("path,a,b,covariate", "{movies}/m0.tif,0:110,120:240,run.csv:speed")
    [row] = nv.run_batch(path, tmp_path / "out", settings, client=client)
    assert row["status"] == "done"
    kept = nv.open_analysis(tmp_path / "out" / "m0")
    direct = nv.compare(
        kept.fit, kept.stack, (0, 110), (120, 240), kept.settings.comparison, latents=kept.latents, covariates=speed
    )
    assert row["p_value"] == pytest.approx(direct.p_value)
    assert row["statistic"] == pytest.approx(direct.statistic, rel=1e-4)
    (tmp_path / "run.csv").write_text("speed\n" + "1.5\n" * 239 + "2\n")
    [again] = nv.run_batch(path, tmp_path / "out", settings, client=client)
    assert again["statistic"] != row["statistic"]  # another file of the same name
