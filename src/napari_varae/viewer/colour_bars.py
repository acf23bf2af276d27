"""Colour bars of maps, each with the name and the unit of its map on the canvas."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import fill
from typing import TYPE_CHECKING, Any

from napari.components.overlays import TextOverlay

from napari_varae.viewer.provenance import KEY, ours

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["bars_written_once", "follow_bars", "is_empty", "label_of", "show_bars", "write_number"]

BAR = (14, 90)
"""Width and height of a colour bar, in pixels of the screen."""
FONT, HIDDEN_FONT = 8, 1
"""Points of the label, and of napari's own numbers at the bar: these would be 4e-05 where the label has a power."""
CORNER = "top_left"
"""Where napari places overlays of one corner below each other: the label of the viewer, then the bar of a layer."""
WIDTH = 40
"""Letters in a line of the label."""
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

_latest: weakref.WeakKeyDictionary[Any, weakref.ref[Any]] = weakref.WeakKeyDictionary()
"""The map of each viewer that was shown last."""
_followed: weakref.WeakSet[Any] = weakref.WeakSet()
"""Viewers and layers whose changes are followed."""
_named: weakref.WeakSet[Any] = weakref.WeakSet()
"""Layers whose names we show on the canvas."""
_waiting: weakref.WeakSet[Any] = weakref.WeakSet()
"""Viewers whose bars are written once, when a map is complete."""


def show_bars(viewer: ViewerModel, latest: Any = None) -> None:
    """Show the colour bar of the latest map, with a label; side by side, that of each map in its own field.

    Parameters
    ----------
    viewer : ViewerModel
    latest : Image, optional
        The map that was shown last, when it is another one than before.
    """
    if latest is not None:
        _latest[viewer] = weakref.ref(latest)
    if viewer in _waiting:
        return
    grid, maps = viewer.canvas.grid.enabled, [layer for layer, _ in ours(viewer, "map:")]
    visible = [layer for layer in maps if layer.visible]
    known = _latest[viewer]() if viewer in _latest else None
    chosen = visible if grid else [known] if known in visible else visible[-1:]
    for layer in maps:
        _show(layer.colorbar, layer in chosen and not is_empty(layer))
        if grid and layer not in _named:
            _named.add(layer)
            layer.name_overlay.font_size = FONT
            layer.name_overlay.visible = True
        elif not grid and layer in _named:
            _named.discard(layer)
            layer.name_overlay.visible = False
    _write(viewer, _side_by_side(chosen) if grid else [label_of(layer) for layer in chosen], grid)


@contextmanager
def bars_written_once(viewer: ViewerModel) -> Iterator[None]:
    """Leave the bars alone while name and limits of a map change: each new text lets napari place all overlays."""
    _waiting.add(viewer)
    try:
        yield
    finally:
        _waiting.discard(viewer)


def follow_bars(viewer: ViewerModel, layer: Any) -> None:
    """Keep the label of a map as its name, its limits and its visibility are."""
    reference = weakref.ref(getattr(viewer, "__wrapped__", viewer))

    def changed(_event: Any = None) -> None:
        if (known := reference()) is not None:
            show_bars(known)

    if layer not in _followed:
        _followed.add(layer)
        layer.colorbar.size, layer.colorbar.font_size, layer.colorbar.position = BAR, HIDDEN_FONT, CORNER
        for signal in (layer.events.name, layer.events.visible, layer.events.contrast_limits):
            signal.connect(changed)
    if viewer not in _followed:
        _followed.add(viewer)
        viewer.layers.events.removed.connect(changed)
        viewer.canvas.grid.events.enabled.connect(changed)


def is_empty(layer: Any) -> bool:
    """Whether a map has nothing but zeros."""
    return bool(layer.metadata[KEY]["ends"][1] == 0)


def label_of(layer: Any) -> str:
    """Name of a map, the value at which its colours end, and its unit."""
    return f"{fill(layer.name, WIDTH)}\n{fill(_scale(layer), WIDTH)}"


def write_number(value: float) -> str:
    """Write a number as a text has it: 0.25, but 4 × 10⁻⁵."""
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:g}"
    power = math.floor(math.log10(abs(value)) + 1e-9)
    return f"{value / 10.0**power:.3g} × 10{str(power).translate(RAISED)}"


def _scale(layer: Any) -> str:
    if is_empty(layer):
        return "empty: 0 in all pixels"
    low, high = layer.contrast_limits
    ends = f"±{write_number(high)}" if math.isclose(-low, high) else f"{write_number(low)} to {write_number(high)}"
    return f"{ends} {layer.metadata[KEY]['unit']}".rstrip()


def _side_by_side(maps: list[Any]) -> list[str]:
    """Write what fields of a grid have in common, or what each of them has."""
    scales = {_scale(layer) for layer in maps if not is_empty(layer)}
    empty = [f"{layer.name}: {_scale(layer)}" for layer in maps if is_empty(layer)]
    if len(scales) < 2:
        return [*scales, *empty]
    return [f"{layer.name}: {_scale(layer)}" for layer in maps]


def _write(viewer: ViewerModel, lines: list[str], grid: bool) -> None:
    """Write the label of the colour bar, or below the fields of a grid."""
    overlays = viewer.canvas.overlays
    if KEY not in overlays:
        if not lines:
            return
        overlays[KEY] = TextOverlay(font_size=FONT)
    label, place = overlays[KEY], "bottom_center" if grid else CORNER
    if label.position != place:
        label.position = place
    if lines and label.text != "\n".join(lines):
        label.text = "\n".join(lines)
    _show(label, bool(lines))


def _show(overlay: Any, visible: bool) -> None:
    if overlay.visible != visible:  # each change lets napari place all overlays again
        overlay.visible = visible
