"""Two-photon recordings with everything known: cells, their sparse VAR, tissue, motion and noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.core.movie.stack import Stack
from napari_varae.core.simulation.settings import SimulationConfig
from napari_varae.core.simulation.tissue import BRIGHT, draw_cell, draw_neurites, draw_neuropil, draw_surround, place
from napari_varae.core.var.stability import spectral_radius

__all__ = ["Simulation", "simulate"]

Array = NDArray[np.float32]

OFFSET = 400.0
"""Movie units that the detector reports in the dark."""


@dataclass(frozen=True, eq=False)
class Simulation:
    """A simulated recording and the truth behind it.

    The movie is ``static + clean + noise``, rounded to 16 bits. Without motion, bleaching, neuropil and distractors,
    ``clean`` is the dynamics of the cells alone: ``traces @ footprints`` less its temporal mean.

    Attributes
    ----------
    config : SimulationConfig
        The settings that made it.
    stack : Stack
        The movie, uint16, shape (T, Y, X).
    traces : ndarray, shape (T, N)
        Activity of the cells: a VAR(p) around zero with innovations of unit variance.
    footprints : ndarray, shape (N, Y, X)
        Change of the image per unit of each trace, in movie units.
    coefficients : ndarray, shape (p, N, N)
        The VAR, [lag, target, source].
    coefficients_after : ndarray or None, shape (p, N, N)
        The VAR from frame ``config.change_at`` on.
    static : ndarray, shape (Y, X)
        Temporal mean of the noise-free movie, in movie units.
    clean : ndarray, shape (T, Y, X)
        Noise-free movie less `static`, in movie units; with motion, bleaching, neuropil and distractors.
    centres : ndarray, shape (N, 2)
        Centre (y, x) of each cell in pixels.
    distractor_traces, distractor_footprints : ndarray, shapes (T, D) and (D, Y, X)
        Places that flicker without a temporal rule.
    neuropil : ndarray, shape (T,)
        The shared fluctuation of the neuropil, unit variance.
    shifts : ndarray, shape (T, 2)
        Displacement (y, x) of the tissue in each frame, in pixels.
    """

    config: SimulationConfig
    stack: Stack
    traces: NDArray[np.float64]
    footprints: Array
    coefficients: NDArray[np.float64]
    coefficients_after: NDArray[np.float64] | None
    static: Array
    clean: Array
    centres: NDArray[np.float64]
    distractor_traces: NDArray[np.float64]
    distractor_footprints: Array
    neuropil: NDArray[np.float64]
    shifts: NDArray[np.float64]

    def __repr__(self) -> str:
        t, y, x = self.stack.shape
        return f"Simulation({t} frames of {y} x {x}, {len(self.footprints)} cells, seed {self.config.seed})"

    @property
    def drivers(self) -> NDArray[np.intp]:
        """Indices of the cells that drive other cells (before a change, if there is one)."""
        return _drivers(self.coefficients)


def simulate(config: SimulationConfig | None = None, check: Check = go_on) -> Simulation:
    """Simulate a two-photon recording in which cells follow a sparse VAR.

    Ring-shaped and filled somata, some with a dendrite, lie in neuropil with vessels and neurites. A third of the cells
    (more when the graph is dense) drive others; couplings are reduced by a common factor where the VAR would come near
    instability.

    Parameters
    ----------
    config : SimulationConfig, optional
        Settings; the defaults when not given. The same settings give the same recording.
    check : callable, optional
        Called between blocks of frames; what it raises ends the simulation.

    Returns
    -------
    Simulation
        The movie and the truth behind it.

    Examples
    --------
    >>> import napari_varae as nv
    >>> sim = nv.simulate(nv.SimulationConfig(frames=200, height=32, width=32, cells=4, seed=0))
    >>> sim.stack.shape, sim.traces.shape, sim.footprints.shape, sim.coefficients.shape
    ((200, 32, 32), (200, 4), (4, 32, 32), (1, 4, 4))
    """
    config = config or SimulationConfig()
    # One stream for each aspect: more noise or other couplings leave the tissue as it is.
    places, tissue, graph, activity, flicker, drift, noise, light = np.random.default_rng(config.seed).spawn(8)

    coefficients, coefficients_after = _coefficients(config, graph)
    traces = _traces(config, coefficients, coefficients_after, activity)
    distractor_traces = _skewed(flicker, (config.frames, config.distractors), config.events)
    neuropil_trace = _autoregression(drift, config.frames, 0.95)
    motion = np.stack([_autoregression(drift, config.frames, 0.5) for _ in range(2)], axis=1)
    shifts = config.jitter * np.clip(motion, -3, 3)

    # The scene is larger than the image, so that motion brings real tissue into view and not an empty border.
    margin = math.ceil(3 * config.jitter) + 1
    shape = (config.height + 2 * margin, config.width + 2 * margin)
    neuropil, vessels = draw_neuropil(shape, tissue)
    radius, moving = config.soma_radius / config.pixel_size, config.cells + config.distractors
    count = moving + config.silent
    centres = place(count, shape, margin + radius / 2, config.spacing * radius, vessels, places)
    rings = [config.ring_share] * config.cells + [0.0] * config.distractors + [config.ring_share] * config.silent
    painters = places.spawn(count)  # one for each: more distractors leave the cells as they are
    hows = zip(rings, painters, strict=True)
    bodies = np.stack([draw_cell(shape, c, radius, *how) for c, how in zip(centres, hows, strict=True)])
    resting = neuropil + bodies.sum(axis=0) + draw_neurites(shape, tissue)
    shown = _saturated(traces, config.saturation)
    swing = np.concatenate([shown.std(axis=0), np.ones(config.distractors)]).astype(np.float32)[:, None, None]
    maps = config.signal * bodies[:moving] / swing
    if config.surround:
        for i, centre in enumerate(centres[: config.cells]):
            maps[i] += config.signal * config.surround * draw_surround(neuropil, centre, 3 * radius) / swing[i]
    weights = np.concatenate([shown, distractor_traces, config.neuropil * neuropil_trace[:, None]], axis=1)

    brightness = (1 - config.bleaching) ** (np.arange(config.frames) / config.frames)
    brightness *= 1 + config.brightness * np.clip(_autoregression(light, config.frames, 0.95), -3, 3)
    scene = _Scene(resting, np.concatenate([maps, neuropil[None]]), weights, shifts, brightness)
    movie, expected = _record(config, scene, noise, check)
    static = expected.mean(axis=0, dtype=np.float64).astype(np.float32)
    expected -= static
    maps = maps[:, margin:-margin, margin:-margin].copy()
    return Simulation(
        config=config,
        stack=Stack(
            movie, config.frame_rate, config.pixel_size, name="simulated recording",
            notes=[
                f"Simulated with seed {config.seed}",
                f"{config.cells} cells, {config.distractors} distractors, {config.silent} silent cells",
            ],
        ),
        traces=traces,
        footprints=maps[: config.cells],
        coefficients=coefficients,
        coefficients_after=coefficients_after,
        static=static,
        clean=expected,
        centres=centres[: config.cells] - margin,
        distractor_traces=distractor_traces,
        distractor_footprints=maps[config.cells :],
        neuropil=neuropil_trace,
        shifts=shifts,
    )  # fmt: skip


def _coefficients(
    config: SimulationConfig, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Draw the VAR, and the one after the change: shape (p, N, N) each, stable."""
    n, pairs = config.cells, ~np.eye(config.cells, dtype=bool)
    size = config.coupling * rng.choice([1.0, 1.0, 1.0, -1.0], (n, n))
    lag = rng.integers(config.order, size=(n, n))
    sources = np.zeros(n, dtype=bool)
    sources[rng.permutation(n)[: max(math.ceil(n / 3), math.ceil(config.edges / max(n - 1, 1)))]] = True
    graph = _pick(pairs & sources, config.edges, rng)
    graphs = [graph]
    if config.change_at is not None:
        moved = _pick(graph, math.ceil(config.change_share * config.edges), rng)
        free = pairs & ~graph
        graphs.append((graph & ~moved) | _pick(free, min(int(moved.sum()), int(free.sum())), rng))

    def build(graph: NDArray[np.bool_], factor: float) -> NDArray[np.float64]:
        coefficients = np.where((lag == np.arange(config.order)[:, None, None]) & graph, factor * size, 0.0)
        coefficients[0] += config.decay * np.eye(n)
        return coefficients

    factor, limit = 1.0, config.decay + 0.8 * (1 - config.decay)
    while max(_radius(build(graph, factor)) for graph in graphs) > limit:
        factor *= 0.9
    before, *after = (build(graph, factor) for graph in graphs)
    return before, after[0] if after else None


