"""The commands of the how-to pages run as they are written, and the reference has every command."""

import re
import runpy
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest
import tifffile

import napari_varae as nv
from napari_varae.cli import app

ROOT = Path(__file__).resolve().parents[2]
QUICK = {
    "train": "--set latents=4 --set epochs=0 --set threads=1 --set frames=none",
    "compare": "--set resamples=39 --set power_draws=0 --set halves=false",
    "conditions": "--set resamples=39 --set power_draws=0 --set halves=false",
    "placebo": "--repeats 2 --set resamples=39",
    "batch": "--set latents=4 --set epochs=0 --set resamples=39 --set power_draws=0",
}
SETTINGS = re.search(
    r"```toml\n(.*?)```", (ROOT / "docs/how-to/command-line.md").read_text(encoding="utf-8"), re.DOTALL
)


def commands(page: str) -> list[list[str]]:
    """The commands of a page, without comments and pipes."""
    text = (ROOT / "docs" / "how-to" / page).read_text(encoding="utf-8")
    lines = re.findall(r"^    (napari-varae .*)$", text, re.MULTILINE)
    return [shlex.split(line.split(" | ")[0], comments=True)[1:] for line in lines]


def run(words: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        app.main([*words, *QUICK.get(words[0], "").split()])
    assert not end.value.code, words


@pytest.mark.long
def test_commands_of_the_how_to_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stack = nv.simulate(nv.SimulationConfig(frames=2000, height=24, width=24, cells=3, soma_radius=3, seed=0)).stack
    tifffile.imwrite("movie.tif", stack.read(), metadata={"axes": "TYX"})
    assert SETTINGS is not None
    Path("settings.toml").write_text(SETTINGS[1], encoding="utf-8")
    for words in commands("command-line.md"):
        if words[0] == "train" and Path("results").exists():
            words.append("--overwrite")
        run(words)


@pytest.mark.long
def test_the_sheet_of_the_how_to_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs/how-to/batch.md").read_text(encoding="utf-8")
    sheet = re.findall(r"^    (path,.*|day.*)$", page, re.MULTILINE)
    assert len(sheet) == 3
    Path("sheet.csv").write_text("\n".join(sheet) + "\n", encoding="utf-8")
    assert SETTINGS is not None
    Path("settings.toml").write_text(SETTINGS[1].replace("frames = [0, 1600]", ""), encoding="utf-8")
    for day in ("day1", "day2"):
        Path(day).mkdir()
        stack = nv.simulate(nv.SimulationConfig(frames=600, height=24, width=24, cells=3, soma_radius=3)).stack
        tifffile.imwrite(f"{day}/movie.tif", stack.read(), metadata={"axes": "TYX"})
        Path(f"{day}/trials.csv").write_text("start_s,stop_s,condition\n0,9,go\n10,19,nogo\n", encoding="utf-8")
    [words] = commands("batch.md")
    run(words)
    assert Path("results/report.html").exists()


@pytest.mark.long
def test_the_commands_from_nwb_to_nwb(tmp_path, monkeypatch):
    pynwb = pytest.importorskip("pynwb")
    from pynwb.ophys import OpticalChannel, TwoPhotonSeries

    monkeypatch.chdir(tmp_path)
    stack = nv.simulate(nv.SimulationConfig(frames=400, height=24, width=24, cells=3, soma_radius=3)).stack
    session = pynwb.NWBFile("a session", "an identifier", datetime(2026, 1, 1, tzinfo=UTC))
    plane = session.create_imaging_plane(
        name="plane", optical_channel=OpticalChannel(name="green", description="", emission_lambda=510.0),
        description="", device=session.create_device("scope"), excitation_lambda=920.0, indicator="GCaMP",
        location="V1",
    )  # fmt: skip
    session.add_acquisition(
        TwoPhotonSeries(name="movie", imaging_plane=plane, unit="a.u.", rate=10.0, data=stack.read().transpose(0, 2, 1))
    )
    session.add_trial_column("condition", "what was shown")
    for start, stop, name in ((0.0, 15.0, "go"), (20.0, 35.0, "nogo")):
        session.add_trial(start_time=start, stop_time=stop, condition=name)
    with pynwb.NWBHDF5IO("session.nwb", "w") as file:
        file.write(session)
    for words in commands("nwb.md"):
        run(words)
    with pynwb.NWBHDF5IO("results.nwb", "r") as file:
        assert "latents" in file.read().processing["ophys"].data_interfaces
    assert Path("links.csv").read_text(encoding="utf-8").count("\n") > 1


@pytest.mark.long
def test_the_batch_of_the_cluster_page_runs_on_a_scheduler(tmp_path, monkeypatch):
    from distributed import LocalCluster

    monkeypatch.chdir(tmp_path)
    stack = nv.simulate(nv.SimulationConfig(frames=200, height=24, width=24, cells=3, soma_radius=3)).stack
    tifffile.imwrite("movie.tif", stack.read(), metadata={"axes": "TYX"})
    Path("sheet.csv").write_text("path\nmovie.tif\n", encoding="utf-8")
    [words] = commands("cluster.md")
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0") as cluster:
        place = words.index("--scheduler") + 1
        run([*words[:place], cluster.scheduler_address, *words[place + 1 :]])
    assert nv.open_analysis("results/movie").fit.latents == 4


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.stem)
def test_files_that_pages_name_exist(page):
    named = re.findall(r"`((?:examples|benchmarks|tools)/[\w/]+\.\w+)`", page.read_text(encoding="utf-8"))
    assert not [name for name in named if not (ROOT / name).exists()]


def test_the_reference_has_every_command_and_option():
    text = runpy.run_path(str(ROOT / "tools" / "command_tables.py"))["reference"]()
    sections = re.findall(r"^## napari-varae (\w+)$", text, re.MULTILINE)
    assert {"open", "train", "resume", "evaluate", "map", "compare", "placebo", "batch", "gui", "demo"} <= set(sections)
    assert all(f"`--{name.replace('_', '-')} " in text for name in nv.FitConfig.model_fields)
    for row in re.findall(r"^\|.*\|$", text, re.MULTILINE):
        assert len(re.findall(r"(?<!\\)\|", row)) == 3, row
