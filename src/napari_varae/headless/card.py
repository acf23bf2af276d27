"""What the report of a batch shows of one recording: maps, curves, and the null distribution."""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING, Any

from napari_varae.figures.paper import figure_bytes
from napari_varae.headless.figures import draw_analysis, draw_maps, draw_result
from napari_varae.io.analysis import Analysis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_card", "failed_card"]

DPI = 150
"""Pixels per inch of maps; everything else is SVG."""
TYPES = {"png": "image/png", "svg": "image/svg+xml"}


def draw_card(name: str, analysis: Analysis) -> str:
    """Draw the card of an analysis, as an HTML element."""
    fit = analysis.fit
    figures = [_html(draw_maps(analysis, title), title, "png") for title in analysis.maps]
    if fit.history:
        figures.append(_html(draw_analysis(analysis, "training"), "curves of the training", "svg"))
    notes = list(fit.notes)
    for title in analysis.comparisons:
        result = analysis.comparison(title)
        figures.append(_html(draw_result(result), f"{title}: {result.verdict} (null distribution of coupling)", "svg"))
        notes += result.warnings
    return _card(name, f"{analysis.n_frames} frames, {fit.latents} latents", "".join(figures), notes)


def failed_card(name: str, reason: str) -> str:
    """Draw the card of a recording that failed."""
    return _card(name, "failed", "", [reason])


def _html(figure: Figure, title: str, kind: str) -> str:
    """Write a figure as an HTML element that needs no other file."""
    data = base64.b64encode(figure_bytes(figure, kind, dpi=DPI)).decode()
    picture = f'<img src="data:{TYPES[kind]};base64,{data}" alt="{html.escape(title, quote=True)}"/>'
    return f"<figure>{picture}<figcaption>{html.escape(title)}</figcaption></figure>"


def _card(name: str, subtitle: str, body: str, notes: list[Any]) -> str:
    anchor, listed = html.escape(name, quote=True), "".join(f"<li>{html.escape(str(note))}</li>" for note in notes)
    heading = f"<h2>{html.escape(name)} <small>{html.escape(subtitle)}</small></h2>"
    return f'<section id="{anchor}">{heading}<div>{body}</div><ul>{listed}</ul></section>\n'
