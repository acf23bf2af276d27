"""What is on the screen as commands of a POSIX shell, which make an analysis folder and give the same numbers."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from napari_varae.core.settings import Settings
from napari_varae.session.ranges import Segments
from napari_varae.session.recipe import (
    Compared,
    ComparedConditions,
    Mapped,
    Regressed,
    Shown,
    changed_settings,
    marked_in_files,
    opened_with,
)
from napari_varae.session.results import Placebo

__all__ = ["as_command"]

PROGRAM, FOLDER = "napari-varae", "analysis"
"""Name of the program, and of the analysis folder that the commands make."""


def as_command(shown: Shown) -> str:
    """Write opening, training and what the fit is used for as commands.

    Raises
    ------
    ValueError
        When the movie was not opened from a file, or something was done that no command does.
    """
    stack, config, asked, trained_without, penalty = shown
    if trained_without is not None:
        raise ValueError("Bad frames were marked after the training, which no command can do. Copy as Python instead.")
    if penalty is not None:
        raise ValueError("The penalty was changed after the training, which no command can do. Copy as Python instead.")
    given = opened_with(stack)
    words: list[str] = [PROGRAM, "train", *given.pop("path"), "--out", FOLDER]
    for name, value in given.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    for table in stack.source.tables if stack.source is not None else ():
        words += ["--bad-frames", table]
    for option, frames in (
        ("--bad-frames", stack.bad_frames - marked_in_files(stack)),
        ("--good-frames", marked_in_files(stack) - stack.bad_frames),
    ):
        if frames:
            words += [option, _frames(_runs(frames))]
    commands, notes = [[*words, *_set(config)]], list[str]()
    if isinstance(asked, Compared):
        sides = ["--a", _frames(asked.a), "--b", _frames(asked.b)]
        commands.append([PROGRAM, "compare", FOLDER, *sides, *_covariates(asked.regressed), *_set(asked.config)])
        if asked.placebo is not None and (pairs := _pairs(asked.placebo)) is not None:
            how = [*sides, *pairs, *_covariates(asked.regressed), *_set(asked.placebo.config)]
            commands.append([PROGRAM, "placebo", FOLDER, *how])
        elif asked.placebo is not None:
            notes.append("# No command runs the placebo of this comparison again: its pairs lie within A or B, or are")
            notes.append("# not known. Copy as Python, or run the placebo of the whole movie.")
    elif isinstance(asked, ComparedConditions):
        named = [f"--condition={name}={_frames(segments)}" for name, segments in asked.conditions.items()]
        commands.append([PROGRAM, "conditions", FOLDER, *named, *_covariates(asked.regressed), *_set(asked.config)])
    elif asked is not None:
        several = len(asked.each) > 1  # each then needs a file of its own
        commands += [
            [*_map(each), *(["--out", f"map-{i}.tif"] if several else [])] for i, each in enumerate(asked.each, 1)
        ]
    return "\n".join([*map(shlex.join, commands), *notes]) + "\n"


def _pairs(placebo: Placebo) -> list[str] | None:
    """Write how the pairs of a placebo are drawn; None where no command does it."""
    if not placebo.pairs or "within" in placebo.pairs:  # then they are shorter than A and B
        return None
    permute = ["--permute"] if "segments" in placebo.pairs else []
    return [*permute, "--repeats", str(placebo.pairs["repeats"])]


def _map(asked: Mapped) -> list[str]:
    """Write a contribution map."""
    words = [PROGRAM, "map", FOLDER, "--kind", asked.kind]
    if asked.frame is not None:
        words += ["--frame", str(asked.frame)]
    for option, frames in (("--frames", asked.frames), ("--minus", asked.minus)):
        if frames is not None:
            words += [option, _frames(frames)]
    if asked.target is not None:
        words += ["--target", str(asked.target)]
    if asked.edge is not None:
        words += ["--edge", ",".join(map(str, asked.edge))]
    return [*words, "--own-past"] if asked.own_past else words


def _covariates(regressed: Regressed) -> list[str]:
    """Name what is regressed out, as options do."""
    if not regressed.names:
        return []
    path, given = regressed.file().path, regressed.file().given
    series = given.get("name")
    if rest := [name for name in given if name != "name"]:
        raise ValueError(f"Behaviour was opened with {rest[0]}, which no command takes. Copy as Python instead.")
    if series and regressed.names != (series,):
        raise ValueError(f"A command takes all traces of {series!r}, not some of them. Copy as Python instead.")
    lags = ["--covariate-lags", str(regressed.lags)] if regressed.lags else []
    return [*(f"--covariate={path}:{name}" for name in regressed.names), *lags]


def _set(settings: Settings) -> list[str]:
    """Return options that change settings, spelled as TOML reads them."""
    words: list[str] = []
    for name, value in changed_settings(settings).items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        words += ["--set", f"{name}={f'{value[0]}:{value[1]}' if isinstance(value, tuple) else text}"]
    return words


def _frames(segments: Segments) -> str:
    return ",".join(f"{start}:{stop}" for start, stop in segments)


def _runs(frames: Iterable[int]) -> Segments:
    """Join frames that follow each other into half-open ranges."""
    runs: list[tuple[int, int]] = []
    for frame in sorted(frames):
        if runs and runs[-1][1] == frame:
            runs[-1] = runs[-1][0], frame + 1
        else:
            runs.append((frame, frame + 1))
    return tuple(runs)
