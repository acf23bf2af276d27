"""What a comparison found: one sentence and three numbers, the rest folded away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFormLayout, QLabel, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_varae.core.comparison.percent import percent
from napari_varae.session.ranges import name_ranges
from napari_varae.session.results import Edge
from napari_varae.widgets.parts.text import heading, note

if TYPE_CHECKING:
    from napari_varae.core.comparison.inference.resampling import Running
    from napari_varae.core.comparison.result import Comparison

__all__ = ["VerdictBox", "differing"]

SLOW = 0.7
"""Share of independent frames below which the dock mentions it."""
NULLS = {"VAR": "the latents are a VAR", "blocks": "blocks of the recording are exchangeable"}
NOT_COMPARED = "Not compared yet. The question: are the VAR coefficients the same in A and in B?"
NOT_OF_THESE = "This result is not of the ranges and bad frames that are set now."


class VerdictBox(QWidget):
    """The answer of a comparison, while it grows and when it is there."""

    def __init__(self) -> None:
        super().__init__()
        self.stale, self.sentence, self.hint = note(NOT_OF_THESE), heading(NOT_COMPARED), note()
        self.sentence.setWordWrap(True)
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.numbers = QWidget()
        self.p, self.difference, self.frames = note(), note(), note()
        form = QFormLayout(self.numbers)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(2)
        rows = (
            ("p-value", self.p, "Chance of a statistic at least as large if the dynamics were equal"),
            ("Largest difference", self.difference, "Of a coefficient, A minus B, on latents of SD 1; simultaneous"),
            ("Effective frames", self.frames, "Independent frames that would be worth as much about a correlation"),
        )
        for name, value, tip in rows:
            label = QLabel(name)
            for widget in (label, value):
                widget.setToolTip(tip)
            form.addRow(label, value)
        self.details, self.warnings = note(), note()
        self.folds = {name: _fold(text) for name, text in (("Details", self.details), ("Cautions", self.warnings))}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for part in (self.stale, self.sentence, self.hint, self.numbers, *reversed(self.folds.values())):
            layout.addWidget(part)
        self.show_message(NOT_COMPARED)

    def show_message(self, sentence: str, hint: str = "") -> None:
        """Show a sentence alone: there is no result, or not yet."""
        self._set(sentence, hint)

    def show_running(self, running: Running, *, current: bool) -> None:
        """Show what the resamples so far give, and whether they are of what is set now."""
        self._set(
            f"So far p = {running.p_value:.3g}, after {running.made} of {running.planned} resamples",
            f"95 % interval of p: {running.low:.3f} to {running.high:.3f}. Choose the number of resamples before you "
            "look: stopping because p is small makes p too small.",
        )
        self.stale.setHidden(current)

    def show_result(self, result: Comparison, rate: float | None, *, current: bool) -> None:
        """Show a result, and whether it is of what is set now."""
        smallest, level = 1 / (result.test.resamples + 1), result.config.level
        at_most = " (smallest value possible with these resamples)" if result.p_value <= smallest else ""
        first = result.edges[0]
        link = Edge(int(first["lag"]), int(first["target"]), int(first["source"]))
        self._set(_sentence(result), "")
        self.p.setText(f"{result.p_value:.3g}{at_most}")
        self.difference.setText(
            f"{first['difference']:+.2f} ({percent(1 - level)} interval {first['low']:+.2f} to {first['high']:+.2f}), "
            + (f"own past of latent {link.target}" if link.source == link.target else f"link {link}")
        )
        (a, b), (all_a, all_b) = result.test.effective_frames, result.test.n_pairs
        self.frames.setText(f"A: {a:.0f} of {all_a}, B: {b:.0f} of {all_b}")
        self.details.setText(_details(result, rate))
        self.warnings.setText("\n\n".join(f"⚠ {warning}" for warning in result.warnings))
        self.folds["Cautions"].setText(f"Cautions ({len(result.warnings)})")
        self.numbers.show()
        self.folds["Details"].show()
        self.folds["Cautions"].setVisible(bool(result.warnings))
        self.stale.setHidden(current)
        self.setEnabled(current)

    def text(self) -> str:
        """Return all that is shown, folded or not."""
        parts = [part for part in (self.stale, self.sentence, self.hint) if not part.isHidden()]
        if not self.numbers.isHidden():
            parts += [self.p, self.difference, self.frames, self.details, self.warnings]
        return "\n".join(part.text() for part in parts if part.text())

    def _set(self, sentence: str, hint: str) -> None:
        self.sentence.setText(sentence)
        self.hint.setText(hint)
        self.hint.setVisible(bool(hint))
        for part in (self.stale, self.numbers, *self.folds.values()):
            part.hide()
        self.setEnabled(True)


def differing(result: Comparison | None) -> int:
    """Count the coefficients that differ."""
    return 0 if result is None else len(result.differing)


def _fold(text: QLabel) -> QCollapsible:
    fold = QCollapsible("Details")
    fold.setDuration(0)
    fold.layout().setContentsMargins(0, 0, 0, 0)
    fold.addWidget(text)
    return fold


def _sentence(result: Comparison) -> str:
    """Give the answer in one sentence."""
    if 1 / (result.test.resamples + 1) > result.config.level * (1 + 1e-9):
        return "These are too few resamples to find a difference at this level."
    n = len(result.warnings)
    read = f"; read the {f'{n} cautions' if n > 1 else 'caution'} below" if n else ""
    if result.p_value <= result.config.level:
        return f"The dynamics in A and B differ{read}."
    return "No difference was found between the dynamics in A and B."


def _details(result: Comparison, rate: float | None) -> str:
    """Report what was compared, both p-values, counts, what could have been found, and what is not part of the test."""
    level = percent(result.config.level)
    compared = ", ".join(
        f"{letter.upper()} {name_ranges(parts, rate, short=True)}" for letter, parts in result.ranges.items()
    )
    both = ", and ".join(f"{p:.3g} if {NULLS.get(name, name)}" for name, p in result.test.p_of_null.items())
    larger = "; the larger one counts" if len(result.test.p_of_null) > 1 else ""
    n, m = differing(result), int((result.edges["q_value"] <= result.config.level).sum())
    links = f" Among links alone, without own past: p = {result.p_links:.3g}." if np.isfinite(result.p_links) else ""
    return "\n\n".join(
        (
            f"Compared: {compared}.",
            f"p is {both}{larger}.{links if result.p_value <= result.config.level else ''}",
            f"{n} of {len(result.edges)} coefficients differ at the {level} level, {m} at an FDR of {level}.",
            _reach(result),
            _apart(result),
        )
    )


def _apart(result: Comparison) -> str:
    """Report how means and variances differ, which is not part of the test."""
    shifts, ratios = np.abs(result.test.mean_shift), result.test.variance_ratio[result.test.known]
    most = int(np.nanargmax(shifts))
    return (
        f"Not part of the test: means differ by up to {shifts[most]:.2g} SD (latent {most}), and innovations in B "
        f"have {ratios.min():.2g} to {ratios.max():.2g} times the variance of those in A."
    )


def _reach(result: Comparison) -> str:
    """Report what ranges like these can show."""
    between = result.edges["detectable"][result.edges["target"] != result.edges["source"]]
    detectable = float(np.median(between)) if len(between) else np.nan
    if np.isfinite(detectable):
        text = f"For half of the links, a change of {detectable:.2f} would be found in about 3 of 4 such comparisons."
    elif np.isinf(detectable):
        text = "These are too few resamples to test single coefficients at this level."
    else:
        text = "How large a change would have been found is not known."
    if min(e / n for e, n in zip(result.test.effective_frames, result.test.n_pairs, strict=True)) < SLOW:
        text += " Latents are autocorrelated: frames are not independent, and their effective number is smaller."
    return text
