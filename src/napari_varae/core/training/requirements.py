"""What a fit will need, before it begins: minutes, memory and disk, from a few measured blocks of the movie."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import psutil
import torch

from napari_varae.core.components.tiles import Tiles
from napari_varae.core.compute.memory import format_bytes
from napari_varae.core.compute.threads import default_threads, threads
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.training.compress import n_averaged, n_components, part_length
from napari_varae.core.training.lowrank import POWER, POWER_KNOWN, leading_components
from napari_varae.core.training.places import MOST_DIRECTIONS
from napari_varae.core.training.sample import sample_length
from napari_varae.core.training.split import Split

__all__ = ["Requirements", "estimate"]

BLOCKS = 3
"""Blocks of the movie that are read."""
FRAMES = 512
"""Frames of a part of which the components are timed, at most."""
SAMPLE = 0.8
"""Share of a pass that the sample and the held-out frames of the first phase take."""
FILLED = 0.5
"""Share of the components of a tile among which places are looked for, where their number is not chosen yet."""
LATENTS = 300
"""Latents that are reckoned with when their number is not chosen yet, for each quarter of a million pixels."""
TO_NEED_LESS = (
    "Memory grows with the pixels and the frames of the movie: bin or crop it, open only some of its frames, or close "
    "other programs."
)
PRODUCTS = 4
"""Products of matrices that are timed."""
LIBRARIES = 0.45e9
"""Bytes that the libraries take."""


@dataclass(frozen=True)
class Requirements:
    """What a fit will need.

    Attributes
    ----------
    phases : dict of str to float
        Seconds of each phase, in their order.
    memory : float
        Peak memory in bytes.
    disk : float
        Bytes in the cache, where the compressed movie is kept.
    available : float
        Free memory in bytes.
    advice : str
        What to change when it will not fit; empty when it will.
    """

    phases: dict[str, float]
    memory: float
    disk: float
    available: float
    advice: str

    @property
    def minutes(self) -> float:
        """Time in all, most of it in two passes through the movie."""
        return sum(self.phases.values()) / 60

    def __str__(self) -> str:
        """Put it into one line."""
        needs = f"{format_bytes(self.memory)} of memory ({format_bytes(self.available)} free)"
        text = f"{_duration(self.minutes)}, {needs} and {format_bytes(self.disk)} of disk."
        return f"{text} {self.advice}" if self.advice else text


def _duration(minutes: float) -> str:
    """Spell about how long something takes."""
    if minutes < 1 / 60:
        return "Less than a second"
    return f"About {60 * minutes:.0f} s" if minutes < 1.5 else f"About {minutes:.0f} min"


def estimate(stack: Stack, config: FitConfig | None = None) -> Requirements:
    """Estimate what a fit will need.

    A few blocks of the movie are read and computed with; this takes about a second.

    Parameters
    ----------
    stack : Stack
        The movie, (T, Y, X).
    config : FitConfig, optional
        Settings.

    Returns
    -------
    requirements : Requirements

    Raises
    ------
    ValueError
        When settings do not fit the movie, or are of the convolutional network.
    StackError
        When frames cannot be read.

    Examples
    --------
    >>> import napari_varae as nv
    >>> stack = nv.simulate(nv.SimulationConfig(frames=200, height=32, width=32, cells=4)).stack
    >>> nv.estimate(stack, nv.FitConfig(latents=4)).advice
    ''
    """
    config = config or FitConfig()
    if config.network != "footprints":
        raise ValueError("No estimate for this network: its epochs are timed while it trains.")
    split, tiles = Split(stack, config), Tiles.of(stack.shape[1:])
    components = n_components(tiles, config)
    trained = int(split.trained.sum())
    with threads(config.threads or default_threads()):
        phases = _passes(stack, tiles, components, trained) | _after(config, tiles, components, trained)
    pixels = 4.0 * tiles.count * tiles.pixels
    disk = 4.0 * stack.n_frames * tiles.count * components + pixels * components
    frames = 4 * stack.block_length + sample_length(stack) * 2  # a block is read ahead
    part = min(trained, part_length(tiles, components)) * pixels
    memory = LIBRARIES + pixels * (frames + 3 * components) + 1.3 * part + 2.2 * (disk - pixels * components)
    available = float(psutil.virtual_memory().available)
    return Requirements(phases, memory, disk, available, _advice(memory, available))


def _passes(stack: Stack, tiles: Tiles, components: int, trained: int) -> dict[str, float]:
    """Measure what the passes through the movie take, in seconds."""
    length = stack.block_length
    firsts = np.unique(np.linspace(0, max(stack.n_frames - length, 0), BLOCKS).astype(int)).tolist()
    basis = torch.zeros(tiles.count, tiles.pixels, components)
    seconds = []
    for first in firsts:
        began = time.perf_counter()
        block = torch.from_numpy(stack.read(first, min(first + length, stack.n_frames)))
        torch.bmm(tiles.cut(block), basis)
        seconds.append((time.perf_counter() - began) / len(block))
    one_pass = float(np.median(seconds)) * stack.n_frames  # the first block wakes threads, and others may be disturbed
    bins = -(-trained // n_averaged(trained))
    part = min(bins, part_length(tiles, components))
    some = torch.randn(min(tiles.count, 4), min(part, FRAMES), tiles.pixels)
    began = time.perf_counter()
    leading_components(some, min(components, some.shape[1]), tiles.edge, 1.0, torch.Generator())
    once = (time.perf_counter() - began) * tiles.count * part / (some.shape[0] * some.shape[1])
    later = once * (POWER_KNOWN + 1) / (POWER + 1)  # it begins from the components of the parts before
    leading = once + later * (bins / part - 1)
    return {
        "reading": SAMPLE * one_pass + 0.2,
        "compressing": 1.15 * (one_pass + leading),
        "projecting": 1.4 * one_pass,
    }


def _after(config: FitConfig, tiles: Tiles, components: int, trained: int) -> dict[str, float]:
    """Seconds of finding places and of the VAR.

    Products of matrices are measured; what they come with was measured on two cores (benchmarks/training/everyday.py).
    """
    automatic, most = config.latents == "auto", float(components * tiles.count)
    wanted = min(FILLED * most, MOST_DIRECTIONS) if config.latents == "auto" else min(config.latents, most)
    images, turn = torch.zeros(tiles.pixels, components), torch.zeros(components, components)
    product = math.inf
    for _ in range(PRODUCTS):  # the first one wakes threads, and others may be disturbed
        began = time.perf_counter()
        images @ turn
        product = min(product, time.perf_counter() - began)
    of_a_tile = wanted / tiles.count
    step = 4 * product * (of_a_tile / components) ** 2 + 8e-5 + 1e-9 * of_a_tile**3
    chosen = 100 * step if automatic and tiles.count > 1 else 50 * step
    places = 0.2 + 1.8 * tiles.count * (40 * product + 6e-3 + 1.35e-7 * trained * components + chosen)
    if automatic:
        wanted = min(wanted, max(16, LATENTS * math.prod(tiles.image) / 2**18))
    return {"finding places": places, "training": 0.2 + 4e-8 * wanted**3 + 2e-10 * wanted**2 * trained}


def _advice(memory: float, available: float) -> str:
    return "" if memory <= 0.9 * available else f"It will not fit into memory. {TO_NEED_LESS}"
