"""A worker leaves room for the window while it computes, and takes nothing with it when it ends."""

import gc
import subprocess
import sys

import pytest
import torch

from napari_varae.widgets.jobs.job import Job
from napari_varae.widgets.jobs.responsiveness import HANDOVER, without_collection
from napari_varae.widgets.parts.panel import Panel

from ..conftest import PATIENCE


def test_a_worker_leaves_a_core_and_hands_over_the_lock_often(viewer, qtbot):
    panel, usual, found = Panel(viewer), sys.getswitchinterval(), []
    viewer.window.add_dock_widget(panel, name="bench")

    def work(_controls, _progress):
        yield
        return sys.getswitchinterval(), torch.get_num_threads()

    for _ in range(2):
        Job(panel, "computing", work, title="", on_return=found.append)
        qtbot.waitUntil(lambda: panel.session.job == "idle", timeout=PATIENCE)
        qtbot.waitUntil(lambda: sys.getswitchinterval() == pytest.approx(usual), timeout=PATIENCE)
    assert [interval for interval, _ in found] == pytest.approx([HANDOVER] * 2)
    cores = {threads for _, threads in found}
    assert len(cores) == 1  # not one fewer each time
    assert cores.pop() >= 1


@pytest.mark.long
def test_torch_comes_whole_after_its_libraries():
    code = """if True:
        from napari_varae.widgets.jobs.responsiveness import leave_a_core
        leave_a_core()
        import torch
        torch.ones(3) @ torch.ones(3)
        print(torch.get_num_threads())
    """
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True)
    assert int(done.stdout) == max(1, torch.get_num_threads() - 1)


def test_what_is_imported_without_collection_is_old_at_once():
    """A full collection holds Python's lock for a quarter of a second; objects that come in bulk must not start one."""
    gc.collect()
    with without_collection():
        assert not gc.isenabled()
        with without_collection():
            brought = [[] for _ in range(10_000)]
        assert not gc.isenabled()
    assert gc.isenabled()
    young = {id(item) for generation in (0, 1) for item in gc.get_objects(generation)}
    assert not young.intersection(map(id, brought))
    gc.disable()
    try:
        with without_collection():
            pass
        assert not gc.isenabled()  # whoever collects by hand goes on doing so
    finally:
        gc.enable()
