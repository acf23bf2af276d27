"""The commands from a movie to a p-value, with the same numbers as the Python interface."""

import json
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile

import napari_varae as nv
from napari_varae.core.settings import ComparisonConfig, FitConfig
from napari_varae.headless.steps import placebo_settings
from napari_varae.io.map_tiff import read_map

QUICK = ("--set", "resamples=39", "--set", "power_draws=0", "--set", "halves=false", "--blocks", 4)


@pytest.fixture
def folder(trained, tmp_path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "mouse"))


def test_train_leaves_the_fit_that_python_gives(trained, recording):
    config = FitConfig(latents=4, epochs=1, threads=1)
    fit = nv.fit(nv.open_stack(recording, frame_rate=10.0), config)
    assert nv.load_fit(trained / "fit.varae").id == fit.id
    analysis = nv.open_analysis(trained)
    assert analysis.settings.fit == config
    np.testing.assert_array_equal(analysis.latents, fit.encode(analysis.stack))
    assert not analysis.checkpoint.exists()


def test_train_takes_a_settings_file_and_options_go_before_it(run, recording, tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("epochs = 0\n[fit]\nlatents = 5\nthreads = 1\n[comparison]\nresamples = 39\n", encoding="utf-8")
    status, out, _ = run(
        "train", recording, "--out", tmp_path / "d", "--settings", file, "--set", "latents=3", "--json"
    )
    assert status == 0
    assert json.loads(out)["latents"] == 3
    settings = nv.open_analysis(tmp_path / "d").settings
    assert (settings.fit.epochs, settings.comparison.resamples) == (0, 39)


def test_bad_frames_come_from_a_table(run, recording, tmp_path):
    table = tmp_path / "bad.csv"
    table.write_text("frame,bad\n5,1\n6,0\n9,1\n")
    few = "--set", "latents=2", "--set", "epochs=0", "--set", "threads=1"
    status, _, _ = run("train", recording, "--out", tmp_path / "d", "--bad-frames", table, *few)
    assert status == 0
    assert nv.open_analysis(tmp_path / "d").stack.bad_frames == {5, 9}
    table.write_text("frame\n5000\n")
    status, _, err = run("train", recording, "--out", tmp_path / "e", "--bad-frames", table, *few)
    assert status != 0
    assert "whole numbers" in err


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--set", "latnets=3"], "latents"),
        (["--set", "latents"], "KEY=VALUE"),
        (["--latents", "0"], "whole number"),
        (["--mode", "magic"], "two_stage"),
        (["--settings", "missing.toml"], "missing.toml"),
    ],
)
def test_a_wrong_setting_is_a_wrong_command_line(run, recording, tmp_path, options, found):
    status, _, err = run("train", recording, "--out", tmp_path / "d", *options)
    assert status == 2
    assert found in " ".join(err.split())
    assert not (tmp_path / "d").exists()


def test_every_setting_is_an_option_with_its_default(run):
    for command, model in (("train", FitConfig), ("compare", ComparisonConfig)):
        status, out, _ = run(command, "--help")
        assert status == 0
        for name in model.model_fields:
            assert f"--{name.replace('_', '-')} " in out


def test_an_analysis_is_not_replaced_by_accident(run, folder, recording):
    status, _, err = run("train", recording, "--out", folder)
    assert status == 1
    assert "holds an analysis already" in err
    assert "--overwrite" in err
    assert (folder / "fit.varae").exists()


def test_compare_prints_what_python_finds_and_keeps_it(run, folder):
    status, out, err = run("compare", folder, "--a", "0:140", "--b", "170:320", "--json", *QUICK)
    assert status == 0, err
    printed = json.loads(out)
    analysis = nv.open_analysis(folder)
    config = nv.ComparisonConfig(resamples=39, power_draws=0, halves=False, blocks=4)
    result = nv.compare(analysis.fit, analysis.stack, (0, 140), (170, 320), config)
    expected = json.loads(json.dumps(result.as_dict()))
    assert {name: printed[name] for name in expected} == expected
    assert analysis.comparisons["comparison"] == expected
    assert analysis.frame_sets["comparison B"] == ((170, 320),)


