"""Which links are shown: the penalty that is tried, how many, of which lag, and how well each penalty predicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_varae.core.movie.stack import Stack
from napari_varae.session.results import Edge

if TYPE_CHECKING:
    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.training.along_path import AlongPath
    from napari_varae.core.var.model import VAR

__all__ = ["Graph", "Links"]

MOST = 500
"""Arrows that are drawn at most: more would hide the image, and each other."""


@dataclass(frozen=True)
class Graph:
    """How the links are drawn on the image.

    Attributes
    ----------
    shown : bool
        Whether arrows are drawn.
    outlines : bool
        Whether the outlines of all latents are drawn; those of the chosen latent and link always are.
    strongest : int
        How many links are drawn, the largest coefficients first.
    lag : int or None
        Only links of this lag; all when None.
    chosen_only : bool
        Only links of the chosen latent, from it or to it.
    smallest : float
        Size below which coefficients are hidden, on the image and in the matrix.
    """

    shown: bool = False
    outlines: bool = False
    strongest: int = 50
    lag: int | None = None
    chosen_only: bool = False
    smallest: float = 0.0


class Links:
    """The part of a session that knows which links of the fit in use are shown.

    The penalty is tried, not set: the fit stays as it is until :meth:`use_penalty` makes one with that penalty.
    """

    penalty_changed = Signal()
    graph_changed = Signal()
    along_path_changed = Signal()
    edge_picked = Signal()
    """The user pointed at a link, and expects to see what it does."""

    graph = Graph()

    _tried: tuple[Fit, VAR] | None = None
    """A fit, and its VAR at the penalty that is tried."""
    _along_path: tuple[Fit, AlongPath] | None = None
    _drawn: tuple[tuple[VAR, Graph, int | None], list[tuple[Edge, float]]] | None = None
    """The links to draw, and of what."""

    # What the session has besides
    fit: Fit | None
    latents: NDArray[np.float32] | None
    components: NDArray[np.float64] | None
    explained: float | None
    edge: Edge | None
    latent: int | None
    require_fit: Callable[[], Fit]
    require_stack: Callable[[], Stack]
    set_edge: Callable[[Edge | None], None]
    set_latent: Callable[[int | None], None]
    use_fit: Callable[..., None]
    _require_idle: Callable[[str], None]

    @property
    def penalty(self) -> float | None:
        """The penalty that is tried; None while it is that of the fit in use."""
        return None if self._tried is None or self._tried[0] is not self.fit else self._tried[1].penalty

    @property
    def shown_var(self) -> VAR | None:
        """The VAR whose links are shown: that of the fit in use, at the penalty that is tried."""
        if self.fit is None:
            return None
        return self.fit.var if self._tried is None or self._tried[0] is not self.fit else self._tried[1]

    @property
    def shown_fit(self) -> Fit | None:
        """The fit in use, with the penalty that is tried."""
        return self.fit if self.fit is None or self.penalty is None else self.fit.with_penalty(self.penalty)

    def set_penalty(self, penalty: float | None) -> None:
        """Try a penalty; None returns to that of the fit.

        Raises
        ------
        ValueError
            When there is no fit, or the penalty is not from 0 to 1.
        """
        fit = self.require_fit()
        if penalty is not None and not 0 <= penalty <= 1:
            raise ValueError(f"The penalty {penalty} is not from 0 to 1.")
        if penalty == fit.var.penalty:
            penalty = None
        if penalty != self.penalty:
            self._tried = None if penalty is None else (fit, fit.var.at(penalty))
            self.penalty_changed.emit()

    def use_penalty(self) -> None:
        """Put a fit with the penalty that is tried in use; the one before stays in `fits`.

        Raises
        ------
        ValueError
            When no other penalty is tried, or a job is running.
        """
        fit, penalty = self.require_fit(), self.penalty
        if penalty is None:
            raise ValueError("The penalty is that of the fit already. Move the slider first.")
        self._require_idle("use another penalty")
        edge, latent, along = self.edge, self.latent, self.along_path
        changed = fit.with_penalty(penalty)
        assert self.latents is not None
        if along is not None:  # it is about the latents and their moments, which are the same
            self._along_path = changed, along
        self.use_fit(changed, self.latents, explained=self.explained, components=self.components)
        self.set_latent(latent)
        self.set_edge(edge)

    @property
    def along_path(self) -> AlongPath | None:
        """Held-out prediction at penalties along the path of the fit in use; None until it was computed."""
        return None if self._along_path is None or self._along_path[0] is not self.fit else self._along_path[1]

    def set_along_path(self, fit: Fit, along: AlongPath) -> None:
        """Take in the held-out prediction of a fit."""
        self._along_path = fit, along
        self.along_path_changed.emit()

    def set_graph(self, graph: Graph) -> None:
        """Choose how links are drawn on the image.

        Raises
        ------
        ValueError
            When no number of links, or no lag, is possible.
        """
        if not 1 <= graph.strongest <= MOST:
            raise ValueError(f"{graph.strongest} links cannot be drawn: choose 1 to {MOST}.")
        if graph.lag is not None and graph.lag < 1:
            raise ValueError(f"Lag {graph.lag} is not possible: choose 1 or more.")
        if not graph.smallest >= 0:
            raise ValueError(f"{graph.smallest} is not the size of a coefficient: choose 0 or more.")
        if graph != self.graph:
            self.graph = graph
            self.graph_changed.emit()

    def pick_edge(self, edge: Edge) -> None:
        """Point at a link as a user does, who expects to see what it does."""
        self.set_edge(edge)
        self.edge_picked.emit()

    def drawn_edges(self) -> list[tuple[Edge, float]]:
        """Links to draw with their coefficients, the largest last, so that they lie on top.

        Latents of the whole image have no place and are left out. Of several lags of a pair of latents, the largest
        coefficient counts.
        """
        var, fit = self.shown_var, self.fit
        if var is None or fit is None:
            return []
        about = var, self.graph, self.latent if self.graph.chosen_only else None
        if self._drawn is None or self._drawn[0] != about:
            self._drawn = about, self._strongest(var, fit)
        return self._drawn[1]

    def _strongest(self, var: VAR, fit: Fit) -> list[tuple[Edge, float]]:
        """Sort the links that may be drawn, and keep the largest."""
        k, coefficients = var.latents, np.array(var.coefficients)
        coefficients[np.abs(coefficients) < self.graph.smallest] = 0
        if self.graph.lag is not None:
            coefficients[[lag for lag in range(var.order) if lag != min(self.graph.lag, var.order) - 1]] = 0
        coefficients[:, range(k), range(k)] = 0
        for latent in fit.whole_image:
            coefficients[:, latent] = coefficients[:, :, latent] = 0
        if self.graph.chosen_only and self.latent is not None:
            others = np.arange(k) != self.latent
            coefficients[:, np.outer(others, others)] = 0
        lags = np.abs(coefficients).argmax(0)
        largest: Any = np.take_along_axis(coefficients, lags[None], 0)[0]
        order = np.argsort(-np.abs(largest), axis=None, kind="stable")[
            : min(self.graph.strongest, np.count_nonzero(largest))
        ]
        pairs = [divmod(int(i), k) for i in reversed(order)]
        return [(Edge(int(lags[i, j]) + 1, i, j), float(largest[i, j])) for i, j in pairs]
