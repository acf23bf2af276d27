"""What is on the screen as text that gives the same numbers elsewhere: a Python script, or commands of a shell."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import ComparisonConfig, FitConfig, Settings
from napari_varae.session.covariates import BehaviourFile
from napari_varae.session.ranges import Segments

if TYPE_CHECKING:
    from napari_varae.core.fit.fit import Fit
    from napari_varae.session.session import Session

__all__ = ["Compared", "Shown", "as_command", "as_python", "shown_comparison", "shown_training"]

FOLDER = "analysis"
"""Analysis folder that the commands make."""


class Compared(NamedTuple):
    """A comparison: frame sets A and B, how they are compared, and which behaviour is regressed out."""

    a: Segments
    b: Segments
    config: ComparisonConfig
    covariates: tuple[str, ...] = ()
    behaviour: BehaviourFile | None = None


class Shown(NamedTuple):
    """What is on the screen.

    Attributes
    ----------
    stack : Stack
        The movie, opened from a file, with the bad frames that are marked now.
    config : FitConfig
        Settings of the training. Those of a fit name all that it chose itself, and give the same fit.
    compared : Compared or None
        The comparison, if there is one.
    trained_without : frozenset of int or None
        Frames that were bad when training began; None when they are those that are bad now.
    penalty : float or None
        The penalty, where it was changed after the training.
    """

    stack: Stack
    config: FitConfig
    compared: Compared | None = None
    trained_without: frozenset[int] | None = None
    penalty: float | None = None

    @classmethod
    def of(cls, stack: Stack, fit: Fit, compared: Compared | None = None) -> Shown:
        """Describe how a fit was trained on a movie, and what was done with it since."""
        bad = None if fit.bad_frames is None else frozenset(fit.bad_frames)
        return cls(
            stack,
            fit.trained_with or fit.config,
            compared,
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
    stack, fit, result = session.require_stack(), session.require_fit(), session.comparison
    if session.caution is not None:
        raise ValueError(
            "The fit was trained on another movie, and a script that trains on this one gives another fit. Save the "
            "fit, and load it in a script of your own."
        )
    if result is not None and session.is_current:
        if result.test.n_covariates != len(session.covariates):
            raise ValueError("The behaviour that was regressed out is no longer chosen. Choose it, and compare again.")
        sides, config = (result.ranges["a"], result.ranges["b"]), result.config
    else:
        sides = session.ranges["a"], session.ranges["b"]
    compared = Compared(*sides, config, session.covariates, session.behaviour_file) if all(sides) else None
    return Shown.of(stack, fit, compared)


def shown_training(session: Session, config: FitConfig) -> Shown:
    """Return what the Train dock shows: the fit in use, or a training with these settings while there is none.

    Raises
    ------
    StackError
        When there is no movie.
    """
    stack, fit = session.require_stack(), session.fit
    return Shown(stack, config) if fit is None or session.caution is not None else Shown.of(stack, fit)


def as_python(shown: Shown) -> str:
    """Write opening, training and, if there is one, the comparison as a Python script.

    Raises
    ------
    ValueError
        When the movie was not opened from a file.
    """
    stack, config, compared, trained_without, penalty = shown
    source, marked = _source(stack), _marked(stack)
    paths = source.pop("path")
    where = repr(paths[0]) if len(paths) == 1 else repr(list(paths))
    options = "".join(f", {name}={value!r}" for name, value in source.items())
    lines = ["import napari_varae as nv", "", f"stack = nv.open_stack({where}{options})"]

    def mark(bad_frames: frozenset[int]) -> None:
        nonlocal marked
        if bad_frames != marked:
            lines.append(f"stack = stack.replace(bad_frames={sorted(bad_frames)})")
        marked = bad_frames

    mark(stack.bad_frames if trained_without is None else trained_without)
    lines.append(f"fit = nv.fit(stack, nv.FitConfig({_arguments(config)}))")
    if penalty is not None:
        lines.append(f"fit = fit.with_penalty({penalty!r})")
    mark(stack.bad_frames)
    if compared is not None:
        sides, regressed = f"{list(compared.a)}, {list(compared.b)}", ""
        if compared.covariates:
            path, given = _behaviour_file(compared)
            options = "".join(f", {name}={value!r}" for name, value in given.items())
            lines += [
                f"behaviour = nv.open_behaviour({path!r}{options})",
                "traces = behaviour.at_frames(stack.n_frames, stack.frame_rate)",
                f"columns = [behaviour.names.index(name) for name in {list(compared.covariates)}]",
            ]
            regressed = ", covariates=traces[:, columns]"
        config_text = f"nv.ComparisonConfig({_arguments(compared.config)})"
        lines.append(f"result = nv.compare(fit, stack, {sides}, {config_text}{regressed})")
        lines.append("print(result.p_value)")
    return "\n".join(lines) + "\n"


def as_command(shown: Shown) -> str:
    """Write the same as commands of a POSIX shell, which make an analysis folder.

    Raises
    ------
    ValueError
        When the movie was not opened from a file, or something was done that no command does.
    """
    stack, config, compared, trained_without, penalty = shown
    if trained_without is not None:
        raise ValueError("Bad frames were marked after the training, which no command can do. Copy as Python instead.")
    if penalty is not None:
        raise ValueError("The penalty was changed after the training, which no command can do. Copy as Python instead.")
    source = _source(stack)
    words: list[str] = ["napari-varae", "train", *source.pop("path"), "--out", FOLDER]
    for name, value in source.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    for option, frames in (
        ("--bad-frames", stack.bad_frames - _marked(stack)),
        ("--good-frames", _marked(stack) - stack.bad_frames),
    ):
        if frames:
            words += [option, ",".join(f"{start}:{stop}" for start, stop in _runs(frames))]
    commands = [[*words, *_set(config)]]
    if compared is not None:
        sides = [",".join(f"{start}:{stop}" for start, stop in side) for side in compared[:2]]
        words = ["napari-varae", "compare", FOLDER, "--a", sides[0], "--b", sides[1]]
        words += [f"--covariate={text}" for text in _covariates(compared)]
        commands.append([*words, *_set(compared.config)])
    return "\n".join(map(shlex.join, commands)) + "\n"


def _behaviour_file(compared: Compared) -> BehaviourFile:
    """Return where the behaviour is opened from again."""
    if compared.behaviour is None:
        raise ValueError("The behaviour was not opened from a file, so a script cannot open it again. Save it as CSV.")
    return compared.behaviour


def _covariates(compared: Compared) -> list[str]:
    """Name what is regressed out, as an option does."""
    if not compared.covariates:
        return []
    path, given = _behaviour_file(compared)
    series = given.get("name")
    if rest := [name for name in given if name != "name"]:
        raise ValueError(f"Behaviour was opened with {rest[0]}, which no command takes. Copy as Python instead.")
    if series and compared.covariates != (series,):
        raise ValueError(f"A command takes all traces of {series!r}, not some of them. Copy as Python instead.")
    return [f"{path}:{name}" for name in compared.covariates]


def _source(stack: Stack) -> dict[str, Any]:
    """Return the arguments with which the movie is opened again; those that are None are left out."""
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


def _marked(stack: Stack) -> frozenset[int]:
    """Return the frames that the files themselves mark as bad."""
    return frozenset() if stack.source is None else stack.source.bad_frames


def _changed(settings: Settings) -> dict[str, Any]:
    """Return the settings that are not the defaults."""
    defaults = type(settings)()
    return {name: value for name, value in settings if value != getattr(defaults, name)}


def _arguments(settings: Settings) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in _changed(settings).items())


def _set(settings: Settings) -> list[str]:
    """Return options that change settings, spelled as TOML reads them."""
    words: list[str] = []
    for name, value in _changed(settings).items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        words += ["--set", f"{name}={f'{value[0]}:{value[1]}' if isinstance(value, tuple) else text}"]
    return words


def _runs(frames: Iterable[int]) -> list[tuple[int, int]]:
    """Join frames that follow each other into half-open ranges."""
    runs: list[tuple[int, int]] = []
    for frame in sorted(frames):
        if runs and runs[-1][1] == frame:
            runs[-1] = runs[-1][0], frame + 1
        else:
            runs.append((frame, frame + 1))
    return runs
