"""What a result is about: which movie, fit, frame sets and bad frames. A result of others is not current."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

from napari_varae.session.ranges import Segments

__all__ = ["EVERYTHING", "Generation", "Part", "name_parts"]

Part = Literal["movie", "fit", "a", "b", "bad_frames", "covariates", "covariate_lags"]
EVERYTHING: tuple[Part, ...] = get_args(Part)

_NAMES: dict[Part, str] = {
    "movie": "movie", "fit": "fit", "a": "range A", "b": "range B", "bad_frames": "bad frames",
    "covariates": "behaviour that is regressed out", "covariate_lags": "lags of that behaviour",
}  # fmt: skip


class Generation(NamedTuple):
    """The state that a job begins with, and that its result is about.

    Attributes
    ----------
    movie : int
        Number of the movie in the session; opening and closing count.
    fit : str
        Identity of the fit; empty without one.
    a, b : tuple of (int, int)
        Frame sets A and B.
    bad_frames : frozenset of int
        Frames that are left out.
    covariates : tuple of str
        Traces of behaviour that are regressed out.
    covariate_lags : int
        Frames before each one at which they are regressors as well.
    """

    movie: int = 0
    fit: str = ""
    a: Segments = ()
    b: Segments = ()
    bad_frames: frozenset[int] = frozenset()
    covariates: tuple[str, ...] = ()
    covariate_lags: int = 0

    def changed(self, now: Generation, parts: Iterable[Part] = EVERYTHING) -> tuple[Part, ...]:
        """Return those of the parts that are different now."""
        return tuple(part for part in parts if getattr(self, part) != getattr(now, part))


def name_parts(parts: Iterable[Part]) -> str:
    """Name parts as a sentence does: 'fit and range A'."""
    *most, last = [_NAMES[part] for part in parts]
    return f"{', '.join(most)} and {last}" if most else last