def test_ranges_in_seconds_and_by_name(run, folder):
    first = json.loads(run("compare", folder, "--a", "0:14", "--b", "17:32", "--unit", "s", "--json", *QUICK)[1])
    again = json.loads(run("compare", folder, "--a", "comparison A", "--b", "comparison B", "--json", *QUICK)[1])
    assert first["ranges"] == again["ranges"] == {"a": [[0, 140]], "b": [[170, 320]]}
    assert first["p_value"] == again["p_value"]
    assert Path(again["file"]).name == "comparison-2.json"


def test_a_joined_file_is_a_frame_set(run, recording, tmp_path):
    frames = tifffile.imread(recording)
    for name, part in (("control", frames[:150]), ("drug", frames[150:])):
        tifffile.imwrite(tmp_path / f"{name}.tif", part, metadata={"axes": "TYX"})
    few = "--set", "latents=3", "--set", "epochs=0", "--set", "threads=1"
    assert run("train", tmp_path / "control.tif", tmp_path / "drug.tif", "--out", tmp_path / "d", *few)[0] == 0
    status, out, _ = run("compare", tmp_path / "d", "--a", "control", "--b", "drug", *QUICK, "--json")
    assert status == 0
    assert json.loads(out)["ranges"] == {"a": [[0, 150]], "b": [[150, 320]]}
    status, _, err = run("compare", tmp_path / "d", "--a", "control", "--b", "dose", *QUICK)
    assert (status, "control, drug" in err) == (1, True)


def test_a_condition_of_the_trials_is_a_frame_set(run, folder):
    analysis = nv.open_analysis(folder)
    analysis.keep_trials(nv.Trials([0.0, 17.0], [14.0, 32.0], ["go", "nogo"], "s", frame_rate=10.0))
    printed = json.loads(run("compare", folder, "--a", "go", "--b", "nogo", "--json", *QUICK)[1])
    assert printed["ranges"] == {"a": [[0, 140]], "b": [[170, 320]]}


def test_compare_prints_a_table_for_people(run, folder):
    out = run("compare", folder, "--a", "0:140", "--b", "170:320", *QUICK)[1]
    rows = dict(line.split(None, 1) for line in out.splitlines())
    assert float(rows["p_value"]) == nv.open_analysis(folder).comparisons["comparison"]["p_value"]
    assert "null" not in rows


@pytest.mark.parametrize("text", ["0:999", "apples", "0:100,50:120"])
def test_a_wrong_range_ends_with_a_message(run, folder, text):
    status, _, err = run("compare", folder, "--a", text, "--b", "170:320", *QUICK)
    assert status == 1
    assert "--a" in err
    assert "Traceback" not in err


def test_a_map_is_a_tiff_with_its_definition(run, folder, tmp_path):
    status, out, err = run("map", folder, "--kind", "driver", "--out", tmp_path / "map.tif", "--json")
    assert status == 0, err
    analysis = nv.open_analysis(folder)
    expected = nv.contribution_map(analysis.fit, analysis.stack, kind="driver")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "map.tif"), expected)
    assert read_map(tmp_path / "map.tif")[1]["fit"] == json.loads(out)["fit"] == analysis.fit.id
    assert run("map", folder, "--kind", "effect", "--target", 1, "--own-past")[0] == 0
    assert list(analysis.maps) == ["effect map of latent 1"]
    lag, target, source = (int(i[0]) for i in np.nonzero(analysis.fit.var.coefficients == 0))
    _, out, _ = run("map", folder, "--edge", f"{lag + 1},{target},{source}")
    assert "is empty: this coefficient is zero" in out


def test_evaluate_prints_what_python_finds(run, folder):
    printed = json.loads(run("evaluate", folder, "--frames", "200:320", "--json")[1])
    analysis = nv.open_analysis(folder)
    assert printed == pytest.approx(nv.evaluate(analysis.fit, analysis.stack, (200, 320)))


def test_a_placebo_prints_its_p_values(run, folder):
    out = run("placebo", folder, "--a", "0:100", "--b", "160:260", "--repeats", 2, "--json",
              "--resamples", 19, "--level", 0.05, "--blocks", 0)[1]  # fmt: skip
    assert len(json.loads(out)["p_values"]) == 2
    assert json.loads(out)["verdicts"] == {}


