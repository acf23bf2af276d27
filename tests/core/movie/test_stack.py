"""A movie at the door: what is let in reads as float32, what is not says why."""

import dask.array
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from napari_varae.core.movie.frames import check_range
from napari_varae.core.movie.stack import LARGEST, Stack
from napari_varae.errors import StackError, StoppedError

REAL = st.sampled_from(["u1", "i1", "<u2", ">u2", "<i4", "<u4", ">i8", "<f2", "<f4", ">f4", "<f8"])
SHAPES = st.tuples(st.integers(2, 6), st.integers(8, 10), st.integers(8, 10))


def usable(dtype: str) -> st.SearchStrategy:
    """Pixels that a movie may have."""
    kind = np.dtype(dtype)
    if kind.kind == "f":
        top = min(float(np.finfo(kind).max), LARGEST / 10)
        width = kind.itemsize * 8
        return st.floats(-top, top, width=width) if width == 64 else st.floats(-60_000, 60_000, width=width)
    info = np.iinfo(kind)
    return st.integers(max(info.min, -(10**14)), min(info.max, 10**14))


movies = REAL.flatmap(lambda dtype: npst.arrays(dtype, SHAPES, elements=usable(dtype)))


@pytest.fixture
def movie(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 4000, (12, 9, 10)).astype(np.uint16)


@given(movie=movies)
def test_frames_come_as_float32(movie: np.ndarray):
    frames = Stack(movie).read()
    assert frames.dtype == np.float32
    assert frames.dtype.isnative
    np.testing.assert_array_equal(frames, movie.astype(np.float32))


@given(movie=movies)
def test_frames_are_a_copy(movie: np.ndarray):
    original = movie.copy()
    Stack(movie).read()[:] = 7
    np.testing.assert_array_equal(movie, original)


@given(movie=movies, size=st.integers(1, 8))
def test_blocks_are_the_movie_in_pieces(movie: np.ndarray, size: int):
    stack = Stack(movie)
    starts, frames = zip(*stack.blocks(size=size), strict=True)
    assert list(starts) == list(range(0, len(movie), size))
    np.testing.assert_array_equal(np.concatenate(frames), stack.read())


@pytest.mark.parametrize(("edge", "frames"), [(64, 256), (1024, 16), (5000, 1)])
def test_blocks_are_counted_in_bytes(edge: int, frames: int):
    stack = Stack(np.broadcast_to(np.arange(300, dtype=np.uint8)[:, None, None], (300, edge, edge)))
    assert len(next(stack.blocks())[1]) == frames


@given(movie=movies)
def test_byte_order_is_no_part_of_the_fingerprint(movie: np.ndarray):
    swapped = movie.astype(movie.dtype.newbyteorder(">" if movie.dtype.isnative else "<"))
    assert Stack(swapped).fingerprint() == Stack(movie).fingerprint()


def test_any_container_is_the_same_movie(movie: np.ndarray, tmp_path):
    path = tmp_path / "movie.npy"
    np.save(path, movie)
    containers = {
        "array": movie,
        "list": movie.tolist(),
        "memmap": np.load(path, mmap_mode="r"),
        "zarr": zarr.array(movie, chunks=(5, 9, 10)),
        "dask": dask.array.from_array(movie, chunks=(5, 9, 10)),
        "view": np.asfortranarray(movie)[:, :, :],
    }
    for name, container in containers.items():
        stack = Stack(container)
        np.testing.assert_array_equal(stack.read(3, 7), movie[3:7], err_msg=name)
        assert stack.shape == (12, 9, 10)
        if name != "list":  # it forgets the type
            assert stack.fingerprint() == Stack(movie).fingerprint(), name


def test_fingerprints_tell_movies_apart(movie: np.ndarray):
    brighter, longer = movie.copy(), np.concatenate([movie, movie])
    brighter[-1, 0, 0] += 1
    prints = {Stack(m).fingerprint() for m in (movie, brighter, longer, movie.astype(np.int32), movie[:, ::-1])}
    assert len(prints) == 5


