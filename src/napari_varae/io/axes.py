"""Axes of an image file to a movie (T, Y, X): which axis is time, and which channel and plane are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from napari_varae.errors import ChoiceError, StackError
from napari_varae.io.probe import Option, Wanted

__all__ = ["WORDS", "Selection", "describe", "select"]

WORDS = {
    "T": "time points",
    "Z": "planes",
    "I": "images",
    "Q": "images",
    "C": "channels",
    "S": "colours",
    "Y": "rows",
    "X": "columns",
}
UNNAMED = "IQ"
"""Axes of pages in a row, of which the file does not report what they are."""


@dataclass(frozen=True)
class Selection:
    """What is taken of an array with named axes.

    Attributes
    ----------
    time : int
        Position of the time axis.
    fixed : dict of int to int
        Index taken on each other axis before the last two, by the position of the axis.
    notes : tuple of str
        What was chosen or assumed.
    """

    time: int
    fixed: Mapping[int, int]
    notes: tuple[str, ...] = ()


def describe(axes: str, shape: Sequence[int]) -> str:
    """Spell axes and their lengths."""
    sizes = ", ".join(f"{n} {WORDS.get(axis, 'of axis ' + axis)}" for axis, n in zip(axes, shape, strict=True))
    return f"{'RGB colours, ' if 'S' in axes else ''}axes {axes} ({sizes})"


def select(
    axes: str, shape: Sequence[int], wanted: Wanted, file: str, names: Mapping[str, Sequence[Option]] | None = None
) -> Selection:
    """Choose one channel and one plane of an array, so that time, rows and columns are left.

    Parameters
    ----------
    axes : str
        A letter per axis: T, Z, C, Y, X, or I and Q for pages that are not named.
    shape : sequence of int
        Length of each axis.
    wanted : Wanted
        What the caller wants.
    file : str
        Name of the file, for messages.
    names : mapping, optional
        Names of the channels, under "channel".

    Raises
    ------
    ChoiceError
        When the caller has to choose.
    StackError
        When no movie can be taken from these axes.
    """
    what = describe(axes, shape)
    leading = axes[:-2]
    others = leading.replace("C", "", 1).replace("Z", "", 1)
    if axes[-2:] != "YX" or len(others) > 1 or (others and others not in "T" + UNNAMED) or not leading:
        raise StackError(
            f"{file!r} has {what}; a movie has time, rows and columns (T, Y, X). In Fiji: Image > Properties where the "
            "axes are misnamed, Image > Type for colours, then save."
        )
    notes: tuple[str, ...] = ()
    options: dict[str, Sequence[Option]] = {}
    if "C" in leading:
        count = shape[axes.index("C")]
        given = (names or {}).get("channel", ())
        options["channel"] = given if len(set(given)) == count else range(count)
    planes_are_time = not others and "Z" in leading
    if planes_are_time:
        options["plane"] = ("time",)
        if wanted.plane != "time":
            raise ChoiceError(
                f"{file!r} has {what} and no time axis. Planes are not taken for time points without being asked: if "
                "they are time points (Fiji calls the frames of a plain stack slices), choose plane='time'.",
                options,
            )
        notes = ("Axis Z (planes) is taken for time, as asked",)
    elif "Z" in leading:
        options["plane"] = range(shape[axes.index("Z")])
    elif not others:
        raise StackError(
            f"{file!r} has {what} and no time axis. If the frames are misnamed, in Fiji: Image > Properties, then save."
        )
    asked = {"channel": wanted.channel, "plane": wanted.plane}
    # What the file has one of may be chosen too, and nothing else.
    options |= {name: (0,) for name, wish in asked.items() if wish is not None and name not in options}
    chosen = wanted.choose(file, options)
    time = axes.index("Z" if planes_are_time else others)
    if others and others in UNNAMED:
        notes = (f"Axis {others} ({WORDS[others]}) is taken for time: the file names no time axis",)
    fixed = {axes.index(axis): chosen[name] for axis, name in (("C", "channel"), ("Z", "plane")) if axis in leading}
    fixed.pop(time, None)
    picked = [
        f"{name} {options[name][chosen[name]]!r}"
        for axis, name in (("C", "channel"), ("Z", "plane"))
        if axis in leading and axes.index(axis) in fixed
    ]
    if picked:
        notes = (f"{' and '.join(picked).capitalize()} of {what}", *notes)
    return Selection(time, fixed, notes)