def test_a_placebo_becomes_part_of_the_comparisons_that_it_suits(run, folder, running):
    ranges = "--a", "0:100", "--b", "160:260"
    for name, more in (
        ("same", ()),
        ("without correction", ("--set", "correct_noise=false")),
        ("running", ("--covariate", f"{running}:speed")),
    ):
        assert run("compare", folder, *ranges, "--name", name, *QUICK, *more)[0] == 0
    assert run("compare", folder, "--a", "0:100", "--b", "160:270", "--name", "other", *QUICK)[0] == 0
    for name, text in (("stray", "{}"), ("broken", "{")):
        (folder / "comparisons" / f"{name}.json").write_text(text, encoding="utf-8")
    few = "--set", "resamples=19", "--set", "level=0.05", "--blocks", 4
    printed = json.loads(run("placebo", folder, *ranges, "--repeats", 2, *few, "--json")[1])
    assert list(printed["verdicts"]) == ["same"]
    assert list(printed["unread"]) == ["broken", "stray"]
    assert "Compare again" in printed["unread"]["stray"]
    analysis = nv.open_analysis(folder)
    kept = {name: analysis.comparison(name).placebo for name in ("same", "without correction", "running", "other")}
    assert kept == {"same": tuple(printed["p_values"]), "without correction": (), "running": (), "other": ()}
    again = json.loads(run("placebo", folder, *ranges, "--repeats", 1, "--seed", 5, *few, "--json")[1])
    assert again["verdicts"] == {}  # it has more pairs already
    assert analysis.comparison("same").placebo == kept["same"]


def test_a_placebo_has_few_draws_whatever_the_level_of_the_comparison(run, folder):
    analysis = nv.open_analysis(folder)
    strict = analysis.settings.comparison.changed(level=0.002, resamples=999)
    assert placebo_settings(analysis.settings.changed(comparison=strict)).comparison == strict.changed(
        level=0.05, resamples=99
    )


def test_robustness_prints_and_keeps_its_rows(run, folder):
    arguments = ("robustness", folder, "--a", "0:140", "--b", "170:320", "--vary", "order, noise", *QUICK)
    status, out, err = run(*arguments, "--json")
    assert status == 0, err
    printed = json.loads(out)
    assert [row["change"] for row in printed["rows"]] == ["as chosen", "order 2", "order 3", "without noise correction"]
    rows = Path(printed["file"]).read_text(encoding="utf-8").splitlines()
    assert (len(rows), Path(printed["file"]).name) == (5, "robustness.csv")
    assert printed["rows"][0]["verdict"] in rows[1]
    assert "coupling p = " in run(*arguments)[1]
    assert run(*arguments[: -len(QUICK) - 1], "colour")[0] == 1


def test_choose_suggests_latents_and_order(run, recording, tmp_path):
    arguments = ("choose", recording, "--latents", "2,4", "--orders", "1,2", "--set", "threads=1")
    status, out, err = run(*arguments, "--csv", tmp_path / "choice.csv", "--json")
    assert status == 0, err
    printed = json.loads(out)
    assert printed["suggested"]["latents"] in (2, 4)
    assert len(printed["rows"]) == 4 == len((tmp_path / "choice.csv").read_text(encoding="utf-8").splitlines()) - 1
    assert "4 latents, order 2" in run(*arguments)[1]
    assert run("choose", recording, "--latents", "many")[0] == 2


def test_open_reports_what_a_file_holds(run, recording):
    facts = json.loads(run("open", recording, "--json", "--frame-rate", 5)[1])
    assert (facts["shape"], facts["frame rate in Hz"]) == ([320, 32, 32], 5.0)
    assert any("Frame rate: 5 Hz as given" in note for note in facts["notes"])


def test_a_moved_movie_is_asked_for(run, recording, folder, tmp_path):
    analysis = nv.open_analysis(folder)
    record = (folder / "analysis.toml").read_text(encoding="utf-8")
    (folder / "analysis.toml").write_text(record.replace("movie.tif", "elsewhere.tif"), encoding="utf-8")
    status, _, err = run("evaluate", folder)
    assert status == 1
    assert "--movie" in err
    found = json.loads(run("evaluate", folder, "--movie", recording, "--json")[1])
    assert found == pytest.approx(nv.evaluate(analysis.fit, analysis.stack))


