"""The chain of pages of a TIFF file: followed once, or computed where it is regular.

Tifffile silently drops what is cut off, can follow a loop for hours, and reads each page; a ScanImage file of 100 000
pages would take minutes. Pages that a microscope wrote one after the other lie at equal distances: then the first few
give the place of all, and a sample of the others confirms it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.errors import StackError

__all__ = ["Chain", "cut_off", "descriptions", "follow"]

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, DESCRIPTION = 256, 257, 258, 259, 262, 270
STRIPS, SAMPLES, STRIP_BYTES, PLANAR, TILES, FORMAT = 273, 277, 279, 284, 324, 339
_KIND = (WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, PLANAR, FORMAT)
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_CODES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
REGULAR_FROM = 64
"""Shorter chains are followed from page to page."""
SAMPLE = 200
"""Pages looked at in a regular chain."""


@dataclass(frozen=True)
class Chain:
    """The pages of a file.

    Attributes
    ----------
    n_pages : int
        Their number.
    offsets : ndarray of int or None, shape (n_pages,)
        Where the pixels of each page begin, when each is one uncompressed image in one piece, all of one size and type.
    places : ndarray of int, shape (n_pages,)
        Where the tags of each page begin.
    """

    n_pages: int
    offsets: NDArray[np.int64] | None
    places: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True)
class _Page:
    kind: tuple[tuple[int, ...] | None, ...]
    data: int | None
    following: int
    tags_size: int


class _Reader:
    """Reads pages of a classic or big TIFF file by their offsets."""

    def __init__(self, file: FileIO, path: Path) -> None:
        self.file, self.path, self.size = file, path, path.stat().st_size
        self.order = {b"II": "<", b"MM": ">"}.get(file.read(2), "")
        version = self.take("H") if self.order else None
        if version not in (42, 43):
            what = "no TIFF file" if self.size else "empty"
            raise StackError(f"{path.name!r} is {what}. Check that it is the right file.")
        self.big = version == 43
        file.seek(8 if self.big else 4)
        self.first = self.take("Q" if self.big else "I")
        self.tag = struct.Struct(self.order + ("HHQ8s" if self.big else "HHI4s"))

    def take(self, code: str) -> int | None:
        """Read one number; None at the end of the file."""
        length = struct.calcsize(f"={code}")
        raw = self.file.read(length)
        return int(struct.unpack(self.order + code, raw)[0]) if len(raw) == length else None

    def page(self, offset: int) -> _Page | None:
        """Read the page at an offset; None when it is not all inside the file."""
        self.file.seek(min(offset, self.size))
        count = self.take("Q" if self.big else "H")
        if not count or count > 4096:
            return None
        raw = self.file.read(count * self.tag.size)
        following = self.take("Q" if self.big else "I")
        if following is None:
            return None
        tags = {code: (kind, n, value) for code, kind, n, value in self.tag.iter_unpack(raw)}
        return _Page(tuple(self.values(tags, code) for code in _KIND), self.data(tags), following, len(raw))

    def values(self, tags: dict[int, tuple[int, int, bytes]], code: int, most: int = 65_536) -> tuple[int, ...] | None:
        """Return the whole numbers of a tag; None when it has none."""
        kind, count, value = tags.get(code, (0, 0, b""))
        if kind not in _CODES or not 0 < count <= most:
            return None
        length = count * _BYTES[kind]
        if length > len(value):
            self.file.seek(min(int(struct.unpack(self.order + ("Q" if self.big else "I"), value)[0]), self.size))
            value = self.file.read(length)
        if len(value) < length:
            return None
        return struct.unpack(f"{self.order}{count}{_CODES[kind]}", value[:length])

    def data(self, tags: dict[int, tuple[int, int, bytes]]) -> int | None:
        """Return where the pixels begin when they are uncompressed and in one piece."""
        starts, lengths = self.values(tags, STRIPS), self.values(tags, STRIP_BYTES)
        whole = self.values(tags, COMPRESSION) in (None, (1,)) and TILES not in tags
        if not whole or not starts or not lengths or len(starts) != len(lengths):
            return None
        ends = [start + length for start, length in zip(starts, lengths, strict=True)]
        height, width, bits = (self.values(tags, code) for code in (HEIGHT, WIDTH, BITS))
        if list(starts[1:]) != ends[:-1] or not (height and width and bits) or len(bits) > 1:
            return None
        return starts[0] if 8 * (ends[-1] - starts[0]) == height[0] * width[0] * bits[0] else None

    def description(self, offset: int, most: int = 65_536) -> bytes:
        """Return the description of the page at an offset; empty when it has none."""
        self.file.seek(min(offset, self.size))
        count = self.take("Q" if self.big else "H") or 0
        for code, _, length, value in self.tag.iter_unpack(_whole(self.file.read(count * self.tag.size), self.tag)):
            if code == DESCRIPTION:
                if length <= len(value):
                    return bytes(value[:length])
                self.file.seek(min(struct.unpack(self.order + ("Q" if self.big else "I"), value)[0], self.size))
                return self.file.read(min(length, most))
        return b""

    def check_description(self) -> None:
        """Without its description, often written last, a file of several channels would pass for a movie."""
        self.file.seek(min(self.first or 0, self.size))
        count = self.take("Q" if self.big else "H") or 0
        for code, _, length, value in self.tag.iter_unpack(self.file.read(count * self.tag.size)):
            start = int(struct.unpack(self.order + ("Q" if self.big else "I"), value)[0])
            if code == DESCRIPTION and length > len(value) and start + length > self.size:
                raise cut_off(self.path, 1, self.size)


def follow(path: Path, check: Check = go_on) -> Chain:
    """Find the pages of a file; `check` is called between pages.

    Raises
    ------
    StackError
        When it is not a TIFF file, is cut off, or its pages run in a circle.
    """
    with path.open("rb", buffering=0) as file:  # a buffer would read 8 kB for each page
        reader = _Reader(file, path)
        first = reader.page(reader.first) if reader.first else None
        if first is None:
            raise cut_off(path, 1, reader.size)
        reader.check_description()
        return _regular(reader) or _walk(reader, check)


def _walk(reader: _Reader, check: Check) -> Chain:
    """Follow the chain from page to page."""
    pointer, kind, alike = reader.first or 0, None, _Alike(reader)
    seen: dict[int, None] = {}
    offsets: list[int] = []
    while pointer:
        if pointer in seen:
            raise StackError(f"{reader.path.name!r} is damaged: its pages run in a circle after page {len(seen)}.")
        seen[pointer] = None
        check()
        if (known := alike.page(pointer)) is not None:
            data, pointer = known
            offsets.append(data)
            continue
        page = reader.page(pointer)
        if page is None:
            raise cut_off(reader.path, len(seen), reader.size)
        kind = kind or page.kind
        if page.data is not None and page.kind == kind:
            offsets.append(page.data)
            alike.learn(pointer)
        pointer = page.following
    whole = np.array(offsets) if len(offsets) == len(seen) else None
    return Chain(len(seen), whole, np.fromiter(seen, np.int64, len(seen)))


class _Alike:
    """Recognises a page that differs from the one before in its pixels and its description only; much faster."""

    def __init__(self, reader: _Reader) -> None:
        self.reader, self.length = reader, 0
        self.same: list[slice] = []
        self.model: list[bytes] = []
        self.places = struct.Struct("")

    def learn(self, pointer: int) -> None:
        """Take the page there, uncompressed and of one kind with the first, as the model, if it has a single strip."""
        file, reader = self.reader.file, self.reader
        self.length = 0
        file.seek(pointer)
        head, value = ("Q", 12) if reader.big else ("H", 8)
        count = reader.take(head) or 0
        raw = file.read(count * reader.tag.size)
        start, free, strips = struct.calcsize(f"={head}"), [], None
        for i, (code, kind, n, _) in enumerate(reader.tag.iter_unpack(raw)):
            at = start + i * reader.tag.size
            if code == STRIPS:
                if n != 1 or (kind, reader.big) not in ((4, False), (16, True)):
                    return
                strips = at + value
                free.append((strips, at + reader.tag.size))
            elif code == DESCRIPTION:
                free.append((at + 4, at + reader.tag.size))
            elif n * _BYTES.get(kind, 8) > reader.tag.size - value:  # the value lies elsewhere
                if code in _KIND:
                    return
                free.append((at + value, at + reader.tag.size))
        if strips is None:
            return
        self.length = start + len(raw) + (8 if reader.big else 4)
        edges = [0, *(edge for pair in sorted(free) for edge in pair), start + len(raw)]
        self.same = [slice(*pair) for pair in zip(edges[::2], edges[1::2], strict=True)]
        file.seek(pointer)
        block = file.read(self.length)
        self.model = [block[part] for part in self.same]
        code = "Q" if reader.big else "I"
        self.places = struct.Struct(
            f"{reader.order}{strips}x{code}{start + len(raw) - strips - reader.tag.size + value}x{code}"
        )

    def page(self, pointer: int) -> tuple[int, int] | None:
        """Return where the pixels and the next page are; None when the page differs in more."""
        if not self.length:
            return None
        self.reader.file.seek(pointer)
        block = self.reader.file.read(self.length)
        if len(block) < self.length or [block[part] for part in self.same] != self.model:
            return None
        data, following = self.places.unpack(block)
        return int(data), int(following)


def _regular(reader: _Reader) -> Chain | None:
    """Compute the chain when its pages lie at equal distances; None when they do not."""
    pointer, places, data = reader.first or 0, list[int](), list[int]()
    kind, size = None, 0
    for _ in range(4):
        page = reader.page(pointer) if pointer else None
        if page is None or page.data is None or (kind is not None and page.kind != kind):
            return None
        kind, size = page.kind, page.tags_size
        places.append(pointer)
        data.append(page.data)
        pointer = page.following
    step, data_step = places[2] - places[1], data[2] - data[1]
    if step <= 0 or data_step <= 0 or places[3] - places[2] != step or data[3] - data[2] != data_step:
        return None
    tail = size + (16 if reader.big else 6)
    last = 1 + (reader.size - tail - places[1]) // step
    last = min(last, 1 + (reader.size - data[1]) // data_step)
    while last > 3 and not _is_last(reader, places[1] + (last - 1) * step) and reader.size > places[1] + last * step:
        last -= 1  # what follows the last page may be longer than a page
        if 1 + (reader.size - tail - places[1]) // step - last > 16:
            return None
    if last < REGULAR_FROM:
        return None
    for number in np.unique(np.linspace(1, last, SAMPLE).astype(int)).tolist():
        page = reader.page(places[1] + (number - 1) * step)
        following = 0 if number == last else places[1] + number * step
        if page is None or page.following != following or page.kind != kind:
            return None
        if page.data != data[1] + (number - 1) * data_step:
            return None
    count = np.arange(last, dtype=np.int64)
    return Chain(
        last + 1,
        np.concatenate([data[:1], data[1] + data_step * count]),
        np.concatenate([places[:1], places[1] + step * count]),
    )


def _is_last(reader: _Reader, pointer: int) -> bool:
    page = reader.page(pointer)
    return page is not None and page.following == 0


def _whole(raw: bytes, tag: struct.Struct) -> bytes:
    """Return the tags that are complete."""
    return raw[: len(raw) // tag.size * tag.size]


@contextmanager
def descriptions(path: Path, chain: Chain) -> Iterator[Callable[[int], bytes]]:
    """Give a function that reads the description of a page by its number; no other page is looked at."""
    with path.open("rb", buffering=0) as file:
        reader = _Reader(file, path)
        yield lambda number: reader.description(int(chain.places[number]))


def cut_off(path: Path, page: int, size: int) -> StackError:
    """Make the error for a file that ends too early."""
    return StackError(
        f"{path.name!r} is cut off or damaged: page {page} is not all inside its {size} bytes. Copy the file again, or "
        "save what Fiji can still open as a new file."
    )
