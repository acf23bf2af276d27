"""Reading ahead of computing."""

import threading

import numpy as np
import pytest

from napari_varae import Stack
from napari_varae.core.movie.ahead import read_ahead
from napari_varae.core.movie.frame_source import FrameSource

RANGES = [(0, 3), (3, 6), (6, 7)]


def test_ranges_come_in_order_each_once():
    assert list(read_ahead(lambda first, last: range(first, last), RANGES)) == [(a, range(a, b)) for a, b in RANGES]
    assert list(read_ahead(lambda *_: None, [])) == []


def test_the_next_block_is_read_while_one_is_in_use_and_no_further():
    begun = {first: threading.Event() for first, _ in RANGES}
    blocks = read_ahead(lambda first, _last: begun[first].set(), RANGES)
    assert next(blocks)[0] == 0
    assert begun[3].wait(10)
    assert not begun[6].wait(0.05)
    assert next(blocks)[0] == 3
    assert begun[6].wait(10)


def test_an_error_is_raised_where_its_block_would_have_come():
    def read(first, last):
        if first == 3:
            raise OSError("cut off")
        return first, last

    blocks = read_ahead(read, RANGES)
    assert next(blocks) == (0, (0, 3))
    with pytest.raises(OSError, match="cut off"):
        next(blocks)


def test_no_thread_is_left_when_someone_stops():
    before = threading.active_count()
    blocks = read_ahead(lambda first, last: (first, last), RANGES)
    next(blocks)
    blocks.close()
    assert threading.active_count() == before


class Slow(FrameSource):
    """A movie on a slow disk: a read begins when it may."""

    def __init__(self, pixels):
        super().__init__(pixels.shape, pixels.dtype)
        self.pixels, self.reads = pixels, []

    def read(self, start, stop):
        self.reads.append((start, threading.current_thread() is threading.main_thread()))
        return self.pixels[start:stop]


def test_blocks_of_a_stack_are_read_by_another_thread():
    slow = Slow(np.random.default_rng(0).integers(0, 100, (20, 8, 9), dtype=np.uint16))
    stack = Stack(slow)
    slow.reads.clear()
    blocks = list(stack.blocks(size=8))
    assert [first for first, _ in blocks] == [0, 8, 16]
    assert np.array_equal(np.concatenate([frames for _, frames in blocks]), slow.pixels)
    assert not any(here for _, here in slow.reads)
