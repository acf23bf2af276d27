"""The command line, run as a user runs it."""

import json
import subprocess
import sys

import pytest

from napari_varae.cli import app

COMMANDS = (
    "open",
    "choose",
    "train",
    "resume",
    "evaluate",
    "map",
    "compare",
    "placebo",
    "robustness",
    "export",
    "batch",
    "gui",
    "info",
    "demo",
)
RUN_AND_LIST_MODULES = """
import sys
from napari_varae.cli import main
try:
    main({arguments})
except SystemExit as end:
    print(end.code or 0, *sorted(name.partition(".")[0] for name in sys.modules), file=sys.stderr)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "napari_varae", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=str)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as end:
        app.main([*command, "--help"])
    out = capsys.readouterr().out
    assert not end.value.code
    assert "Usage: napari-varae" in out
    assert " <bool>  \n" not in out  # an option without a sentence


def test_the_help_lists_every_command():
    out = run("--help").stdout
    assert all(f"│ {name} " in out for name in COMMANDS)


def test_without_a_command_it_shows_the_help():
    done = run()
    assert "Commands" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_info_answers_a_bug_report_without_qt():
    script = RUN_AND_LIST_MODULES.format(arguments=["info", "--json"])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    facts = json.loads(done.stdout)
    asked = {
        "napari-varae",
        "Python",
        "torch",
        "device",
        "why this device",
        "napari",
        "Qt binding",
        "platform",
        "memory",
    }
    assert asked <= facts.keys()
    assert all(facts.values())
    status, *modules = done.stderr.split()
    assert status == "0"
    assert not {"qtpy", "PyQt6", "PySide6", "napari", "vispy"} & set(modules)


def test_info_is_a_table_for_people():
    lines = run("info").stdout.splitlines()
    assert lines[0].split()[0] == "napari-varae"
    assert len({line.index(line.split("  ")[-1].strip()) for line in lines}) == 1  # one column of values


def test_a_wrong_command_line_is_explained():
    done = run("demo", "no-such-movie.tif")
    assert done.returncode == 2
    assert "no-such-movie.tif" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_of_ours_ends_with_its_message_and_status_1(monkeypatch, capsys):
    from napari_varae.errors import StackError

    def fail(**_):
        raise StackError("The movie has two channels; choose one.")

    monkeypatch.setattr(app, "app", fail)
    with pytest.raises(SystemExit) as end:
        app.main([])
    assert end.value.code == 1
    assert capsys.readouterr().err == "napari-varae: The movie has two channels; choose one.\n"


@pytest.mark.parametrize(("display", "options", "stays"), [("", [], True), ("", ["--close"], False), ("1", [], False)])
def test_demo_hands_over_what_was_asked_for(monkeypatch, tmp_path, display, options, stays):
    asked = []

    def run_demo(movie, output, *, keep_open, network):
        asked.append((movie, output, keep_open, network))
        return 1

    monkeypatch.setattr("napari_varae.demo.run_demo", run_demo)
    monkeypatch.setenv("VIRTUAL_DISPLAY", display)
    movie = tmp_path / "movie.tif"
    movie.touch()
    with pytest.raises(SystemExit) as end:
        app.main(["demo", str(movie), "--output", str(tmp_path / "out"), *options])
    assert end.value.code == 1  # what the demo returned
    assert asked == [(str(movie), tmp_path / "out", stays, "footprints")]
