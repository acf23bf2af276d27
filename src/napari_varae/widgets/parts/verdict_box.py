"""What a comparison found: the verdict and two answers, the rest folded away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_varae.core.comparison.percent import percent
from napari_varae.core.comparison.verdict import CANNOT, DIFFER, NO_DIFFERENCE, PLACEBO_LEVEL, POWER_WORDS
from napari_varae.session.ranges import name_ranges
from napari_varae.session.results import Edge
from napari_varae.widgets.parts.text import heading, note, signed

if TYPE_CHECKING:
    from napari_varae.core.comparison.inference.answer import Answer
    from napari_varae.core.comparison.inference.resampling import Running
    from napari_varae.core.comparison.result import Comparison

__all__ = ["VerdictBox", "differing"]

SLOW = 0.7
"""Share of independent frames below which the dock mentions it."""
NULLS = {
    "VAR": "the latents are a VAR",
    "blocks": "blocks of the recording are exchangeable",
    "segments": "segments are exchangeable",
}
HEADLINES = {
    DIFFER: "Links between latents differ between A and B.",
    NO_DIFFERENCE: "No difference between links was found.",
    CANNOT: "Whether links differ cannot be decided.",
}
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
        self.coupling, self.persistence = (tuple(note() for _ in range(3)) for _ in range(2))
        self.frames = note()
        self.level = QLabel()
        self.level.setToolTip("The largest difference, and the coefficient that it is of")
        grid = QGridLayout(self.numbers)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(2)
        grid.setHorizontalSpacing(10)
        grid.setColumnStretch(3, 1)
        for column, head in enumerate((QLabel("p"), QLabel("differ"), self.level), 1):
            grid.addWidget(head, 0, column)
        rows = (
            ("Coupling", self.coupling, "Links between latents"),
            ("Persistence", self.persistence, "Each latent's own past, which follows noise and activity first"),
            ("Frames", (self.frames,), "Number of independent frames that would estimate a correlation as well"),
        )
        for line, (name, values, tip) in enumerate(rows, 1):
            label = QLabel(name)
            label.setToolTip(tip)
            grid.addWidget(label, line, 0, Qt.AlignmentFlag.AlignTop)
            for column, value in enumerate(values, 1):
                value.setToolTip(tip)
                value.setWordWrap(len(values) == 1 or column == len(values))
                grid.addWidget(value, line, column, 1, 3 // len(values), Qt.AlignmentFlag.AlignTop)
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
        judged = result.judgement
        self._set(HEADLINES[judged.outcome], f"{judged.reason} {judged.remedy}".strip())
        self.level.setText(f"A − B ({percent(1 - result.config.level)} interval)")
        for labels, found in ((self.coupling, result.coupling), (self.persistence, result.persistence)):
            for label, text in zip(labels, _answer(result, found), strict=True):
                label.setText(text)
        (a, b), (all_a, all_b) = result.test.effective_frames, result.test.n_pairs
        self.frames.setText(f"effective in A: {a:.0f} of {all_a}, in B: {b:.0f} of {all_b}")
        self.details.setText(_details(result, rate))
        self.warnings.setText("\n\n".join(f"⚠ {warning}" for warning in result.warnings))
        self.folds["Cautions"].setText(f"Cautions ({len(result.warnings)})")
        self.numbers.show()
        self.folds["Details"].show()
        self.folds["Cautions"].setVisible(bool(result.warnings))
        self.stale.setHidden(current)
        self._dim(not current)

    def text(self) -> str:
        """Return all that is shown, folded or not."""
        parts = [part for part in (self.stale, self.sentence, self.hint) if not part.isHidden()]
        if not self.numbers.isHidden():
            parts += [self.level, *self.coupling, *self.persistence, self.frames, self.details, self.warnings]
        return "\n".join(part.text() for part in parts if part.text())

    def _set(self, sentence: str, hint: str) -> None:
        self.sentence.setText(sentence)
        self.hint.setText(hint)
        self.hint.setVisible(bool(hint))
        for part in (self.stale, self.numbers, *self.folds.values()):
            part.hide()
        self._dim(False)

    def _dim(self, on: bool) -> None:
        """Draw the texts of a result that is not of what is set now as inactive; they can still be folded out."""
        for part in (self.sentence, self.hint, self.numbers, self.details, self.warnings):
            part.setEnabled(not on)


def differing(result: Comparison | None) -> int:
    """Count the coefficients that differ."""
    return 0 if result is None else len(result.differing)


def _fold(text: QLabel) -> QCollapsible:
    fold = QCollapsible("Details")
    fold.setDuration(0)
    fold.layout().setContentsMargins(0, 0, 0, 0)
    fold.addWidget(text)
    return fold


def _answer(result: Comparison, found: Answer) -> tuple[str, str, str]:
    """Give p, how many differ, and the largest difference; no p is smaller than the resamples allow."""
    if not found.n_coefficients:
        return "–", "–", "nothing to compare"
    smallest = 1 / (result.test.resamples + 1)
    lag, target, source = found.coefficient
    which = f"own past of {target}" if target == source else str(Edge(lag, target, source))
    low, high = found.interval
    return (
        f"{'≤ ' if found.p_value <= smallest else ''}{found.p_value:.3g}",
        f"{found.n_differ} of {found.n_coefficients}",
        f"{signed(found.difference)} ({signed(low)} to {signed(high)})\n{which}",
    )


def _details(result: Comparison, rate: float | None) -> str:
    """Report what was compared, all p-values, counts, what could have been found, and what is not part of the test."""
    level = percent(result.config.level)
    compared = ", ".join(
        f"{letter.upper()} {name_ranges(parts, rate, short=True)}" for letter, parts in result.ranges.items()
    )
    p_of_null = result.coupling.p_of_null or result.test.p_of_null
    both = ", and ".join(f"{p:.3g} if {NULLS.get(name, name)}" for name, p in p_of_null.items())
    larger = "; the larger one counts" if len(p_of_null) > 1 else ""
    m = int((result.edges["q_value"] <= result.config.level).sum())
    every = f"{m} of {len(result.edges)} coefficients differ"
    parts = (
        f"Compared: {compared}.",
        f"For coupling, p is {both}{larger}.",
        f"For any coefficient, p = {result.p_value:.3g}. At an FDR of {level}, {every}.",
        _noise(result),
        _placebo(result),
        _reach(result),
        _apart(result),
    )
    return "\n\n".join(part for part in parts if part)


def _noise(result: Comparison) -> str:
    """Report what measurement noise was corrected, and what p would be with it."""
    if result.uncorrected is None:
        return "" if result.config.correct_noise else "Measurement noise was not corrected."
    a, b = (np.nanmedian(share) for share in result.test.noise_share)
    return (
        f"Measurement noise is {a:.0%} of the variance of a latent in A and {b:.0%} in B (medians), and was corrected. "
        f"With the noise left in: coupling p = {result.uncorrected.coupling.p_value:.3g}, persistence p = "
        f"{result.uncorrected.persistence.p_value:.3g} ({result.uncorrected.resamples} resamples)."
    )


def _placebo(result: Comparison) -> str:
    """Report the placebo that was run."""
    if not result.placebo:
        return ""
    low = sum(p <= PLACEBO_LEVEL for p in result.placebo)
    return f"Placebo: {low} of {len(result.placebo)} pairs have p ≤ {PLACEBO_LEVEL:g} for coupling."


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
    size, own = result.coupling.detectable, result.persistence.detectable
    if np.isfinite(size):
        text = f"For half of the links, a change of {size:.2f} would be found in {POWER_WORDS}"
        text += f", and one of own past of {own:.2f}." if np.isfinite(own) else "."
    elif np.isinf(size):
        text = "These are too few resamples to test single coefficients at this level."
    else:
        text = "How large a change would have been found is not known."
    if min(e / n for e, n in zip(result.test.effective_frames, result.test.n_pairs, strict=True)) < SLOW:
        text += " Latents are autocorrelated: frames are not independent, and their effective number is smaller."
    return text