def test_nothing_is_read_before_it_is_asked_for():
    class Watched:
        shape, dtype, asked = (1000, 512, 512), np.dtype(np.uint16), ()

        def __getitem__(self, key: slice) -> np.ndarray:
            self.asked += (key,)
            return np.zeros((key.stop - key.start, 512, 512), self.dtype)

    array = Watched()
    stack = Stack(array, frame_rate=30)
    repr(stack), stack.times(), stack.good_frames()
    assert array.asked == ()
    stack.read(10, 12)
    assert array.asked == (slice(10, 12),)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((64, 64)), "2 dimensions"),
        (np.zeros(5), "1 dimensions"),
        (np.zeros((10, 2, 64, 64)), "Choose one channel and plane"),
        (np.zeros((10, 64, 64, 3)), "RGB movie"),
        (np.zeros((64, 64, 3)), "one RGB image"),
        (np.zeros((1, 64, 64)), "at least two"),
        (np.zeros((0, 64, 64)), "at least two"),
        (np.zeros((10, 4, 64)), "at least 8 x 8"),
        (np.zeros((10, 16, 16), complex), "complex128"),
        (np.zeros((10, 16, 16), bool), "bool"),
        (np.zeros((10, 16, 16), "datetime64[s]"), "datetime64"),
        (np.full((10, 16, 16), "a"), "real numbers"),
        (np.full((10, 16, 16), None), "real numbers"),
        ([[[1, 2], [3]]], "frames of one size"),
        ("movie.tif", "real numbers"),
        (None, "real numbers"),
    ],
)
def test_what_is_no_movie_says_why(array: object, message: str):
    with pytest.raises(StackError, match=message):
        Stack(array)


def test_types_that_numpy_does_not_know():
    class Foreign:
        shape, dtype = (10, 16, 16), "bfloat16 of another library"

        def __getitem__(self, key: object) -> object:
            raise NotImplementedError

    with pytest.raises(StackError, match="convert to numpy"):
        Stack(Foreign())


