"""What the Time dock shows of a session: traces as rows, the prediction error, and the order of the raster."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_varae.core.fit.fit import Fit
    from napari_varae.session.session import Session

__all__ = [
    "KINDS", "ORDERS", "Kind", "Order", "Row", "behaviour_rows", "latent_order", "prediction_error", "raster_order",
    "strongest_latents", "time_rows", "usual_frames",
]  # fmt: skip

Kind = Literal["mean", "behaviour", "latents", "error", "raster"]
KINDS: Mapping[Kind, str] = {
    "mean": "Mean of each frame",
    "behaviour": "Behaviour",
    "latents": "Latents",
    "error": "Prediction error",
    "raster": "All latents as a raster",
}

Order = Literal["number", "strength", "similarity", "latent", "behaviour"]
ORDERS: Mapping[Order, str] = {
    "number": "number",
    "strength": "strength: most change of the image first",
    "similarity": "similarity: those that vary together are neighbours",
    "latent": "correlation with the chosen latent",
    "behaviour": "correlation with the behaviour shown",
}
SOME = 2000
"""Frames by which latents are ordered."""
TRACES, BEHAVIOUR, RASTER, LEAST = 8, 3, 3, 4
"""Traces when none are chosen, those of behaviour among them, those for which a raster takes room; latents at least."""


class Row(NamedTuple):
    """A trace, shape (T,), that may be NaN in part.

    Attributes
    ----------
    name : str
    values : array, shape (T,)
    latent : int or None
        The latent that it is.
    chosen : bool
        Whether it is the one that is chosen.
    """

    name: str
    values: NDArray[Any]
    latent: int | None = None
    chosen: bool = False

    @property
    def label(self) -> str:
        """Its name where it stands alone."""
        return self.name if self.latent is None else f"latent {self.name}"


def time_rows(session: Session, kinds: Collection[Kind], picked: Sequence[int] = ()) -> list[Row]:
    """Return the traces to show, the first on top.

    Parameters
    ----------
    session : Session
        With a movie.
    kinds : collection of str
        Which of `KINDS`; regions that were traced are shown in any case.
    picked : sequence of int
        Latents to show; when empty, those that change the image most.
    """
    stack, fit, latents = session.require_stack(), session.fit, session.latents
    rows: list[Row] = []
    if "mean" in kinds and session.odd is not None:
        rows.append(Row("mean of frame", np.where(stack.good_frames(), session.odd.means, np.nan)))
    rows += [Row(name, values) for name, values in session.regions.items()]
    if "behaviour" in kinds:
        rows += behaviour_rows(session)
    if fit is None or latents is None:
        return rows
    if "latents" in kinds:
        room = max(TRACES - len(rows) - RASTER * ("raster" in kinds), LEAST)
        shown = list(picked) or strongest_latents(fit, latents, room)
        if session.latent is not None and session.latent not in shown:
            shown = [session.latent, *shown]
        rows += [Row(session.name_latent(i), latents[:, i], i, i == session.latent) for i in shown]
    if "error" in kinds:
        error = _once(session, "error", lambda: prediction_error(fit, latents, stack.runs()))
        rows.append(Row("prediction error", error))
    return rows


def behaviour_rows(session: Session) -> list[Row]:
    """Return the trace of behaviour that is chosen, or the first few."""
    stack, behaviour = session.require_stack(), session.behaviour
    if behaviour is None:
        return []
    names = behaviour.names[:BEHAVIOUR] if session.trace is None else (session.trace,)
    values = behaviour.choose(names).at_frames(stack.n_frames, stack.frame_rate)
    return [Row(name, values[:, i]) for i, name in enumerate(names)]


def usual_frames(session: Session) -> NDArray[np.bool_]:
    """Mask of the frames that are good and not odd, shape (T,)."""
    good = session.require_stack().good_frames()
    return good if session.odd is None else session.odd.usual(good)


def raster_order(session: Session, by: Order) -> NDArray[np.int64] | None:
    """Order of the latents in the raster, the first on top; None without a fit."""
    fit, latents = session.fit, session.latents
    if fit is None or latents is None:
        return None
    if by == "similarity":
        return _once(session, by, lambda: latent_order(fit, latents, by, usual_frames(session)))
    reference: NDArray[Any] | None = None
    if by == "latent" and session.latent is not None:
        reference = latents[:, session.latent]
    elif by == "behaviour" and (rows := behaviour_rows(session)):
        reference = rows[0].values
    return latent_order(fit, latents, by, usual_frames(session), reference)


_known: WeakKeyDictionary[Session, dict[str, tuple[Any, NDArray[Any]]]] = WeakKeyDictionary()
"""What is costly, and of which fit, movie and bad frames it is: a click on a latent shows the rows again."""


def _once(session: Session, name: str, compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """Compute something of the fit in use when fit, movie or bad frames are others than the last time."""
    now = session.generation
    about = now.movie, now.fit, now.bad_frames, session.require_stack().breaks
    kept = _known.setdefault(session, {})
    if name not in kept or kept[name][0] != about:
        kept[name] = about, compute()
    return kept[name][1]


def strongest_latents(fit: Fit, latents: NDArray[Any], count: int) -> list[int]:
    """Return the latents that change the image most, those of the whole image last."""
    spread = latents.std(axis=0) * fit.strengths
    spread[list(fit.whole_image)] -= np.inf  # motion and brightness
    shown: list[int] = sorted(np.argsort(-spread)[: max(count, 1)].tolist())
    return shown


def prediction_error(fit: Fit, latents: NDArray[Any], runs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Error of the VAR's one-step prediction of each frame, shape (T,): RMS over the latents, each in its SD.

    NaN where nothing is predicted: in bad frames, and where the frames before are not all there.

    Parameters
    ----------
    fit : Fit
    latents : array, shape (T, K)
    runs : array, shape (T,)
        The number of the run of each frame, negative where it is bad.
    """
    error = fit.var.standardise(latents) - fit.var.standardise(fit.var.predict(latents, runs))
    rms = np.sqrt(np.square(error).mean(axis=1))
    rms[runs < 0] = np.nan
    return np.asarray(rms)


