"""What a simulated two-photon image shows: somata with their dendrites, neuropil, vessels, passing neurites.

Images are in movie units, drawn to resemble frames of mouse cortex: cells of very unequal brightness and unequal size,
rings and filled ones, thin processes with brighter swellings, a grainy neuropil.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit

__all__ = ["BRIGHT", "draw_cell", "draw_neurites", "draw_neuropil", "draw_surround", "place"]

BRIGHT = 6000.0
"""Movie units of a bright soma; about ten times this saturates the 16-bit detector."""

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]


def place(
    count: int, shape: tuple[int, int], inset: float, spacing: float, vessels: Mask, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Choose centres (count, 2), `inset` from the border; `spacing` apart and off the vessels where possible."""
    centres, found, avoid = np.full((count, 2), np.inf), 0, vessels
    while found < count:
        for _ in range(50 * count):
            point = rng.uniform(inset, np.array(shape) - 1 - inset)
            apart = np.hypot(*(centres[:found] - point).T).min(initial=np.inf) > spacing
            if apart and not avoid[tuple(point.astype(int))]:
                centres[found] = point
                found += 1
            if found == count:
                break
        spacing, avoid = 0.9 * spacing, np.zeros_like(vessels)  # too crowded: let somata touch, and lie on vessels
    return centres


def draw_surround(neuropil: Image, centre: NDArray[np.float64], reach: float) -> Image:
    """Draw the neuropil (Y, X) around a cell, fading as a Gaussian with this standard deviation in pixels."""
    y, x = (np.exp(-0.5 * ((np.arange(n) - c) / reach) ** 2) for n, c in zip(neuropil.shape, centre, strict=True))
    surround: Image = neuropil * np.outer(y, x).astype(np.float32)
    return surround


def draw_cell(
    shape: tuple[int, int], centre: NDArray[np.float64], radius: float, ring_share: float, rng: np.random.Generator
) -> Image:
    """Draw a soma with a soft, slightly irregular outline, as a ring where the nucleus is dark, and its dendrite."""
    radius *= rng.uniform(0.7, 1.25)
    brightness = BRIGHT * np.exp(rng.normal(-0.4, 0.5))
    ring, darkness, phase = rng.random() < ring_share, rng.uniform(0.5, 0.9), rng.uniform(0, 2 * np.pi, 3)
    corner = np.floor(centre).astype(int) - (reach := int(8 * radius) + 3)
    window = (2 * reach + 1, 2 * reach + 1)
    y, x = (np.arange(n) - c for n, c in zip(window, centre - corner, strict=True))
    y, x = y[:, None], x[None]
    angle, distance = np.arctan2(y, x), np.hypot(y, x)
    outline = radius * (1 + 0.12 * np.cos(2 * angle + phase[0]) + 0.05 * np.cos(3 * angle + phase[1]))
    grain = ndimage.gaussian_filter(rng.standard_normal(window), 0.8)
    body = expit((outline - distance) / 0.5) * (1 + 0.3 * grain)
    if ring:
        body *= (1 - darkness * expit((0.6 * outline - distance) / 0.6)) * (1 + 0.15 * np.cos(angle + phase[2]))
    body /= body.max()
    if rng.random() < 0.5:
        body = np.maximum(body, _dendrite(window, centre - corner, radius, rng))
    image = np.zeros(shape, dtype=np.float32)
    first, last = np.maximum(corner, 0), np.minimum(corner + window, shape)
    seen = tuple(slice(*ends) for ends in zip(first - corner, last - corner, strict=True))
    image[first[0] : last[0], first[1] : last[1]] = brightness * np.where(body < 1e-3, 0, body)[seen]
    return image


def _dendrite(
    shape: tuple[int, int], start: NDArray[np.float64], radius: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw a thin process that leaves a soma, with brighter swellings, as a share of the brightness of the soma."""
    image = np.zeros(shape)
    path = _path(shape, start, int(rng.uniform(6, 12) * radius), 0.1, rng)
    image[path] = rng.uniform(0.15, 0.45)
    image[path & (rng.random(shape) < 0.08)] *= 3
    return np.asarray(ndimage.gaussian_filter(image, 0.5))


def draw_neuropil(shape: tuple[int, int], rng: np.random.Generator) -> tuple[Image, Mask]:
    """Draw the neuropil, darkened by vessels, and the mask of the vessels."""
    texture = np.ones(shape)
    for width, strength in ((0.8, 0.2), (2.0, 0.1), (16.0, 0.25)):
        field = ndimage.gaussian_filter(rng.standard_normal(shape), width, mode="wrap")
        texture += strength * field / field.std()
    distance = np.full(shape, np.inf)
    for half_width in rng.uniform(1.5, 3.5, max(1, round(shape[0] * shape[1] / 80**2))):
        path = _path(shape, rng.uniform(0, shape), 4 * sum(shape), 0.03, rng, both_ways=True)
        distance = np.minimum(distance, ndimage.distance_transform_edt(~path) - half_width)
    neuropil = 0.25 * BRIGHT * np.maximum(texture, 0.2) * (1 - 0.75 * expit(-distance / 0.8))
    return neuropil.astype(np.float32), distance < 1


def draw_neurites(shape: tuple[int, int], rng: np.random.Generator) -> Image:
    """Draw thin processes with brighter swellings, and boutons of axons that are too thin to see."""
    image = np.zeros(shape)
    for strength in rng.uniform(0.05, 0.5, round(shape[0] * shape[1] / 500)):
        path = _path(shape, rng.uniform(0, shape), int(rng.integers(20, 80)), 0.12, rng, both_ways=True)
        image[path] += strength
        image[path & (rng.random(shape) < 0.06)] += 4 * strength
    boutons = rng.random(shape) < 1 / 400
    image[boutons] += rng.gamma(2, 0.7, np.count_nonzero(boutons))
    return np.asarray(BRIGHT * ndimage.gaussian_filter(image, 0.6), dtype=np.float32)


def _path(
    shape: tuple[int, int],
    start: NDArray[np.float64],
    steps: int,
    wiggle: float,
    rng: np.random.Generator,
    both_ways: bool = False,
) -> Mask:
    """Mark the pixels of a curve that wanders from a point, half a pixel a step."""
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(wiggle * rng.standard_normal(steps))
    points = np.cumsum(0.5 * np.stack([np.sin(heading), np.cos(heading)], axis=1), axis=0)
    points = np.rint(points - points[steps // 2 if both_ways else 0] + start).astype(int)
    points = points[((points >= 0) & (points < shape)).all(axis=1)]
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(points.T)] = True
    return mask
