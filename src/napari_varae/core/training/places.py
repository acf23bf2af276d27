"""Find the places that get a latent: where the movie varies, and by a rule, one image each.

1. In each tile the components are turned to simple structure by varimax (as in cell sorting by PCA and spatial ICA;
   Mukamel, Nimmerjahn, Schnitzer 2009), and a VAR with l1 penalty is estimated on them. With S the mean products of
   their traces and R those of their prediction, the directions of largest S + w R are kept, w the weight of prediction
   in the loss: a place that flickers as strongly as a cell, but by no rule, gives way to the cell. Without weight this
   is a PCA.
2. The kept directions of a tile are turned to simple structure, and those that continue each other across a border of
   tiles are joined (:mod:`napari_varae.core.training.joining`). With a number of latents, the strongest are taken; with
   "auto", those that have a signal of their own (:mod:`napari_varae.core.training.own_signals`).
3. Where a footprint is no larger than its own standard error it is shrunk towards zero.

Changes of the whole image compete with the places by the same score.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_varae.core.autoencoder.footprints import Footprints
from napari_varae.core.components.compressed import CompressedMovie
from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.core.training.joining import Part, Piece, join
from napari_varae.core.training.own_signals import own_signals, take_out_changes
from napari_varae.core.training.reading import Reading
from napari_varae.core.training.rotation import varimax
from napari_varae.core.training.shrinking import shrink
from napari_varae.core.var.estimate import estimate_var
from napari_varae.core.var.lags import lag_pairs

__all__ = ["Places"]

TURNS = 40
"""Steps of the first varimax, which need not settle."""
PENALTY = 0.5
"""Penalty on the rules of candidates, in that at which noise has no rule; half of it predicts recordings better."""
OWN = 0.5
"""Share of a trace that changes of the whole image, and their products, must leave, or it is one of them."""
SPARE = 0.3
"""Places beyond those that are wanted among which they are chosen, as a share, where images are joined at borders."""
LEAST_YIELD, MOST_YIELD = 1 / 5, 5 / 6
"""Assumed number of places per further direction, at least and at most: parts are joined across borders."""
SIGNAL = 0.35
"""Lag-1 autocovariance from which a place has a signal, in variances of the noise."""
MOST = 1024
"""Latents that are chosen automatically, at most."""
MOST_DIRECTIONS = 4 * MOST
"""Directions of all tiles that they are chosen from, at most."""
FRAMES_EACH = 3
"""Frames for each latent of a tile below which images are not moved at all."""
BLOCK = 2048
"""Frames in a block when moments are summed."""
REDRAWN = 0.25
"""How far their images are moved towards a regression of the movie on their latents."""

Mask = NDArray[np.bool_]


class Places:
    """Directions of all tiles, ranked by what they explain and predict.

    Parameters
    ----------
    movie : CompressedMovie
    runs : array of int, shape (T,)
        Number of the run of each frame from frame `start` on, negative where it is not to be used.
    start, order, prediction_weight
        As in :class:`FitConfig`.
    check : callable, optional
        Asked between tiles.
    """

    def __init__(
        self, movie: CompressedMovie, runs: NDArray[np.int64], start: int, order: int, prediction_weight: float,
        check: Check = go_on,
    ) -> None:  # fmt: skip
        self.movie, self.runs, self.start, self.weight, self.check = movie, runs, start, prediction_weight, check
        self.trained: Mask = runs > 0
        after = lag_pairs(len(runs), 1, torch.from_numpy(runs)).numpy()
        self.after = torch.from_numpy(np.searchsorted(np.flatnonzero(self.trained), after))
        """Which of the frames in use follow the one before them."""
        components = movie.traces[start : start + len(runs)]
        self.common = torch.einsum("tnm,gnm->tg", components, movie.common)
        # In a single tile, changes of the whole image leave nothing of themselves.
        self.skip = movie.n_common if movie.tiles.count == 1 else 0
        self.basis = movie.basis[:, :, self.skip :]
        edge = movie.tiles.edge
        thinned = self.basis.reshape(len(self.basis), edge, edge, -1)[:, ::2, ::2].flatten(1, 2)
        self.turn = varimax(thinned, TURNS, 1e-4, check)
        self.traces = self._turned(components)
        scores = [self._score(t, order, check) for t in range(len(self.basis))]
        g = movie.n_common
        self.common_scores = scores[0].diagonal()[:g]
        self.local_scores = torch.stack([score[g:, g:] for score in scores])
        self.values, self.vectors = torch.linalg.eigh(self.local_scores)
        self.parts: dict[int, Part] = {}

    def _turned(self, components: Tensor) -> Tensor:
        """Traces (N, T, K) along the turned components; tile by tile: all of them take the memory of the movie's."""
        found = components.new_empty(len(self.turn), len(components), self.turn.shape[2])
        for tile, turn in enumerate(self.turn.float()):
            self.check()
            local = components[:, tile] - self.common @ self.movie.common[:, tile]
            torch.mm(local[:, self.skip :], turn, out=found[tile])
        return found

    def _score(self, tile: int, order: int, check: Check) -> Tensor:
        """Mean products of the traces of a tile, plus the weighted ones of their prediction, shape (G + M, G + M).

        Not covariances: without a static skip there is a mean to draw as well.
        """
        check()
        z = torch.cat([self.common, self.traces[tile]], 1).double().numpy()
        seen = z[self.trained]
        score = seen.T @ seen / len(seen)
        if self.weight:
            penalty = PENALTY * math.sqrt(2 * math.log(z.shape[1] * order + 1) / len(seen))
            ahead = estimate_var(z, order, min(penalty, 1.0), self.runs, "links").predict(z, self.runs)
            ahead = ahead[np.isfinite(ahead).all(1)]
            score = score + self.weight * (ahead.T @ ahead) / len(ahead)
        return torch.from_numpy(score)

    def choose(self, latents: int | Literal["auto"]) -> Footprints:
        """Choose K places, those of the whole image first; "auto": those that have a signal of their own."""
        if latents == "auto":
            return self._choose_signals()
        everything = torch.cat([self.common_scores, self.values.flatten()])
        ranked = everything.argsort(descending=True, stable=True)
        extra = round(SPARE * latents) if self.movie.tiles.count > 1 else 0
        tried: list[tuple[int, int]] = []
        while True:
            count = min(latents + extra, len(everything))
            kept = ranked[:count][ranked[:count] < len(self.common_scores)].sort().values
            pieces = self._pieces(float(everything[ranked[count - 1]]))
            missing = latents - len(kept) - len(pieces)
            if missing <= 0:
                break
            if count == len(everything):  # more are wanted than there are places: the parts of some count by themselves
                pieces = self._pieces(-math.inf, joined=False)
                break
            tried.append((count, len(pieces)))
            extra += round(missing / _yield(tried)) + 1
        _, own = self._own(pieces)
        worth = torch.tensor([piece.score for piece in pieces]) * own.sqrt()
        best = worth.argsort(descending=True, stable=True)[: latents - len(kept)]
        return self._draw(kept, [pieces[i] for i in best.tolist()])

    def _choose_signals(self) -> Footprints:
        """Choose the places with a signal of their own, those with a higher score than half of them, and changes.

        They are found among many more directions than are kept, so that a weak cell is not hidden behind what flickers.
        """
        noise = float(torch.stack([self._white(traces[self.trained]) for traces in self.traces]).median())
        weakest = float(self.values.flatten().sort(descending=True).values[:MOST_DIRECTIONS][-1])
        threshold = max(weakest, (1 + self.weight) * SIGNAL * noise)
        kept = (self.common_scores >= threshold).nonzero()[:, 0]
        pieces = self._pieces(threshold)
        left, own = self._own(pieces)
        score = torch.tensor([piece.score for piece in pieces])
        centres = torch.stack([piece.centre(self.movie.tiles) for piece in pieces]) if pieces else torch.zeros(0, 2)
        signal = own_signals(left, score, centres, self.common[self.trained], self.after, self.check)
        alive = (own > OWN) & (signal > SIGNAL * noise)
        strong = score > (score[alive].median() if alive.any() else math.inf)
        if not len(kept) + int(alive.sum()):
            return self.choose(1)
        ranked = torch.argsort(2.0 * alive + 1.0 * strong, descending=True, stable=True)
        best = ranked[: min(int((alive | strong).sum()), MOST - len(kept))]
        best = best[score[best].argsort(descending=True, stable=True)]
        return self._redrawn(self._draw(kept, [pieces[i] for i in best.tolist()]), len(kept))

    def _redrawn(self, footprints: Footprints, common: int) -> Footprints:
        """Move the images of places towards a regression of their tile on its latents, `common` of the whole image.

        Not all the way: that brings back what was left out, as far as it happens at the same time. In a short movie
        less, since a regression fits its noise; and only where they are not shrunk away.
        """
        movie, images = self.movie, footprints.images.clone()
        components = movie.traces[self.start : self.start + len(self.runs)]
        z = torch.from_numpy(Reading.of(movie, footprints).encode(components))[self.trained]
        for tile, members in enumerate(footprints.members):
            self.check()
            known = members[members >= 0]  # the first rows
            if not len(known):
                continue
            weights = torch.linalg.lstsq(z[:, known], components[self.trained, tile]).solution
            share = REDRAWN * max(0.0, 1 - FRAMES_EACH * len(known) / len(z))
            for row in (known >= common).nonzero()[:, 0].tolist():
                seen = images[tile, row]
                images[tile, row] = torch.lerp(seen, movie.basis[tile] @ weights[row] * (seen != 0), share)
        return Footprints(images, footprints.members, footprints.latents)

    def _white(self, traces: Tensor) -> Tensor:
        """Power of traces (T, K) that does not reach the next frame, shape (K,)."""
        return traces.square().mean(0) - (traces[self.after] * traces[self.after - 1]).mean(0)

    def _own(self, pieces: list[Piece]) -> tuple[Tensor, Tensor]:
        """Take changes of the whole image out of the traces of places: what is left (T, Q), and its share of each."""
        traces = torch.empty(int(self.trained.sum()), len(pieces))
        for k, piece in enumerate(pieces):
            traces[:, k] = self._trace(piece)[self.trained]
        return traces, take_out_changes(traces, self.common[self.trained], self.check)

    def _trace(self, piece: Piece) -> Tensor:
        """Trace of a place, shape (T,)."""
        return sum((self.traces[tile] @ direction for tile, direction in piece.directions), torch.zeros(()))

    def _pieces(self, threshold: float, joined: bool = True) -> list[Piece]:
        """Places from the directions above a score: each tile turned to simple structure, and joined across borders."""
        counts = [int((values >= threshold).sum()) for values in self.values]
        parts = [self._part(tile, count) for tile, count in enumerate(counts) if count]
        if not parts:  # changes of the whole image are stronger
            return []
        return join(parts, *self._moments(parts), self.movie.tiles if joined else None)

    def _moments(self, parts: list[Part]) -> tuple[Tensor, Tensor]:
        """Mean products (Q, Q) of the traces of all directions, and with those one frame before.

        In blocks of frames: the traces of all directions would take as much memory as those of the components.
        """

        def traces(frames: Tensor) -> Tensor:
            return torch.cat([self.traces[part.tile, frames] @ part.directions for part in parts], 1)

        used = torch.from_numpy(np.flatnonzero(self.trained))
        covariance = lagged = torch.zeros(())
        for block in used.split(BLOCK):
            z = traces(block)
            covariance = covariance + (z.mT @ z).double()
        for block in used[self.after].split(BLOCK):
            lagged = lagged + (traces(block).mT @ traces(block - 1)).double()
        return covariance / len(used), lagged / len(self.after)

    def _part(self, tile: int, count: int) -> Part:
        """Return the first directions of a tile, turned to simple structure; kept, since few tiles differ next time."""
        known = self.parts.get(tile)
        if known is None or len(known.scores) != count:
            chosen = self.vectors[tile][:, -count:]
            images = self.basis[tile] @ (self.turn[tile] @ chosen).float()
            turn = varimax(images[None], check=self.check)[0]
            images = images @ turn.float()
            sign = torch.where((images * images.square().abs()).sum(0) < 0, -1.0, 1.0)
            directions = (chosen @ turn) * sign
            scores = torch.einsum("mk,mn,nk->k", directions, self.local_scores[tile], directions)
            known = self.parts[tile] = Part(tile, directions.float(), images * sign, scores)
        return known

    def _draw(self, common: Tensor, pieces: list[Piece]) -> Footprints:
        """Draw the changes of the whole image that were kept and the places, shrunk, tile by tile."""
        n, pixels, _ = self.movie.basis.shape
        drawn: list[list[tuple[int, Tensor]]] = [[] for _ in range(n)]
        whole = torch.einsum("gnm,npm->gnp", self.movie.common[common], self.movie.basis)
        for k, image in enumerate(whole):
            for tile in range(n):
                drawn[tile].append((k, image[tile]))
        shrunk = shrink(self.movie, pieces, [self._trace(piece)[self.trained] for piece in pieces])
        for k, images in enumerate(shrunk, len(common)):
            for tile, image in images:
                drawn[tile].append((k, image))
        most = max(map(len, drawn))
        footprints, members = torch.zeros(n, most, pixels), torch.full((n, most), -1)
        for tile, images in enumerate(drawn):
            for row, (k, image) in enumerate(images):
                footprints[tile, row], members[tile, row] = image, k
        return Footprints(footprints, members, len(common) + len(pieces))


def _yield(tried: list[tuple[int, int]]) -> float:
    """Places that each further direction is expected to bring, by the last two (directions, places) that were tried."""
    if len(tried) < 2:
        return MOST_YIELD
    (before, fewer), (after, more) = tried[-2:]
    return min(max((more - fewer) / (after - before), LEAST_YIELD), MOST_YIELD)