@given(
    frame=st.integers(0, 5), pixel=st.integers(0, 63), data=st.data(),
    kind=st.sampled_from(["<f4", ">f4", "<f8", "<f2", "<i8", "<u8"]),
)  # fmt: skip
def test_unusable_pixels_are_found_and_their_frame_named(frame: int, pixel: int, data: st.DataObject, kind: str):
    bad = [np.nan, np.inf, -np.inf] if np.dtype(kind).kind == "f" else [2**62]
    bad += [1e30, -1e300][: np.dtype(kind).itemsize // 4] if kind.endswith(("f4", "f8")) else []
    movie = np.zeros((6, 8, 8), kind)
    movie[frame].flat[pixel] = data.draw(st.sampled_from(bad))
    with pytest.raises(StackError, match=f"in 1 of the frames 0 to 6, first in frame {frame}"):
        Stack(movie).read()
    clean = [f for f in range(6) if f != frame]
    assert all(not Stack(movie).read(f, f + 1).any() for f in clean)


@pytest.mark.parametrize("failure", [OSError("disk gone"), RuntimeError("codec"), KeyError("chunk")])
def test_a_failing_file_says_which_frames(failure: Exception):
    class Failing:
        shape, dtype = (10, 16, 16), np.dtype(np.uint16)

        def __getitem__(self, key: object) -> np.ndarray:
            raise failure

    stack = Stack(Failing(), name="lost.tif")
    with pytest.raises(StackError, match=r"Frames 2 to 5 of 'lost\.tif' could not be read") as caught:
        stack.read(2, 5)
    assert caught.value.__cause__ is failure
    with pytest.raises(StackError, match="could not be read"):
        stack.fingerprint()


def test_a_file_that_gives_too_little_is_found():
    class Short:
        shape, dtype = (10, 16, 16), np.dtype(np.uint16)

        def __getitem__(self, key: slice) -> np.ndarray:
            return np.zeros((1, 16, 16), self.dtype)

    with pytest.raises(StackError, match=r"came as shape \(1, 16, 16\)"):
        Stack(Short()).read(2, 5)


@given(start=st.integers(-3, 15), stop=st.integers(-3, 15), minimum=st.integers(1, 4))
def test_ranges_lie_inside_the_movie(start: int, stop: int, minimum: int):
    if start >= 0 and stop <= 10 and stop - start >= minimum:
        assert check_range((start, stop), 10, minimum=minimum) == (start, stop)
        assert check_range((np.int64(start), float(stop)), 10, minimum=minimum) == (start, stop)
    else:
        with pytest.raises(ValueError, match="my_range"):
            check_range((start, stop), 10, minimum=minimum, name="my_range")


@pytest.mark.parametrize(
    "wrong",
    [5, "12", (1,), (1, 2, 3), (1, 2.5, 3), (0.5, 3), (0, np.nan), (0, np.inf), ("0", "5"), (None, 3), (0, True)],
)
def test_a_range_is_a_pair_of_whole_numbers(wrong: object):
    with pytest.raises(ValueError, match="not a pair"):
        check_range(wrong, 10)


def test_no_range_is_all_frames():
    assert check_range(None, 7) == (0, 7)


def test_ranges_are_checked_wherever_frames_are_asked_for(movie: np.ndarray):
    stack = Stack(movie)
    for ask in (stack.read, stack.good_frames, lambda *r: list(stack.blocks(*r))):
        with pytest.raises(ValueError, match="outside the movie"):
            ask(5, 99)


@given(bad=st.sets(st.integers(0, 11)))
def test_bad_frames_are_masked(bad: set[int]):
    stack = Stack(np.zeros((12, 8, 8)), bad_frames=bad)
    assert stack.bad_frames == bad
    np.testing.assert_array_equal(np.flatnonzero(~stack.good_frames()), sorted(bad))
    np.testing.assert_array_equal(stack.good_frames(3, 9), stack.good_frames()[3:9])


@pytest.mark.parametrize(
    ("bad", "message"),
    [([12], "outside the movie"), ([-1], "outside the movie"), ([1.5], "whole"), ([np.nan], "whole"), (["3"], "whole"),
     (np.zeros(12, dtype=bool), "not a mask"), (3, "whole")],
)  # fmt: skip
def test_bad_frames_are_frame_numbers(movie: np.ndarray, bad: object, message: str):
    with pytest.raises(ValueError, match=message):
        Stack(movie, bad_frames=bad)


@pytest.mark.parametrize("name", ["frame_rate", "pixel_size"])
@pytest.mark.parametrize("wrong", [0, -1, np.nan, np.inf, "fast"])
def test_rate_and_pixel_size_are_positive(movie: np.ndarray, name: str, wrong: object):
    with pytest.raises(ValueError, match=r"could not convert|positive number"):
        Stack(movie, **{name: wrong})


def test_time_is_in_seconds_or_else_in_frames(movie: np.ndarray):
    np.testing.assert_allclose(Stack(movie, frame_rate=4).times(), np.arange(12) / 4)
    np.testing.assert_array_equal(Stack(movie).times(), np.arange(12))
    assert "frame rate unknown" in repr(Stack(movie))
    assert repr(Stack(movie, frame_rate=4, name="a.tif")) == "Stack('a.tif', 12 frames of 9 x 10, uint16, 4 Hz)"


class Counted:
    """An array that counts the frames that are read from it."""

    def __init__(self, pixels):
        self.pixels, self.read = pixels, 0
        self.shape, self.dtype = pixels.shape, pixels.dtype

    def __getitem__(self, frames):
        self.read += frames.stop - frames.start
        return self.pixels[frames]


@given(st.data())
def test_frames_in_memory_are_read_once_and_no_others(data):
    pixels = np.random.default_rng(0).integers(0, 999, (150, 8, 9), dtype=np.uint16)
    start = data.draw(st.integers(0, 148))
    stop = data.draw(st.integers(start + 1, 150))
    source = Counted(pixels)
    movie = Stack(source, 10.0, bad_frames={3}, name="counted")
    held = movie.in_memory(pixels[start:stop].nbytes, (start, stop))
    assert source.read == stop - start
    first = data.draw(st.integers(start, stop - 1))
    last = data.draw(st.integers(first + 1, stop))
    np.testing.assert_array_equal(held.read(first, last), pixels[first:last])
    assert source.read == stop - start
    np.testing.assert_array_equal(held.read(), pixels)  # what is not held is there all the same
    assert (held.fingerprint(), held.bad_frames, held.frame_rate) == (movie.fingerprint(), {3}, 10.0)


def test_frames_that_take_too_much_stay_where_they_are():
    movie = Stack(Counted(np.ones((10, 8, 8))))
    assert movie.in_memory(10 * 64 * 8 - 1) is movie
    assert movie.in_memory(5 * 64 * 8, (0, 5)) is not movie
    array = Stack(np.ones((10, 8, 8)))
    assert array.in_memory(1 << 30) is array


def test_a_checked_stack_reads_the_same_and_asks_between_pieces(rng):
    array, asked = rng.random((50, 256, 256), dtype=np.float32), []
    stack = Stack(array, 10, 0.5, [3], "toy", ["a note"])
    checked = stack.checked(lambda: asked.append(1))
    np.testing.assert_array_equal(checked.read(3, 40), stack.read(3, 40))
    assert len(asked) == 10  # four frames of 256 KiB make a piece
    assert (checked.bad_frames, checked.notes, checked.fingerprint()) == ({3}, ("a note",), stack.fingerprint())

    def stop():
        raise StoppedError("Dropped.")

    with pytest.raises(StoppedError):
        stack.checked(stop).read(0, 1)


@given(breaks=st.lists(st.integers(1, 11)))
def test_breaks_are_sorted_frames(breaks: list[int]):
    stack = Stack(np.zeros((12, 8, 8)), breaks=breaks)
    assert stack.breaks == tuple(sorted(set(breaks)))
    assert Stack(np.zeros((12, 8, 8))).breaks == ()


@pytest.mark.parametrize(
    ("breaks", "message"),
    [([0], "frames 1 to 11"), ([12], "frames 1 to 11"), ([3, -1], "frames 1 to 11"), ([1.5], "whole"), (["3"], "whole"),
     (np.ones(12, dtype=bool), "whole"), (5, "whole")],
)  # fmt: skip
def test_breaks_lie_inside_the_movie(movie: np.ndarray, breaks: object, message: str):
    with pytest.raises(ValueError, match=message):
        Stack(movie, breaks=breaks)


def test_shifts_are_one_pair_per_frame(movie: np.ndarray):
    given_shifts = np.arange(24).reshape(12, 2)
    stack = Stack(movie, shifts=given_shifts)
    given_shifts[:] = 0  # the caller's array is copied
    np.testing.assert_array_equal(stack.shifts, np.arange(24).reshape(12, 2))
    assert stack.shifts.dtype == np.float64
    assert not stack.shifts.flags.writeable
    assert Stack(movie).shifts is None


@pytest.mark.parametrize(
    ("shifts", "message"),
    [(np.zeros((11, 2)), r"shape \(11, 2\)"), (np.zeros(12), r"shape \(12,\)"), ("fast", "numbers of pixels"),
     ([[0, np.nan]] * 12, "first in frame 0")],
)  # fmt: skip
def test_shifts_that_make_no_sense(movie: np.ndarray, shifts: object, message: str):
    with pytest.raises(ValueError, match=message):
        Stack(movie, shifts=shifts)


def test_what_is_known_of_a_movie_is_kept(movie: np.ndarray):
    known = {"frame_rate": 4.0, "pixel_size": 2.0, "bad_frames": {3}, "name": "a", "notes": ("b",), "breaks": (5,)}
    stack = Stack(Counted(movie), **known, shifts=np.ones((12, 2)))
    for other in (stack.replace(), stack.in_memory(1 << 20), stack.in_memory(1 << 20, (2, 9))):
        assert {name: getattr(other, name) for name in known} == known
        np.testing.assert_array_equal(other.shifts, np.ones((12, 2)))
    changed = stack.replace(name="c", breaks=())
    assert (changed.name, changed.breaks, changed.pixel_size) == ("c", (), 2.0)
    assert changed.array is stack.array


def test_runs_are_numbered_and_bad_frames_negative(movie: np.ndarray):
    stack = Stack(np.zeros((10, 8, 8)), bad_frames=[3, 7], breaks=[4, 8])
    assert stack.runs().tolist() == [1, 1, 1, -1, 2, 2, 2, -2, 3, 3]
    assert stack.runs(3, 9).tolist() == [-1, 2, 2, 2, -2, 3]
    assert Stack(np.zeros((3, 8, 8))).runs().tolist() == [1, 1, 1]
