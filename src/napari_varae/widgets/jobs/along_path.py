"""Held-out prediction at each penalty, computed silently in the background once for each fit."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_varae.session.job_events import Controls
from napari_varae.widgets.jobs.background import Background, Report
from napari_varae.widgets.parts.panel import Panel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.movie.stack import Stack
    from napari_varae.core.training.along_path import AlongPath

__all__ = ["follow_path"]


def follow_path(panel: Panel) -> Background:
    """Predict held-out frames at penalties along the path of the fit in use, and prepare maps of its links."""
    session = panel.session
    stack, fit, latents = session.require_stack(), session.require_fit(), session.latents
    work = Background(panel, partial(_compute, fit, stack, latents), on_yield=partial(session.set_along_path, fit))
    work.start()
    return work


def _compute(
    fit: Fit, stack: Stack, latents: NDArray[np.float32] | None, controls: Controls, _report: Report
) -> Generator[Any, None, None]:
    """Work in the thread; a movie that is too short has no curve."""
    from napari_varae.core.maps.contribution import contribution_map
    from napari_varae.core.training.along_path import prediction_along_path

    checked = stack.checked(controls.check)
    along: AlongPath | None = None
    with suppress(ValueError):  # too few frames
        along = prediction_along_path(fit, checked, latents=latents, check=controls.check)
    if along is not None:
        yield along
    links = np.argwhere(fit.var.coefficients)
    if fit.network.linear and len(links):  # reads the frames once: the map of a link that is clicked then comes at once
        lag, target, source = links[0].tolist()
        contribution_map(fit, checked, edge=(lag + 1, target, source))
