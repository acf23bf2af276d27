"""What a comparison of two frame sets found, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_varae.core.comparison import export, methods
from napari_varae.core.comparison.inference.answer import Answer
from napari_varae.core.comparison.inference.two_sample import TwoSampleTest
from napari_varae.core.comparison.verdict import Verdict, judge
from napari_varae.core.movie.frame_set import FrameSet
from napari_varae.core.movie.frames import FrameRange
from napari_varae.core.settings import ComparisonConfig

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Comparison:
    """A test, its settings, and what was compared.

    Attributes
    ----------
    test : TwoSampleTest
        What the test found.
    config : ComparisonConfig
        The settings.
    warnings : tuple of str
        What a reader should know, in words.
    frames : dict of str to FrameSet
        The frame sets "a" and "b"; empty when latents were compared.
    halves : dict of str to float
        P-values, for coupling, of the first half of each range against its second half, where these were compared: "a",
        "b", and "any" of one test for both (:func:`napari_varae.core.comparison.inference.within.compare_halves`).
    own_halves : dict of str to float
        The same for persistence.
    uncorrected : TwoSampleTest or None
        What the test found with measurement noise left in, where it was accounted for; from fewer draws.
    placebo : tuple of float
        P-values, for coupling, of pairs of ranges between which nothing should differ, where these were compared.
    fit : str
        Identity of the fit; empty when latents were compared.
    movie : str
        Fingerprint of the movie; empty when latents were compared.
    trained_on : str
        Fingerprint of the movie that the fit was trained on.
    """

    test: TwoSampleTest
    config: ComparisonConfig
    warnings: tuple[str, ...]
    frames: dict[str, FrameSet] = field(default_factory=dict)
    halves: dict[str, float] = field(default_factory=dict)
    own_halves: dict[str, float] = field(default_factory=dict)
    uncorrected: TwoSampleTest | None = None
    placebo: tuple[float, ...] = ()
    fit: str = ""
    movie: str = ""
    trained_on: str = ""

    @property
    def p_value(self) -> float:
        """P-value of the overall test: any coefficient."""
        return self.test.p_value

    @property
    def p_links(self) -> float:
        """P-value among links between latents alone."""
        return self.test.p_links

    @property
    def coupling(self) -> Answer:
        """Whether links between latents differ."""
        return self.test.coupling

    @property
    def persistence(self) -> Answer:
        """Whether each latent's own past differs."""
        return self.test.persistence

    @cached_property
    def judgement(self) -> Verdict:
        """The verdict with its reason, and what would help."""
        return judge(self)

    @property
    def verdict(self) -> str:
        """The verdict on coupling: "differ", "no difference found" or "cannot be decided"."""
        return self.judgement.outcome

    def with_placebo(self, p_values: ArrayLike) -> Comparison:
        """Add the p-values of a placebo (:func:`napari_varae.placebo`), of which the verdict then takes account."""
        return replace(self, placebo=tuple(np.asarray(p_values, dtype=float).tolist()))

    @property
    def statistic(self) -> float:
        """Largest studentised difference, in units of what chance reaches."""
        return self.test.statistic

    @property
    def null(self) -> Array:
        """The statistic in each draw, shape (R,)."""
        return self.test.null

    @property
    def effect_size(self) -> float:
        """Size of the largest studentised difference, on latents of SD 1."""
        return self.test.effect_size

    @property
    def effect_interval(self) -> tuple[float, float]:
        """Its simultaneous confidence interval."""
        return self.test.effect_interval

    @property
    def edges(self) -> NDArray[Any]:
        """The table of coefficients (:class:`TwoSampleTest`)."""
        return self.test.edges

    def __repr__(self) -> str:
        p = ", ".join(f"{name} p = {answer.p_value:.3g}" for name, answer in self._answers if answer.n_coefficients)
        pairs = "{} and {} lag pairs".format(*self.test.n_pairs)
        return f"Comparison({self.verdict}: {p}; {pairs} of {int(self.test.known.sum())} latents)"

    @property
    def _answers(self) -> tuple[tuple[str, Answer], ...]:
        return ("coupling", self.coupling), ("persistence", self.persistence)

    @property
    def differing(self) -> NDArray[Any]:
        """The rows of `edges` that differ, among links or among own past, at the level of the settings."""
        rows: NDArray[Any] = self.edges[self.edges["p_within"] <= self.config.level]
        return rows

    @property
    def ranges(self) -> dict[str, tuple[FrameRange, ...]]:
        """Frame ranges of a and b; empty when latents were compared."""
        return {name: frames.ranges for name, frames in self.frames.items()}

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and texts; None for what is not known, "infinite" as a text."""
        return export.as_dict(self)

    def to_json(self, path: str | Path) -> None:
        """Write everything as JSON."""
        export.to_json(self, path)

    def to_csv(self, path: str | Path, cells: pd.DataFrame | None = None) -> None:
        """Write the table of coefficients as CSV, with the cell of each target and source if these are given.

        Parameters
        ----------
        path : path-like
        cells : DataFrame, optional
            The cell of each latent, as :func:`napari_varae.match_cells` returns it.
        """
        export.to_csv(self, path, cells)

    def methods_text(self) -> str:
        """Return a paragraph for a methods section."""
        return methods.methods_text(self)