def latent_order(
    fit: Fit, latents: NDArray[Any], by: Order, usual: NDArray[np.bool_], reference: NDArray[Any] | None = None
) -> NDArray[np.int64]:
    """Order latents for the raster, the first on top.

    Parameters
    ----------
    fit : Fit
    latents : array, shape (T, K)
    by : str
        One of `ORDERS`.
    usual : array of bool, shape (T,)
        Frames that count.
    reference : array, shape (T,), optional
        What "latent" and "behaviour" are correlated with; may be NaN in part. By number without one.
    """
    numbers = np.arange(latents.shape[1])
    frames = np.flatnonzero(usual)
    if by == "strength":
        return np.argsort(-latents[frames].std(axis=0) * fit.strengths, kind="stable")
    if by == "similarity" and len(frames) > 2:
        z = _standard(latents[frames[:: -(-len(frames) // SOME)]])
        vectors = np.linalg.svd(z, full_matrices=False)[2][:2]
        # The angle in the plane of the first two components orders a ring of latents that vary together.
        return np.argsort(np.arctan2(vectors[-1], vectors[0]), kind="stable")
    if by in ("latent", "behaviour") and reference is not None:
        frames = frames[np.isfinite(reference[frames])]
        if len(frames) > 2:
            r = _standard(latents[frames]).T @ _standard(reference[frames][:, None])[:, 0]
            return np.argsort(-r, kind="stable")
    return numbers


def _standard(values: NDArray[Any]) -> NDArray[Any]:
    """Standardise columns; one that does not vary is zero."""
    centred = values - values.mean(axis=0)
    standard: NDArray[Any] = centred / np.maximum(np.sqrt(np.square(centred).mean(axis=0)), 1e-12)
    return standard
