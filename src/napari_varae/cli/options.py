"""Options that several commands share, and those that are made from the settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

__all__ = [
    "BadFrames",
    "Channel",
    "Covariate",
    "CovariateLags",
    "DataSet",
    "Folder",
    "FrameRate",
    "Json",
    "Moved",
    "Movie",
    "PixelSize",
    "Plane",
    "Unit",
    "with_settings",
]

Movie = Annotated[
    list[Path],
    typer.Argument(
        metavar="MOVIE", help="A recording: a file, a folder, or several files of one field of view in order."
    ),
]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The analysis folder, made by 'train'.")]
FrameRate = Annotated[
    float | None, typer.Option(metavar="HZ", help="Frames per second, where the file does not store it.")
]
PixelSize = Annotated[
    float | None, typer.Option(metavar="UM", help="Edge of a pixel in micrometres, where the file does not store it.")
]
Channel = Annotated[str | None, typer.Option(metavar="CHANNEL", help="Channel, by its number from 0 or its name.")]
Plane = Annotated[str | None, typer.Option(metavar="PLANE", help="Plane, by its number from 0 or its name.")]
BadFrames = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FRAMES|FILE",
        help="Frames to leave out (motion, shutter), such as '3,200:210', or a CSV table with frame, bad, y, x. Can be "
        "given several times.",
    ),
]
Covariate = Annotated[
    list[str] | None,
    typer.Option(
        "--covariate",
        metavar="FILE[:NAME]|NAME",
        help="Behaviour to regress out first, such as running.csv:speed; all traces of FILE without a name; or a trace "
        "of DIR's own behaviour, by its name. What was chosen in DIR when not given; 'none' for nothing. Can be given "
        "several times.",
    ),
]
CovariateLags = Annotated[
    int | None,
    typer.Option(metavar="N", min=0, help="Frames before each one at which covariates are regressors as well."),
]
DataSet = Annotated[str | None, typer.Option(metavar="NAME", help="Data set of a file that holds several.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, for programs.")]
Moved = Annotated[
    list[Path] | None, typer.Option("--movie", metavar="MOVIE", help="Where the movie is now, when it has moved.")
]
Unit = Annotated[
    Literal["frames", "s"],
    typer.Option(metavar="frames|s", help="Unit of the ranges: frames, counted from 0, or seconds."),
]

_FILE = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help="Settings file (TOML), with the sections fit and comparison."),
]
_SET = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one setting, such as latents=64; goes before the file."),
]
_KEYWORD = inspect.Parameter.KEYWORD_ONLY


def with_settings(section: str, *, options: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options --settings, --set, and one for each setting of a section.

    The command has a parameter `settings`: a function that gives the settings, with those to begin from as an argument.
    """
    from napari_varae.core.settings_file import SECTIONS

    fields = SECTIONS[section].model_json_schema()["properties"] if options else {}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def run(**given: Any) -> None:
            file, single = given.pop("settings_file"), list(given.pop("set_one") or [])
            chosen = {name: given.pop(f"setting_{name}") for name in fields}
            single += [f"{section}.{name}={value}" for name, value in chosen.items() if value is not None]
            command(**given, settings=partial(_settled, file, single, section))

        own = inspect.signature(command, eval_str=True).parameters.values()
        shared = [_parameter("settings_file", _FILE), _parameter("set_one", _SET)]
        made = [_parameter(f"setting_{name}", _option(name, spec)) for name, spec in fields.items()]
        every = [*(p.replace(kind=_KEYWORD) for p in own if p.name != "settings"), *shared, *made]
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]  # what typer reads
        run.__annotations__ = {p.name: p.annotation for p in every}
        return run

    return decorate


def _settled(file: Path | None, changes: list[str], section: str, base: Any = None) -> Any:
    """Read the settings; what is wrong with them is wrong with the command line."""
    from napari_varae.core.settings_file import read_settings

    try:
        return read_settings(file, changes, section, base)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _parameter(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, _KEYWORD, default=None, annotation=annotation)


def _option(name: str, spec: dict[str, Any]) -> Any:
    """Make an option of a setting: its help, unit, values and default are those of the setting."""
    unit, default = spec.get("unit"), spec["default"]
    known = "" if default is None else f" Default: {str(default).lower()}."
    return Annotated[
        str | None,
        typer.Option(
            f"--{name.replace('_', '-')}",
            metavar=_metavar(spec),
            help=f"{spec['description']}{f' In {unit}.' if unit else ''}{known}",
            rich_help_panel="Settings, advanced" if spec.get("advanced") else "Settings",
        ),
    ]


def _metavar(spec: dict[str, Any]) -> str:
    """Describe the values of a setting from its schema."""
    if "enum" in spec:
        return "|".join(spec["enum"])
    kinds = [part for part in spec.get("anyOf", [spec]) if part.get("type") != "null"]
    names = {"integer": "N", "number": "X", "boolean": "true|false", "array": "START:STOP"}
    return "|".join(
        str(part["const"]) if "const" in part else names.get(part.get("type", ""), "TEXT") for part in kinds
    )
