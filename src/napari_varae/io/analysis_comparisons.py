"""Comparisons in an analysis folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_varae.errors import DataError
from napari_varae.io.analysis_files import COMPARISONS, file_name, free_path, read_json
from napari_varae.io.files import in_order

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from napari_varae.core.comparison.result import Comparison
    from napari_varae.core.comparison.robustness import Robustness

__all__ = ["KeptComparisons"]


class KeptComparisons:
    """The part of an analysis that keeps comparisons, and tables of their robustness."""

    # What the analysis has besides
    keep_frame_sets: Callable[..., None]
    log: Callable[..., None]
    _subfolder: Callable[[str], Path]
    folder: Path

    @property
    def comparisons(self) -> dict[str, dict[str, Any]]:
        """Comparisons by name, with settings and null distributions, as :meth:`.Comparison.as_dict` gives them."""
        folder = self.folder / COMPARISONS
        names = in_order(Path(path.stem) for path in folder.glob("*.json"))  # the second after the first
        return {str(name): read_json(folder / f"{name}.json") for name in names}

    def comparison(self, name: str) -> Comparison:
        """Return one of the comparisons with its null distributions; DataError when there is none or it is damaged."""
        from napari_varae.core.comparison.restore import open_comparison

        return open_comparison(self._subfolder(COMPARISONS) / f"{file_name(name)}.json")

    def keep_comparison(self, comparison: Comparison, name: str = "comparison", *, frame_sets: bool = True) -> Path:
        """Write a comparison as JSON, and its `frame_sets` by its name, which gets a number when it is taken."""
        path = free_path(self._subfolder(COMPARISONS) / f"{file_name(name)}.json")
        if frame_sets:
            self.keep_frame_sets({f"{path.stem} {side.upper()}": parts for side, parts in comparison.ranges.items()})
        comparison.to_json(path)
        self.log("compared", comparison=path.stem, p_value=comparison.p_value)
        return path

    def add_placebo(
        self, p_values: ArrayLike, suits: Callable[[Comparison], bool]
    ) -> tuple[dict[str, Comparison], dict[str, str]]:
        """Make a placebo part of the comparisons that it suits, unless theirs has more pairs.

        Returns these by name, and by name why a file could not be read and was left as it is.
        """
        judged: dict[str, Comparison] = {}
        unread: dict[str, str] = {}
        for path in in_order(self.folder.glob(f"{COMPARISONS}/*.json")):
            try:
                found = self.comparison(path.stem)
            except DataError as error:
                unread[path.stem] = str(error)
                continue
            if suits(found) and len(found.placebo) <= np.size(p_values):
                judged[path.stem] = found.with_placebo(p_values)
                judged[path.stem].to_json(path)
                self.log("placebo added", comparison=path.stem, verdict=judged[path.stem].verdict)
        return judged, unread

    def keep_robustness(self, found: Robustness, name: str = "robustness") -> Path:
        """Write the table of a comparison under other choices as CSV; the name gets a number when it is taken."""
        path = free_path(self._subfolder(COMPARISONS) / f"{file_name(name)}.csv")
        found.to_csv(path)
        self.log("checked robustness", table=path.stem)
        return path
