"""The paper: size, type and lines of all figures, and the file that one is written to.

Figures are made without pyplot, so that none is kept by a window manager and any thread may draw one. Whatever draws or
writes holds :func:`on_paper`: matplotlib keeps its settings and its fonts in one place for all threads.
"""

from __future__ import annotations

import functools
import io
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, cast

from napari_varae.core.files import write_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "DOUBLE", "ENDINGS", "SINGLE", "add_colour_bar", "drawn", "figure_bytes", "new_figure", "on_paper", "plain_axes",
    "save_figure",
]  # fmt: skip

SINGLE, DOUBLE = 89.0, 183.0
"""Millimetres of one and of two columns of a journal."""
ENDINGS = (".svg", ".png")
DPI = 300
"""Pixels per inch of an image."""
INCH = 25.4
EDGE = 1.0
"""Millimetres of white around what is drawn."""
STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "legend.fontsize": 6,
    "legend.frameon": False,
    "axes.linewidth": 0.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.0,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "svg.fonttype": "none",  # text stays text, to be edited
    "svg.hashsalt": "napari-varae",  # the same figure is the same file
    "path.simplify": True,
}

_one_at_a_time = threading.RLock()
Given = ParamSpec("Given")


@contextmanager
def on_paper() -> Iterator[None]:
    """Draw with our type and lines; one thread at a time."""
    import matplotlib as mpl

    with _one_at_a_time, mpl.rc_context(cast("Any", STYLE)):
        yield


def drawn(draw: Callable[Given, Figure]) -> Callable[Given, Figure]:
    """Let a function that makes a figure draw :func:`on_paper`."""

    @functools.wraps(draw)
    def draw_on_paper(*args: Given.args, **kwargs: Given.kwargs) -> Figure:
        with on_paper():
            return draw(*args, **kwargs)

    return draw_on_paper


def new_figure(width: float = SINGLE, height: float = 60.0) -> Figure:
    """Make a figure without axes; width and height in millimetres. Text finds its place by itself."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width / INCH, height / INCH), layout="constrained")


def plain_axes(figure: Figure, *place: Any, x: str = "", y: str = "", title: str = "") -> Axes:
    """Add axes with a line on the left and below only."""
    axes = figure.add_subplot(*place)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if title:
        axes.set_title(title, loc="left")
    return axes


def add_colour_bar(
    figure: Figure, axes: Axes, colours: Any, unit: str, places: Iterable[float], values: Iterable[float]
) -> None:
    """Draw a colour bar as high as the axes; `values` are written at the `places`."""
    bar = figure.colorbar(colours, cax=axes.inset_axes((1.03, 0, 0.045, 1)))
    texts = [f"{value:.2g}".replace("-", "\N{MINUS SIGN}") for value in values]
    bar.set_ticks(list(places), labels=texts)
    bar.set_label(unit)
    bar.outline.set_linewidth(0.5)


def figure_bytes(figure: Figure, kind: str, *, dpi: int = DPI) -> bytes:
    """Return a figure as the content of a file, "svg" or "png" with so many pixels per inch."""
    written = io.BytesIO()
    with on_paper():
        figure.savefig(
            written, format=kind, dpi=dpi, bbox_inches="tight", pad_inches=EDGE / INCH,
            metadata={"Date": None} if kind == "svg" else None,
        )  # fmt: skip
    return written.getvalue()


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure as SVG, whose text can be edited, or as PNG at 300 pixels per inch.

    An existing file is replaced only once the new one is whole.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        From one of the functions `draw_...`, or any other.
    path : path-like
        Ends in `.svg` or `.png`.

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    ValueError
        When the name has another ending.
    OSError
        When the file cannot be written.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> import napari_varae as nv
    >>> figure = nv.draw_matrix(np.array([[0.8, 0.0], [-0.3, 0.7]]))
    >>> nv.save_figure(figure, pathlib.Path(tempfile.mkdtemp()) / "matrix.svg").name
    'matrix.svg'
    """
    path = Path(path).expanduser()
    if path.suffix.lower() not in ENDINGS:
        raise ValueError(f"{path} ends neither in .svg nor in .png. Choose one of them.")
    content = figure_bytes(figure, path.suffix[1:].lower())
    try:
        write_file(path, content)
    except OSError as error:
        raise OSError(f"{path} could not be written ({error}). Choose another folder, or free some space.") from error
    return path