@pytest.mark.long
def test_a_killed_training_goes_on(recording, tmp_path, run):
    out = tmp_path / "killed"
    script = f"""
import os
from napari_varae.core.training import checkpoint
keep = checkpoint.Checkpoint.keep_state
def keep_and_die(self, start):
    keep(self, start)
    os._exit(9)
checkpoint.Checkpoint.keep_state = keep_and_die
from napari_varae.cli import main
main(["train", {str(recording)!r}, "--out", {str(out)!r}, "--latents", "4", "--epochs", "1", "--threads", "1"])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 9, done.stderr
    status, _, err = run("map", out)
    assert status == 1
    assert "napari-varae resume" in err
    assert run("resume", out)[0] == 0
    analysis = nv.open_analysis(out)
    assert [report.epoch for report in analysis.fit.history] == [0, 1]
    assert "resumed" in (out / "log.txt").read_text(encoding="utf-8")
    assert len(analysis.latents) == 320
    assert run("resume", out)[0] == 0  # there is nothing left to do


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_the_first_interrupt_keeps_the_best_epoch(recording, tmp_path, run):
    threading.Timer(0.5, signal.raise_signal, [signal.SIGINT]).start()
    status, out, err = run("train", recording, "--out", tmp_path / "d", "--latents", 4, "--epochs", 100_000,
                           "--patience", 100_000, "--threads", 1, "--json")  # fmt: skip
    assert status == 130
    assert "Stopping" in err
    assert json.loads(out)["stopped"]
    assert nv.open_analysis(tmp_path / "d").fit.latents == 4


def test_export_writes_tables_and_nwb(run, folder, tmp_path):
    import pandas as pd

    analysis = nv.open_analysis(folder)
    assert run("export", folder, "--out", tmp_path / "z.csv")[0] == 0
    table = pd.read_csv(tmp_path / "z.csv")
    assert table["time_s"][10] == 1.0
    np.testing.assert_array_equal(table.to_numpy()[:, 1:].astype(np.float32), analysis.latents)
    assert run("export", folder, "--out", tmp_path / "links.csv", "--what", "links")[0] == 0
    links = pd.read_csv(tmp_path / "links.csv")
    assert len(links) == np.count_nonzero(analysis.fit.var.coefficients)
    status, _, err = run("export", folder, "--out", tmp_path / "c.csv", "--what", "comparisons")
    assert (status, "Compare first" in err) == (1, True)
    assert run("export", folder, "--out", tmp_path / "z.xlsx")[0] == 1
    assert run("export", folder, "--out", tmp_path / "z.nwb")[0] == 0
    assert (tmp_path / "z.nwb").exists()


def test_exported_tables_name_cells(run, folder, tmp_path):
    import pandas as pd

    labels = np.zeros((32, 32), np.uint16)
    labels[:16], labels[16:] = 7, 8
    tifffile.imwrite(tmp_path / "cells.tif", labels)
    options = "--cells", tmp_path / "cells.tif"
    fit = nv.open_analysis(folder).fit
    named = nv.match_cells(fit, nv.open_cells(labels))["cell"].astype(str)
    assert run("export", folder, "--out", tmp_path / "l.csv", "--what", "links", *options)[0] == 0
    links = pd.read_csv(tmp_path / "l.csv", dtype={"target_cell": str, "source_cell": str})
    for end in ("target", "source"):
        assert links[f"{end}_cell"].tolist() == [named[k] for k in links[end]]
    assert run("export", folder, "--out", tmp_path / "z.csv", *options)[0] == 0
    assert list(pd.read_csv(tmp_path / "z.csv").columns)[-1].endswith(f"({named[3]})")
    assert run("export", folder, "--out", tmp_path / "z.nwb", *options)[0] == 0
    tifffile.imwrite(tmp_path / "cells.tif", labels[:20])
    status, _, err = run("export", folder, "--out", tmp_path / "l.csv", "--what", "links", *options)
    assert (status, "20" in err) == (1, True)


@pytest.mark.long
def test_export_draws_figures(run, folder, tmp_path):
    for what, text in (("latents", "Latents"), ("links", "Target latent"), ("training", "Epoch")):
        assert run("export", folder, "--out", tmp_path / f"{what}.svg", "--what", what)[0] == 0
        assert text in (tmp_path / f"{what}.svg").read_text()
    status, _, err = run("export", folder, "--out", tmp_path / "training.csv", "--what", "training")
    assert (status, ".svg or .png" in err) == (1, True)
    status, _, err = run("export", folder, "--out", tmp_path / "null.svg", "--what", "comparisons")
    assert (status, "Compare first" in err) == (1, True)


@pytest.fixture
def running(tmp_path):
    path = tmp_path / "running.csv"
    steps = np.random.default_rng(1).normal(size=(320, 2)).cumsum(0)
    path.write_text("speed,licks\n" + "".join(f"{a!r},{b!r}\n" for a, b in steps.tolist()), encoding="utf-8")
    return path


@pytest.mark.long
def test_cells_and_covariates_are_those_of_the_analysis_unless_others_are_named(run, recording, running, tmp_path):
    labels, other = np.zeros((2, 32, 32), np.uint16)
    labels[2:9, 2:9], labels[10:30, 10:30], other[:, :] = 4, 9, 77
    other[:2] = 0
    tifffile.imwrite(tmp_path / "cells.tif", labels)
    tifffile.imwrite(tmp_path / "other.tif", other)
    folder, few = tmp_path / "d", ("--set", "latents=4", "--set", "epochs=0", "--set", "threads=1")
    brought = "--cells", tmp_path / "cells.tif", "--behaviour", running
    assert run("train", recording, "--out", folder, "--frame-rate", 10, *brought, *few)[0] == 0
    analysis = nv.open_analysis(folder)
    assert analysis.cells.ids == (4, 9)

    def named(*options):
        assert run("export", folder, "--out", tmp_path / "links.csv", "--what", "links", *options)[0] == 0
        header, *rows = (tmp_path / "links.csv").read_text().splitlines()
        return {row.split(",")[-1] for row in rows} if "source_cell" in header else set()

    assert named() <= {"4", "9", "several", "none"}
    assert named() != {"none"}
    assert named("--cells", "none") == set()
    assert named("--cells", tmp_path / "other.tif") <= {"77", "none"}

    def found(*options):
        status, out, err = run("compare", folder, "--a", "0:140", "--b", "170:320", "--json", *QUICK, *options)
        assert status == 0, err
        return json.loads(out), err

    plain, err = found()
    assert (plain["n_covariates"], "Regressed out" in err) == (0, False)
    by_name, _ = found("--covariate", "speed", "--covariate-lags", 1)
    by_file, _ = found("--covariate", f"{running}:speed", "--covariate-lags", 1)
    assert by_name["n_covariates"] == by_file["n_covariates"] == 2
    assert by_name["p_value"] == by_file["p_value"]
    analysis.keep_behaviour(analysis.behaviour, ["speed"], 1)  # as chosen in the window
    own, err = found()
    assert "Regressed out, as in this analysis: speed, at lags of 0 to 1 frames." in err
    assert own["statistic"] == by_name["statistic"] != plain["statistic"]
    assert found("--covariate-lags", 0)[0]["n_covariates"] == 1
    assert found("--covariate", "none")[0]["statistic"] == plain["statistic"]
    nothing = "--a", "0:140", "--b", "170:320", "--covariate", "none", "--covariate-lags", 2
    status, _, err = run("compare", folder, *nothing, *QUICK)
    assert status != 0
    assert "Lags need a covariate" in err
    assert found("--covariate", "licks")[0]["n_covariates"] == 1
    status, _, err = run("compare", folder, "--a", "0:140", "--b", "170:320", "--covariate", "sped", *QUICK)
    assert (status, "no trace 'sped'. Choose one of speed, licks." in err) == (1, True)
    running.rename(tmp_path / "moved.csv")
    status, _, err = run("compare", folder, "--a", "0:140", "--b", "170:320", *QUICK)
    assert (status, "moved or deleted" in err, "leave it out: --covariate none" in err) == (1, True, True)
    assert run("compare", folder, "--a", "0:140", "--b", "170:320", "--covariate", "none", *QUICK)[0] == 0


def test_a_wrong_cell_or_trace_is_found_before_the_training(run, recording, running, tmp_path):
    tifffile.imwrite(tmp_path / "cells.tif", np.eye(16, dtype=np.uint16))
    status, _, err = run("train", recording, "--out", tmp_path / "d", "--cells", tmp_path / "cells.tif")
    assert (status, "16 x 16" in err) == (1, True)
    assert not (tmp_path / "d").exists()


@pytest.mark.long
def test_conditions_are_compared_over_all_and_in_pairs(run, folder):
    analysis = nv.open_analysis(folder)
    analysis.keep_frame_sets({"speed == 2": [(0, 100)], "stop": [(110, 210)]})
    chosen = "--condition", "speed == 2", "--condition", "stop", "--condition", "rest = 21.5:32"
    status, out, err = run("conditions", folder, *chosen[:-1], "rest=215:320", "--json", *QUICK)
    assert status == 0, err
    printed = json.loads(out)
    config = nv.ComparisonConfig(resamples=39, power_draws=0, halves=False, blocks=4)
    ranges = {"speed == 2": (0, 100), "stop": (110, 210), "rest": (215, 320)}
    expected = nv.compare_conditions(analysis.fit, analysis.stack, ranges, config, latents=analysis.latents)
    assert printed["omnibus"] == json.loads(json.dumps(expected.as_dict()))["omnibus"]
    assert Path(printed["file"]).parts[-3:] == ("comparisons", "conditions", "conditions.json")
    status, out, _ = run("conditions", folder, *chosen, "--unit", "s", *QUICK)
    assert status == 0
    assert "stop and rest" in out
    status, _, err = run("conditions", folder, *chosen[:4])
    assert (status, "three or more" in err) == (1, True)
    status, _, err = run("conditions", folder, *chosen, "--condition", "stop")
    assert (status, "same name" in err) == (2, True)


def test_a_map_less_another_and_of_one_frame(run, folder):
    analysis = nv.open_analysis(folder)
    fit, stack = analysis.fit, analysis.stack
    own = {"target": 1, "own_past": True}
    options = "--target", 1, "--own-past", "--json"
    printed = json.loads(run("map", folder, "--frames", "0:140", "--minus", "170:320", *options)[1])
    assert printed["name"].endswith("over 0-140 minus 170-320")
    expected = nv.contribution_map(fit, stack, frames=(0, 140), **own)
    expected = expected - nv.contribution_map(fit, stack, frames=(170, 320), **own)
    assert expected.any()
    np.testing.assert_array_equal(read_map(printed["file"])[0], expected)
    printed = json.loads(run("map", folder, "--frame", 50, *options)[1])
    expected = nv.FrameContributions(fit, stack, **own)(50, 51)[0]
    assert expected.any()
    np.testing.assert_array_equal(read_map(printed["file"])[0], expected)
    assert (printed["frames"], printed["caution"]) == ([[50, 51]], None)
    status, _, err = run("map", folder, "--frame", 50, "--kind", "effect")
    assert (status, "driver map" in err) == (2, True)


@pytest.mark.long
def test_the_commands_import_no_qt(folder, recording, tmp_path):
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(f"path,frame_rate\n{recording},10\n", encoding="utf-8")
    ranges, few = ["--a", "0:140", "--b", "170:320"], ["--set", "resamples=19", "--set", "power_draws=0"]
    commands = [
        ["info"],
        ["open", recording],
        ["train", recording, "--out", tmp_path / "d", "--set", "latents=3", "--set", "epochs=0"],
        ["evaluate", folder],
        ["map", folder, "--out", tmp_path / "m.tif"],
        ["compare", folder, *ranges, *few],
        ["placebo", folder, "--a", "0:60", "--b", "70:130", "--repeats", 2, *few],
        ["conditions", folder, "--condition", "a=0:100", "--condition", "b=110:210", "--condition", "c=215:320", *few],
        ["export", folder, "--out", tmp_path / "latents.png", "--what", "latents"],
        ["batch", sheet, "--out", tmp_path / "batch", "--workers", 1, "--set", "latents=3", "--set", "epochs=0"],
    ]
    script = f"""
import sys
from napari_varae.cli import main
for words in {[[str(word) for word in words] for words in commands]!r}:
    try:
        main(words)
    except SystemExit as end:
        assert not end.code, words
print(*sorted({{name.partition(".")[0] for name in sys.modules}}), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "torch" in loaded
    assert not {"qtpy", "PyQt6", "PySide6", "napari", "vispy", "superqt"} & loaded
