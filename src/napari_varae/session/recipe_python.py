"""What is on the screen as a Python script, which runs as pasted and gives the same numbers."""

from __future__ import annotations

from typing import Any

from napari_varae.core.settings import Settings
from napari_varae.session.recipe import (
    Compared,
    ComparedConditions,
    Mapped,
    Maps,
    Regressed,
    Shown,
    changed_settings,
    marked_in_files,
    opened_with,
)

__all__ = ["as_python"]


def as_python(shown: Shown) -> str:
    """Write opening, training and what the fit is used for as a Python script.

    Raises
    ------
    ValueError
        When the movie, or behaviour that is regressed out, was not opened from a file.
    """
    stack, config, asked, trained_without, penalty = shown
    given = opened_with(stack)
    paths = given.pop("path")
    where = repr(paths[0]) if len(paths) == 1 else repr(list(paths))
    lines = ["import napari_varae as nv", "", f"stack = nv.open_stack({where}{_options(given)})"]
    tables = () if stack.source is None else stack.source.tables
    lines += [f"stack = nv.open_frame_table({table!r}, stack.n_frames).added_to(stack)" for table in tables]
    marked = marked_in_files(stack)

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
    if isinstance(asked, Maps):
        lines += _maps(asked.each)
    elif asked is not None:
        lines += _comparison(asked)
    return "\n".join(lines) + "\n"


def _comparison(asked: Compared | ComparedConditions) -> list[str]:
    """Write a comparison, of two ranges or of several conditions."""
    before, regressed = _behaviour(asked.regressed)
    settings = f"nv.ComparisonConfig({_arguments(asked.config)}){regressed}"
    if isinstance(asked, Compared):
        call = f"nv.compare(fit, stack, {list(asked.a)}, {list(asked.b)}, {settings})"
        return [*before, f"result = {call}", *_placebo(asked, regressed), "print(result.p_value)"]
    conditions = {name: list(segments) for name, segments in asked.conditions.items()}
    call = f"nv.compare_conditions(fit, stack, {conditions}, {settings})"
    return [*before, f"result = {call}", "print(result.table.to_string(index=False))"]


def _placebo(asked: Compared, regressed: str) -> list[str]:
    """Write the placebo that is part of the verdict."""
    if asked.placebo is None:
        return []
    if not asked.placebo.pairs:
        return ["# The comparison has a placebo, whose pairs are not known: run it again to have it here."]
    config = f"config=nv.ComparisonConfig({_arguments(asked.placebo.config)})"
    call = f"nv.placebo(fit, stack{_options(dict(asked.placebo.pairs))}, {config}{regressed})"
    return [f"result = result.with_placebo({call})"]


def _behaviour(regressed: Regressed) -> tuple[list[str], str]:
    """Write how behaviour is opened, and the arguments of a comparison with which it is regressed out."""
    if not regressed.names:
        return [], ""
    source = regressed.file()
    lags = f", covariate_lags={regressed.lags}" if regressed.lags else ""
    return [
        f"behaviour = nv.open_behaviour({source.path!r}{_options(dict(source.given))})",
        f"traces = behaviour.choose({list(regressed.names)}).at_frames(stack.n_frames, stack.frame_rate)",
    ], f", covariates=traces{lags}"


def _maps(maps: tuple[Mapped, ...]) -> list[str]:
    """Write contribution maps."""
    if len(maps) == 1:
        return [f"image = {_map(maps[0])}", "print(image.min(), image.max())"]
    calls = ", ".join(map(_map, maps))
    return [f"images = [{calls}]", "print([(image.min(), image.max()) for image in images])"]


def _map(asked: Mapped) -> str:
    """Write one contribution map."""
    edge = None if asked.edge is None else tuple(asked.edge)
    what = {"target": asked.target, "edge": edge, "own_past": asked.own_past or None}
    options = _options({name: value for name, value in what.items() if value is not None})
    if asked.frame is not None:
        return f"nv.FrameContributions(fit, stack{options})({asked.frame}, {asked.frame + 1})[0]"

    def over(frames: Any) -> str:
        return "" if frames is None else f", frames={list(frames)}"

    start = f"nv.contribution_map(fit, stack, {asked.kind!r}"
    found = f"{start}{over(asked.frames)}{options})"
    return found if asked.minus is None else f"{found} - {start}{over(asked.minus)}{options})"


def _options(given: dict[str, Any]) -> str:
    return "".join(f", {name}={value!r}" for name, value in given.items())


def _arguments(settings: Settings) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in changed_settings(settings).items())
