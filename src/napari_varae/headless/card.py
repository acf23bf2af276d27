"""What the report of a batch shows of one recording: maps, curves, and the null distribution."""

from __future__ import annotations

import html
from typing import Any

from napari_varae.headless.drawing import curves, histogram, map_over_image
from napari_varae.io.analysis import Analysis

__all__ = ["draw_card", "failed_card"]


def draw_card(name: str, analysis: Analysis) -> str:
    """Draw the card of an analysis, as an HTML element."""
    fit = analysis.fit
    figures = [map_over_image(image, fit.static, title) for title, image in analysis.maps.items()]
    epochs = [float(report.epoch) for report in fit.history]
    if epochs:
        explained = {
            "reconstruction": [report.reconstruction_fve for report in fit.history],
            "prediction": [report.prediction_fve for report in fit.history],
        }
        figures.append(curves(epochs, explained, "held-out variance explained, by epoch"))
    notes = list(fit.notes)
    for title, found in analysis.comparisons.items():
        caption = f"{title}: null distribution, p = {found['p_value']:.3g}"
        figures.append(histogram(found["null"], found["statistic"], caption))
        notes += found["warnings"]
    return _card(name, f"{analysis.n_frames} frames, {fit.latents} latents", "".join(figures), notes)


def failed_card(name: str, reason: str) -> str:
    """Draw the card of a recording that failed."""
    return _card(name, "failed", "", [reason])


def _card(name: str, subtitle: str, body: str, notes: list[Any]) -> str:
    anchor, listed = html.escape(name, quote=True), "".join(f"<li>{html.escape(str(note))}</li>" for note in notes)
    heading = f"<h2>{html.escape(name)} <small>{html.escape(subtitle)}</small></h2>"
    return f'<section id="{anchor}">{heading}<div>{body}</div><ul>{listed}</ul></section>\n'
