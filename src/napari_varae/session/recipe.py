"""What is on the screen, so that it can be written as a text that gives the same numbers elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from napari_varae.core.experiment.origin import Origin
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import ComparisonConfig, FitConfig, Settings
from napari_varae.session.ranges import Segments
from napari_varae.session.results import Placebo

if TYPE_CHECKING:
    from napari_varae.core.comparison.result import Comparison
    from napari_varae.core.fit.fit import Fit
    from napari_varae.session.session import Session

__all__ = [
    "Compared", "ComparedConditions", "Mapped", "Maps", "Regressed", "Shown", "changed_settings", "chosen_maps",
    "marked_in_files", "opened_with", "shown_comparison", "shown_conditions", "shown_training",
]  # fmt: skip


class Regressed(NamedTuple):
    """Behaviour that is regressed out: traces, at how many frames before each one as well, and their file."""

    names: tuple[str, ...] = ()
    lags: int = 0
    source: Origin | None = None

    def file(self) -> Origin:
        """Return where the behaviour is opened from again; ValueError when it was not opened from a file."""
        if self.source is None:
            raise ValueError(
                "The behaviour was not opened from a file, so a script cannot open it again. Save it as CSV."
            )
        return self.source


class Compared(NamedTuple):
    """A comparison: frame sets A and B, how they are compared, which behaviour is regressed out, and its placebo."""

    a: Segments
    b: Segments
    config: ComparisonConfig
    regressed: Regressed = Regressed()
    placebo: Placebo | None = None


class ComparedConditions(NamedTuple):
    """A comparison of several conditions: their frames by name, how, and which behaviour is regressed out."""

    conditions: Mapping[str, Segments]
    config: ComparisonConfig
    regressed: Regressed = Regressed()


class Mapped(NamedTuple):
    """A contribution map.

    Attributes
    ----------
    kind : {"driver", "effect"}
    frames : tuple of (int, int) or None
        All when None.
    minus : tuple of (int, int) or None
        Frames whose map is subtracted.
    frame : int or None
        The one frame of which it is, instead of a mean over frames.
    target, edge, own_past
        As for :func:`napari_varae.contribution_map`.
    """

    kind: Literal["driver", "effect"]
    frames: Segments | None = None
    minus: Segments | None = None
    frame: int | None = None
    target: int | None = None
    edge: tuple[int, int, int] | None = None
    own_past: bool = False


class Maps(NamedTuple):
    """Several contribution maps."""

    each: tuple[Mapped, ...]


Asked = Compared | ComparedConditions | Maps


class Shown(NamedTuple):
    """What is on the screen.

    Attributes
    ----------
    stack : Stack
        The movie, opened from a file, with the bad frames that are marked now.
    config : FitConfig
        Settings of the training. Those of a fit name all that it chose itself, and give the same fit.
    asked : Compared, ComparedConditions, Maps or None
        What the fit is used for.
    trained_without : frozenset of int or None
        Frames that were bad when training began; None when they are those that are bad now.
    penalty : float or None
        The penalty, where it was changed after the training.
    """

    stack: Stack
    config: FitConfig
    asked: Asked | None = None
    trained_without: frozenset[int] | None = None
    penalty: float | None = None

    @classmethod
    def of(cls, stack: Stack, fit: Fit, asked: Asked | None = None) -> Shown:
        """Describe how a fit was trained on a movie, and what was done with it since."""
        bad = None if fit.bad_frames is None else frozenset(fit.bad_frames)
        return cls(
            stack,
            fit.trained_with or fit.config,
            asked,
            None if bad == stack.bad_frames else bad,
            None if fit.trained_with is None else fit.var.penalty,
        )


def shown_comparison(session: Session, config: ComparisonConfig) -> Shown:
    """Return what the Compare dock shows: its result, or what it would compare with these settings.

    Raises
    ------
    ValueError
        When there is nothing to compare yet, or the fit was trained on another movie.
    """
    stack, fit, result = session.require_stack(), _own_fit(session), session.comparison
    if result is not None and session.is_current:
        _check_regressed(session, result)
        sides, config = (result.ranges["a"], result.ranges["b"]), result.config
        placebo = session.shown_placebo
    else:
        sides, placebo = (session.ranges["a"], session.ranges["b"]), None
    return Shown.of(stack, fit, Compared(*sides, config, _regressed(session), placebo) if all(sides) else None)


def shown_conditions(session: Session, ticked: Mapping[str, Segments], config: ComparisonConfig) -> Shown:
    """Return the comparison of several conditions that is shown, or that of those that are `ticked`.

    Raises
    ------
    ValueError
        When there are fewer than three, or the fit was trained on another movie.
    """
    stack, fit, done = session.require_stack(), _own_fit(session), session.shown_conditions
    if done is not None and session.conditions_current(done):
        _check_regressed(session, next(iter(done.found.pairs.values())))
        sides: dict[str, Segments] = {}
        for pair, found in done.found.pairs.items():
            sides |= zip(pair, (found.ranges["a"], found.ranges["b"]), strict=True)
        ticked, config = {name: sides[name] for name in done.found.names}, done.found.config
    if len(ticked) < 3:
        raise ValueError("There are fewer than three conditions. Tick three or more frame sets.")
    return Shown.of(stack, fit, ComparedConditions(dict(ticked), config, _regressed(session)))


def chosen_maps(session: Session, maps: Iterable[Mapped]) -> Shown:
    """Return contribution maps of the fit in use, with the penalty that is tried.

    Raises
    ------
    ValueError
        When there is no fit yet, or it was trained on another movie.
    """
    fit = _own_fit(session)
    shown = Shown.of(session.require_stack(), fit, Maps(tuple(maps)))
    return shown if session.penalty is None else shown._replace(penalty=session.penalty)


def shown_training(session: Session, config: FitConfig) -> Shown:
    """Return what the Train dock shows: the fit in use, or a training with these settings while there is none.

    Raises
    ------
    StackError
        When there is no movie.
    """
    stack, fit = session.require_stack(), session.fit
    return Shown(stack, config) if fit is None or session.caution is not None else Shown.of(stack, fit)


def opened_with(stack: Stack) -> dict[str, Any]:
    """Return the arguments with which the movie is opened again; those that are None are left out.

    Raises
    ------
    ValueError
        When the movie was not opened from a file.
    """
    if stack.source is None:
        raise ValueError(
            f"{stack.name!r} was not opened from a file, so a script cannot open it again. Save it as a TIFF file, and "
            "open that."
        )
    source = stack.source
    found = {
        "path": source.paths, "frame_rate": stack.frame_rate, "pixel_size": stack.pixel_size,
        "channel": source.channel, "plane": source.plane, "dataset": source.dataset,
    }  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}


def marked_in_files(stack: Stack) -> frozenset[int]:
    """Return the frames that the files themselves, and tables of frames, mark as bad."""
    return frozenset() if stack.source is None else stack.source.bad_frames


def changed_settings(settings: Settings) -> dict[str, Any]:
    """Return the settings that are not the defaults."""
    defaults = type(settings)()
    return {name: value for name, value in settings if value != getattr(defaults, name)}


def _own_fit(session: Session) -> Fit:
    """Return the fit in use, when it was trained on the movie in use."""
    fit = session.require_fit()
    if session.caution is not None:
        raise ValueError(
            "The fit was trained on another movie, and a script that trains on this one gives another fit. Save the "
            "fit, and load it in a script of your own."
        )
    return fit


def _regressed(session: Session) -> Regressed:
    """Return the behaviour that is regressed out now."""
    if session.behaviour is None or not session.covariates:
        return Regressed()
    return Regressed(session.covariates, session.covariate_lags, session.behaviour.source)


def _check_regressed(session: Session, result: Comparison) -> None:
    """Raise unless a result has as many regressors as are chosen now."""
    if result.test.n_covariates != len(session.covariates) * (1 + session.covariate_lags):
        raise ValueError(
            "The behaviour regressed out of this comparison is no longer selected. Select it, and compare again."
        )
