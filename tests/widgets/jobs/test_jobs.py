"""Work in the background: results, news, errors and warnings arrive; nothing is swallowed."""

import threading
import warnings
import weakref

import pytest
from qtpy.QtCore import QTimer

from napari_varae.errors import StackError
from napari_varae.session.session import session_of
from napari_varae.widgets.jobs.job import Job
from napari_varae.widgets.parts.panel import Panel

from ..conftest import PATIENCE


@pytest.fixture
def panel(viewer):
    """A dock with nothing in it, as a proxy: pytest keeps what a fixture returns longer than the window."""
    panel = Panel(viewer)
    viewer.window.add_dock_widget(panel, name="bench")
    return weakref.proxy(panel)


@pytest.fixture
def session(viewer):
    return session_of(viewer)


@pytest.fixture
def run(panel, session, qtbot):
    """Run work to its end and return what came back."""

    def run(work, total=0):
        news, results = [], []
        Job(panel, "computing", work, title="test", total=total, on_yield=news.append, on_return=results.append)
        assert session.job == "computing"
        qtbot.waitUntil(lambda: session.job == "idle", timeout=PATIENCE)
        qtbot.wait(20)
        return news, results

    return run


def test_news_and_result_arrive_in_the_thread_of_the_screen(run, panel, session, qtbot):
    def work(_controls, progress):
        yield threading.get_ident()
        progress("half", 1, 2)
        return threading.get_ident()

    (there,), (also_there,) = run(work)
    assert there == also_there != threading.get_ident()
    threads = []
    Job(panel, "computing", work, title="", on_return=lambda _: threads.append(threading.get_ident()))
    qtbot.waitUntil(lambda: len(threads) == 1, timeout=PATIENCE)
    assert threads == [threading.get_ident()]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RuntimeError("CUDA error: launch failed"), "error: The computation failed: CUDA error: launch failed"),
        (StackError("The file is cut off."), "error: The file is cut off."),
        (KeyError("internal"), "error: 'internal'"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_every_error_is_told(run, session, notices, error, text):
    def work(_controls, _progress):
        yield
        raise error

    assert run(work)[1] == []
    assert notices == [text]
    session.end(session.begin("training"))


@pytest.mark.parametrize("counts", [False, True], ids=["reports", "yields"])
def test_nothing_is_lost_when_the_screen_is_late(run, session, counts):
    """napari's bar handles the events that wait while it moves: progress, news and the result, all at once."""

    def work(_controls, progress):
        shown.wait(PATIENCE / 1000)
        try:
            for step in range(200):
                if counts:
                    yield step
                else:
                    progress("counting", step, 200)
        finally:
            reported.set()
        return True

    seen, shown, reported = [], threading.Event(), threading.Event()
    session.progressed.connect(lambda: seen.append(session.progress.done))
    QTimer.singleShot(300, lambda: (shown.set(), reported.wait(PATIENCE / 1000)))
    news, results = run(work, total=200 if counts else 0)
    assert (news if counts else seen) == list(range(200))
    assert results == [True]


def test_warnings_are_told(run, notices):
    def work(_controls, _progress):
        yield
        warnings.warn("look at this", UserWarning, stacklevel=1)

    run(work)
    assert len(notices) == 1
    assert "look at this" in notices[0]


def test_a_result_that_was_thrown_away_is_not_returned(panel, session, qtbot):
    results = []

    def work(controls, _progress):
        yield
        controls.stop.wait(10)
        return "result"

    for keep, expected in ((False, []), (True, ["result"])):
        Job(panel, "computing", work, title="", on_return=results.append)
        session.stop(keep=keep)
        qtbot.waitUntil(lambda: session.job == "idle", timeout=PATIENCE)
        qtbot.wait(20)
        assert results == expected


def test_two_jobs_at_once_are_refused(panel, session, qtbot):
    def work(controls, _progress):
        yield
        controls.stop.wait(10)

    Job(panel, "computing", work, title="", on_return=print)
    with pytest.raises(ValueError, match="while this runs: computing"):
        Job(panel, "training", work, title="", on_return=print)
    session.stop(keep=False)
    qtbot.waitUntil(lambda: session.job == "idle", timeout=PATIENCE)


def test_progress_shows_in_the_activity_dock(panel, session, qtbot):
    from napari.utils.progress import progress

    go = threading.Event()

    def work(_controls, report):
        yield
        report("counting", 30, 100)
        go.wait(10)

    Job(panel, "computing", work, title="counting", total=100, on_return=print)
    qtbot.waitUntil(lambda: [(bar.n, bar.total) for bar in progress._all_instances] == [(30, 100)], timeout=PATIENCE)
    go.set()
    qtbot.waitUntil(lambda: session.job == "idle" and not progress._all_instances, timeout=PATIENCE)
