"""What the user brought to an analysis, by the options of the command line: cells, and behaviour to regress out."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from napari_varae.errors import DataError

if TYPE_CHECKING:
    from napari_varae.core.experiment.cells import Cells
    from napari_varae.io.analysis import Analysis

__all__ = ["NONE", "cells_of", "regressed_out"]

NONE = "none"
"""What leaves out the cells or covariates that the analysis has."""


def cells_of(analysis: Analysis, given: Path | None) -> Cells | None:
    """Open the cells that an option names, or those of the analysis.

    Raises
    ------
    DataError
        When they cannot be read, or were moved.
    """
    from napari_varae.io.analysis_brought import SINCE
    from napari_varae.io.cells import open_cells

    if given is not None:
        return None if str(given) == NONE else open_cells(given, shape=analysis.fit.shape)
    with _remedy("--cells"):
        cells = analysis.cells
    for note in () if cells is None else cells.notes:
        if note.endswith(SINCE):
            _report(note)
    return cells


def regressed_out(analysis: Analysis, given: Sequence[str] | None, lags: int | None) -> dict[str, Any]:
    """Open what is regressed out, as arguments of a comparison: what options name, or what the analysis has.

    Raises
    ------
    DataError
        When a file cannot be read or was moved, or has no trace of that name.
    """
    import numpy as np

    if given is None:
        with _remedy("--covariate"):
            traces = analysis.regressors()
        if traces is None:
            return _nothing(lags)
        lags = analysis.covariate_lags if lags is None else lags
        at = f", at lags of 0 to {lags} frames" if lags else ""
        _report(f"Regressed out, as in this analysis: {', '.join(analysis.covariates)}{at}.")
        return {"covariates": traces, "covariate_lags": lags}
    if list(given) == [NONE]:
        return _nothing(lags)
    return {"covariates": np.hstack([_open(analysis, text) for text in given]), "covariate_lags": lags or 0}


def _nothing(lags: int | None) -> dict[str, Any]:
    """Regress nothing out, and refuse lags, which would be those of nothing."""
    if lags:
        raise typer.BadParameter("Lags need a covariate: name one with --covariate.", param_hint="--covariate-lags")
    return {}


def _open(analysis: Analysis, text: str) -> Any:
    """Open traces that FILE, FILE:NAME, or the name of a trace of the analysis mean."""
    from napari_varae.io.covariates import open_covariates, split_name

    if analysis.record.behaviour is not None and not split_name(text)[0].exists():
        return analysis.regressors([text])
    return open_covariates([text], analysis.n_frames, analysis.frame_rate)


@contextmanager
def _remedy(option: str) -> Iterator[None]:
    """Name the option that replaces, or leaves out, what the analysis has and cannot be read."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{error} Name another file with {option}, or leave it out: {option} {NONE}.") from error


def _report(text: str) -> None:
    """Report on standard error what a user may not expect."""
    print(f"napari-varae: {text}", file=sys.stderr)
