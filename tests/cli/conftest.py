"""A recording on disk and an analysis of it, trained once by the command line."""

from pathlib import Path

import pytest
import tifffile

import napari_varae as nv
from napari_varae.cli import app


@pytest.fixture(scope="session")
def recording(tmp_path_factory) -> Path:
    stack = nv.simulate(nv.SimulationConfig(frames=320, height=32, width=32, cells=4, seed=3)).stack
    path = tmp_path_factory.mktemp("recording") / "movie.tif"
    tifffile.imwrite(path, stack.read(), metadata={"axes": "TYX"})
    return path


@pytest.fixture
def run(capsys):
    """Run a command in this process: what it exits with, and what it prints on the two streams."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            app.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return end.value.code or 0, printed.out, printed.err

    return run


@pytest.fixture(scope="session")
def trained(recording, tmp_path_factory) -> Path:
    """An analysis folder; tests that write into it take a copy."""
    folder = tmp_path_factory.mktemp("analysis") / "mouse"
    with pytest.raises(SystemExit) as end:
        app.main(["train", str(recording), "--out", str(folder), "--frame-rate", "10", "--set", "latents=4",
                  "--epochs", "1", "--threads", "1"])  # fmt: skip
    assert not end.value.code
    return folder
