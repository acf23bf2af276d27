"""Small pictures for a page: maps as PNG, curves and null distributions as SVG."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

__all__ = ["curves", "histogram", "map_over_image"]

WIDTH, HEIGHT, EDGE = 240, 130, 8
COLOURS = ("#1f77b4", "#d95f02", "#2a9d5c")
ORANGE = np.array([1.0, 0.55, 0.05])
LARGEST = 240
"""Pixels of the longer side of a thumbnail, at most."""


def map_over_image(values: ArrayLike, image: ArrayLike, title: str) -> str:
    """Draw a map of sizes (Y, X) in orange over a grey image (Y, X), as an HTML element."""
    size, grey = _unit(np.abs(np.asarray(values, dtype=float))), _unit(np.asarray(image, dtype=float))
    rgb = (1 - size[..., None]) * 0.8 * grey[..., None] + size[..., None] * ORANGE
    picture = Image.fromarray((255 * rgb).round().astype(np.uint8))
    picture.thumbnail((LARGEST, LARGEST))
    written = io.BytesIO()
    picture.save(written, "PNG")
    data = base64.b64encode(written.getvalue()).decode()
    return f'<figure><img src="data:image/png;base64,{data}" alt="{html.escape(title)}"/>{_caption(title)}</figure>'


def curves(x: Sequence[float], lines: Mapping[str, Sequence[float]], title: str) -> str:
    """Draw named curves over x, as an HTML element."""
    every = [value for values in lines.values() for value in values]
    across, up = _axis(x, EDGE, WIDTH - EDGE), _axis([0.0, *every], HEIGHT - EDGE, EDGE)
    drawn = []
    for (name, values), colour in zip(lines.items(), COLOURS, strict=False):
        points = " ".join(f"{across(a):.1f},{up(b):.1f}" for a, b in zip(x, values, strict=True))
        end = f'<circle cx="{across(x[-1]):.1f}" cy="{up(values[-1]):.1f}" r="3" fill="{colour}"/>' if len(x) else ""
        line = f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        drawn.append(f"<g><title>{html.escape(name)}</title>{line}{end}</g>")
    keys = ", ".join(
        f'<span style="color:{colour}">{html.escape(name)} {values[-1]:.3g}</span>'
        for (name, values), colour in zip(lines.items(), COLOURS, strict=False)
    )
    return f"<figure>{_svg(drawn)}{_caption(title)}<figcaption>{keys}</figcaption></figure>"


def histogram(null: ArrayLike, observed: float, title: str) -> str:
    """Draw a null distribution with the observed value, as an HTML element."""
    values = np.asarray(null, dtype=float)
    low, high = min(float(values.min()), observed), max(float(values.max()), observed)
    counts, edges = np.histogram(values, bins=24, range=(low, high if high > low else low + 1))
    across, up = _axis((edges[0], edges[-1]), EDGE, WIDTH - EDGE), _axis((0, counts.max()), HEIGHT - EDGE, EDGE)
    bars = [
        f'<rect x="{across(a):.1f}" y="{up(n):.1f}" width="{max(across(b) - across(a) - 1, 0.5):.1f}" '
        f'height="{HEIGHT - EDGE - up(n):.1f}" fill="#999"/>'
        for n, a, b in zip(counts, edges[:-1], edges[1:], strict=True)
    ]
    at = across(observed)
    line = f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{EDGE}" y2="{HEIGHT - EDGE}" stroke="#d95f02" stroke-width="3"/>'
    bars.append(line)
    return f"<figure>{_svg(bars)}{_caption(title)}</figure>"


def _unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale values to between 0 and 1; the outermost half per cent is cut."""
    low, high = np.percentile(values, (0.5, 99.5))
    scaled: NDArray[np.float64] = ((values - low) / max(high - low, 1e-30)).clip(0, 1)
    return scaled


def _axis(values: Sequence[float], start: float, end: float) -> Callable[[float], float]:
    """Return where on the picture a value lies, from `start` for the least to `end` for the largest."""
    low, high = (min(values), max(values)) if len(values) else (0.0, 1.0)
    return lambda value: start + (end - start) * ((value - low) / (high - low) if high > low else 0.5)


def _svg(parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">{"".join(parts)}</svg>'


def _caption(title: str) -> str:
    return f"<figcaption>{html.escape(title)}</figcaption>"
