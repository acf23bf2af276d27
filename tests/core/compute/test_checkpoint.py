"""Long work asks whether it is still wanted, and ends where it is not."""

from threading import Event

import pytest

from napari_varae.core.comparison.compare import compare
from napari_varae.core.comparison.placebo import placebo
from napari_varae.core.maps.contribution import contribution_map
from napari_varae.core.movie.stack import Stack
from napari_varae.errors import StoppedError
from napari_varae.session.job_events import Controls


class StopsAt:
    """A movie array that sets an event when so many slices have been read, and counts them."""

    def __init__(self, array, event, reads):
        self.array, self.event, self.reads = array, event, reads
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, key):
        self.reads -= 1
        if not self.reads:
            self.event.set()
        return self.array[key]


@pytest.mark.parametrize("work", ["encode", "driver", "effect", "compare"])
def test_reading_ends_at_the_piece_in_which_it_was_stopped(small_stack, small_fit, monkeypatch, work):
    monkeypatch.setattr("napari_varae.core.movie.stack.PIECE", 8 * small_stack.array[0].nbytes)
    controls = Controls()
    movie = StopsAt(small_stack.array, controls.stop, 1)
    stack = Stack(movie)
    checked = stack.checked(controls.check)
    runs = {
        "encode": lambda: small_fit.encode(checked),
        "compare": lambda: compare(small_fit, stack, (0, 100), (110, 210), stop=controls.stop),
        "driver": lambda: contribution_map(small_fit, checked, kind="driver", own_past=True),
        "effect": lambda: contribution_map(small_fit, checked, kind="effect"),
    }
    with pytest.raises(StoppedError):
        runs[work]()
    assert movie.reads == 0


def test_a_stopped_placebo_gives_no_coarse_value(small_stack, small_fit):
    """The pair during which it was stopped is left out, and nothing else of it is computed."""
    stop, found = Event(), []

    def hear(values):
        found.append(len(values))
        stop.set()

    values = placebo(small_fit, small_stack, lengths=(60, 60), repeats=5, stop=stop, progress=hear)
    assert found == [1]
    assert len(values) == 1
    stop.clear()
    movie = StopsAt(small_stack.array, stop, 1)
    assert not len(placebo(small_fit, Stack(movie), lengths=(60, 60), repeats=5, stop=stop))
    assert movie.reads > -4
