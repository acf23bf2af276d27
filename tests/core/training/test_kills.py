"""A training that is killed goes on from its checkpoint; one that is interrupted gives what it has."""

import os
import signal
import subprocess
import sys
from textwrap import dedent

import pytest

from napari_varae.core.fit.load import load_fit
from napari_varae.core.simulation.settings import SimulationConfig
from napari_varae.core.simulation.simulate import simulate
from napari_varae.core.training.train import resume
from napari_varae.errors import TrainingError

MOVIE = {"frames": 200, "height": 32, "width": 32, "cells": 4}
HEAD = f"""
    import signal
    import sys
    import napari_varae as nv

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores Ctrl-C
    folder = sys.argv[1]
    stack = nv.simulate(nv.SimulationConfig(**{MOVIE})).stack
    config = nv.FitConfig(latents=4, epochs=100_000, patience=100_000, threads=1, device="cpu")
"""
TRAIN = """
    progress = lambda phase, share: print(phase, flush=True)
    for report in nv.train(stack, config, progress=progress, checkpoint=folder):
        print("epoch", report.epoch, flush=True)
"""
FIT = """
    from napari_varae.core.training import train as module

    epochs = module._epochs
    def heard(*args):
        steps = epochs(*args)
        while True:
            try:
                report = next(steps)
            except StopIteration as end:
                return end.value
            print("epoch", report.epoch, flush=True)
            yield report
    module._epochs = heard
    fit = nv.fit(stack, config)
    fit.save(folder)
    print("saved", len(fit.history))
"""


@pytest.fixture
def script(tmp_path):
    """Start a script; the folder is its argument."""
    running = []

    def start(text):
        path = tmp_path / "script.py"
        path.write_text(dedent(HEAD) + dedent(text))
        process = subprocess.Popen(
            [sys.executable, "-u", str(path), str(tmp_path / "kept")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def wait_for(process, line):
    for text in process.stdout:
        if text.startswith(line):
            return
    raise AssertionError(process.stderr.read())


@pytest.mark.parametrize(
    ("moment", "least"),
    [
        ("epoch 3", 3),
        pytest.param("reading", None, marks=pytest.mark.long),
        pytest.param("projecting", None, marks=pytest.mark.long),
        pytest.param("finding places", None, marks=pytest.mark.long),
        pytest.param("epoch 0", 0, marks=pytest.mark.long),
    ],
)
def test_a_killed_training_goes_on(script, tmp_path, moment, least):
    process = script(TRAIN)
    wait_for(process, moment)
    process.kill()
    process.wait()
    stack = simulate(SimulationConfig(**MOVIE)).stack
    report = next(resume(tmp_path / "kept", stack))
    assert report.epoch == 0 if least is None else report.epoch > least


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to whole groups of processes.")
def test_ctrl_c_gives_the_fit_so_far(script, tmp_path):
    process = script(FIT)
    wait_for(process, "epoch 3")
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "Press Ctrl-C again" in errors
    assert "saved" in rest
    assert len(load_fit(tmp_path / "kept.varae").history) >= 4


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to whole groups of processes.")
def test_ctrl_c_during_reports_leaves_a_checkpoint(script, tmp_path):
    process = script(TRAIN)
    wait_for(process, "epoch 3")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in errors
    assert next(resume(tmp_path / "kept", simulate(SimulationConfig(**MOVIE)).stack)).epoch > 3


def test_a_checkpoint_of_nothing_is_reported(tmp_path):
    stack = simulate(SimulationConfig(**MOVIE)).stack
    with pytest.raises(TrainingError, match="holds no checkpoint"):
        resume(tmp_path, stack)