def _pick(allowed: NDArray[np.bool_], count: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Choose `count` of the allowed places of a mask."""
    chosen = np.zeros(allowed.shape, dtype=bool)
    chosen.flat[rng.choice(np.flatnonzero(allowed), count, replace=False)] = True
    return chosen


def _drivers(coefficients: NDArray[np.float64]) -> NDArray[np.intp]:
    """Find the cells with a coefficient on another cell."""
    others = ~np.eye(coefficients.shape[1], dtype=bool)
    return np.flatnonzero(((coefficients != 0) & others).any(axis=(0, 1)))


def _radius(coefficients: NDArray[np.float64]) -> float:
    """Spectral radius of the VAR; cells that drive nobody add no eigenvalue but their own decay."""
    block = _drivers(coefficients)
    among_drivers = spectral_radius(np.concatenate(list(coefficients[:, block][:, :, block]), axis=1))
    return max(among_drivers, float(np.diagonal(coefficients[0]).max()))


def _traces(
    config: SimulationConfig,
    before: NDArray[np.float64],
    after: NDArray[np.float64] | None,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Run the VAR on skewed, event-like innovations, from its stationary law on: shape (T, N)."""
    radius = max(_radius(a) for a in (before, after) if a is not None)
    warm_up = config.order + math.ceil(math.log(1e-3) / math.log(max(radius, 1e-3)))
    traces = _skewed(rng, (warm_up + config.frames, config.cells), config.events)
    lags = list(before)
    for t in range(config.order, len(traces)):
        if after is not None and config.change_at is not None and t == warm_up + config.change_at:
            lags = list(after)
        for k, a in enumerate(lags, start=1):
            traces[t] += a @ traces[t - k]
    return traces[warm_up:]


def _skewed(rng: np.random.Generator, size: tuple[int, int], shape: float) -> NDArray[np.float64]:
    """Independent draws with mean 0 and variance 1, mostly small and sometimes large, as calcium events are."""
    return (rng.gamma(shape, size=size) - shape) / math.sqrt(shape)


def _autoregression(rng: np.random.Generator, n: int, coefficient: float) -> NDArray[np.float64]:
    """Run a Gaussian AR(1) process of unit variance for n steps."""
    trace = rng.standard_normal(n)
    trace[1:] *= math.sqrt(1 - coefficient**2)
    for t in range(1, n):
        trace[t] += coefficient * trace[t - 1]
    return trace


class _Scene(NamedTuple):
    """What is recorded: an image at rest, what changes it (M, Y, X) and how (T, M), its motion, its brightness."""

    resting: Array
    maps: Array
    weights: NDArray[np.float64]
    shifts: NDArray[np.float64]
    brightness: NDArray[np.float64]


def _record(
    config: SimulationConfig, scene: _Scene, rng: np.random.Generator, check: Check
) -> tuple[NDArray[np.uint16], Array]:
    """Move, light and detect the scene: the movie and its expectation, shape (T, Y, X) each, in movie units."""
    shape = (config.frames, config.height, config.width)
    movie, expected = np.empty(shape, dtype=np.uint16), np.empty(shape, dtype=np.float32)
    flat_maps, flat_weights = scene.maps.reshape(len(scene.maps), -1), scene.weights.astype(np.float32)
    gain = BRIGHT / config.photons
    for first in range(0, config.frames, 100):
        check()
        block = slice(first, min(first + 100, config.frames))
        images = scene.resting + (flat_weights[block] @ flat_maps).reshape(-1, *scene.resting.shape)
        np.maximum(images, 0, out=images)
        for t in range(block.start, block.stop):
            expected[t] = scene.brightness[t] * _shifted(images[t - first], scene.shifts[t], shape[1:])
        photons = rng.poisson(expected[block] / gain) + rng.normal(0, 0.3, expected[block].shape)
        if config.smear:
            for axis in (1, 2):
                photons = ndimage.correlate1d(photons, [config.smear, 1 - 2 * config.smear, config.smear], axis)
        movie[block] = np.clip(np.rint(gain * photons + OFFSET), 0, 65535)
    expected += OFFSET
    return movie, expected


def _saturated(traces: NDArray[np.float64], saturation: float) -> NDArray[np.float64]:
    """Traces (T, N) as an indicator shows them, each with the mean that it had."""
    if not saturation:
        return traces
    above = (traces - traces.min(axis=0)) / traces.std(axis=0)
    shown: NDArray[np.float64] = np.log1p(saturation * above) / saturation
    shown += traces.mean(axis=0) - shown.mean(axis=0)
    return shown


def _shifted(scene: Array, shift: NDArray[np.float64], shape: tuple[int, int]) -> Array:
    """Cut the image out of the scene, displaced by `shift` pixels (bilinear)."""
    corner = (np.array(scene.shape) - shape) / 2 - shift
    y, x = np.floor(corner).astype(int)
    fy, fx = corner - (y, x)
    height, width = shape
    rows = (1 - fy) * scene[y : y + height] + fy * scene[y + 1 : y + height + 1]
    image: Array = (1 - fx) * rows[:, x : x + width] + fx * rows[:, x + 1 : x + width + 1]
    return image
