"""One recording of a batch, from movie to p-value, in a process of its own; it goes on where it was cut short."""

from __future__ import annotations

import json
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_varae.core.comparison.flat import flat
from napari_varae.core.compute.memory import enough_memory
from napari_varae.core.files import write_file
from napari_varae.core.settings_file import AnalysisSettings
from napari_varae.errors import DataChoiceError, DataError, FitFileError, PathError, TrainingError
from napari_varae.headless.card import draw_card
from napari_varae.headless.own import is_own, note_own, set_aside
from napari_varae.headless.sheet import Row, State
from napari_varae.headless.steps import Kind, compare_frames, draw_map, find_frames, train_fit
from napari_varae.io import open_stack
from napari_varae.io.analysis import Analysis, open_analysis
from napari_varae.io.analysis_files import FIT, LATENTS, SHIFTS, TRIALS
from napari_varae.io.analysis_record import RECORD
from napari_varae.io.covariates import open_covariates

if TYPE_CHECKING:
    from napari_varae.core.fit.fit import Fit

__all__ = ["CARD", "TRACEBACK", "Summary", "finished", "run_on_worker", "run_row"]

SUMMARY, KEY, CARD = "summary.json", "row.json", "card.html"
COMPARISON = "comparison"
ASIDE = "set_aside"
"""Where earlier results of a row lie, to which a user has added something."""
TRACEBACK = "traceback"

Summary = dict[str, Any]


def finished(row: Row, settings: AnalysisSettings, folder: Path) -> Summary | None:
    """Return the summary of a row that is done with these settings, and None for one that is not."""
    try:
        found: Summary = json.loads((folder / row.name / SUMMARY).read_text(encoding="utf-8"))
        was, now = State(*found.pop("state")), row.state(settings)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if was.rest == now.rest and now.files in (was.files, None) else None


def run_on_worker(row: Row, settings: AnalysisSettings, out: str, threads: int | None) -> Summary:
    """Analyse a row in a worker of dask, within its memory; see :func:`run_row`.

    What a user can act on comes back as a summary with a `failure`, and a traceback for the log of the batch; anything
    else is an error of the program.
    """
    from distributed import get_worker

    limit = get_worker().memory_manager.memory_limit
    try:
        with enough_memory():
            return run_row(row, settings, out, threads, int(limit) if limit else None)
    except (ValueError, OSError, MemoryError, TrainingError, PathError) as error:
        return {"failure": str(error) or type(error).__name__, TRACEBACK: traceback.format_exc()}


def run_row(
    row: Row, settings: AnalysisSettings, out: str, threads: int | None = None, memory: int | None = None
) -> Summary:
    """Train, draw maps, compare, and return what the summary needs.

    What an earlier run left is replaced when the row or its settings have changed. When a user has added something to
    it, such as a comparison, its folder is renamed instead, and the summary has the new name as `set_aside`.

    Parameters
    ----------
    row : Row
    settings : AnalysisSettings
        Those of the batch.
    out : str
        Folder of the batch; the row has a folder in it.
    threads : int, optional
        Threads of its training, where the settings name none.
    memory : int, optional
        Bytes that it may take. What is estimated to take more is not begun.

    Raises
    ------
    TrainingError
        When it would take more memory than there is.
    Exception
        Whatever the steps raise.
    """
    began, folder, state = time.monotonic(), Path(out) / row.name, row.state(settings)
    own = row.settings(settings)
    own = own.changed(fit=own.fit.changed(threads=own.fit.threads or threads))
    analysis = _resumed(folder, state) or _begun(row, own, folder, state, memory)
    if not analysis.has_fit or analysis.latents is None:
        train_fit(analysis)
        for name in (FIT, LATENTS):
            note_own(folder / name, folder)
    kinds: tuple[Kind, ...] = "driver", "effect"
    for kind in kinds:
        if f"{kind} map" not in analysis.maps:
            image, about = draw_map(analysis, kind)
            note_own(analysis.keep_map(image, about["name"], about), folder)
    if row.a and COMPARISON not in analysis.comparisons:
        a, b = (
            find_frames(analysis, text, row.unit or "frames", name=name) for name, text in (("a", row.a), ("b", row.b))
        )
        regressed = open_covariates(row.covariates, analysis.n_frames, analysis.frame_rate)
        note_own(compare_frames(analysis, a, b, name=COMPARISON, covariates=regressed)[1], folder)
    found = summarise(analysis, time.monotonic() - began)
    if aside := _read_key(folder).get(ASIDE):
        found[ASIDE] = aside
    write_file(folder / CARD, draw_card(row.name, analysis))
    write_file(folder / SUMMARY, json.dumps({"state": state, **found}, indent=1) + "\n")
    return found


def _read_key(folder: Path) -> dict[str, Any]:
    """Read what an earlier run has begun; empty when there was none."""
    try:
        return dict(json.loads((folder / KEY).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _state_of(folder: Path) -> State | None:
    """Read with what an earlier run has begun a row; None when there was none."""
    try:
        return State(*_read_key(folder)["state"])
    except (KeyError, TypeError):
        return None


def _resumed(folder: Path, state: State) -> Analysis | None:
    """Open the analysis that an earlier run of the same row has begun, with the same movie, trials and settings."""
    try:
        return open_analysis(folder) if _state_of(folder) == state else None
    except DataError:
        return None


def _trained(folder: Path, state: State) -> Fit | None:
    """Return the fit that an earlier run has trained on the same movie with the same settings of the training."""
    was = _state_of(folder)
    if was is None or (was.trained, was.files) != (state.trained, state.files):
        return None
    try:
        return open_analysis(folder).fit if is_own(folder / FIT, folder) else None
    except (OSError, DataError, FitFileError):
        return None


def _begun(row: Row, settings: AnalysisSettings, folder: Path, state: State, memory: int | None) -> Analysis:
    """Begin the analysis of a row; what an earlier run left is replaced, but for a fit that is still the right one.

    When a user has added to it, its folder is set aside.

    Raises
    ------
    DataError
        When the folder holds an analysis that no batch has made.
    """
    from napari_varae.core.training.requirements import estimate
    from napari_varae.io.trials import open_trials

    paths = row.paths if len(row.paths) > 1 else row.paths[0]
    stack = open_stack(paths, row.frame_rate, row.pixel_size, row.channel, row.plane, row.dataset)
    needs = estimate(stack, settings.fit).memory if settings.fit.network == "footprints" else 0.0
    if memory is not None and needs > memory:
        raise TrainingError(
            f"It needs about {needs / 1e9:.1f} GB of memory and a worker has {memory / 1e9:.1f} GB. Use fewer workers."
        )
    if (folder / RECORD).exists() and not (folder / KEY).exists():
        raise DataError(
            f"{folder} holds an analysis that no batch has made, and it is not replaced. Give the row another name, or "
            "the batch another folder."
        )
    fit = _trained(folder, state)
    trials = None
    if row.trials:
        try:
            trials = open_trials(row.trials, frame_rate=stack.frame_rate)
        except DataChoiceError:
            if row.unit is None:
                raise
            trials = open_trials(row.trials, frame_rate=stack.frame_rate, unit=row.unit)
    aside = set_aside(folder, KEY, {f"{COMPARISON} {side}" for side in "AB"})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SUMMARY).unlink(missing_ok=True)
    write_file(folder / KEY, json.dumps({"state": None}))  # nothing to go on with, while it is replaced
    analysis = Analysis.begin(folder, stack, settings, overwrite=True)
    if stack.shifts is not None:
        note_own(folder / SHIFTS, folder)
    if trials is not None:
        analysis.keep_trials(trials)
        note_own(folder / TRIALS, folder)
    if fit is not None:
        analysis.keep_fit(fit)
        note_own(folder / FIT, folder)
    if aside is not None:
        analysis.log("set aside", folder=aside)
    write_file(
        folder / KEY, json.dumps({"state": state, "paths": row.paths, ASIDE: None if aside is None else str(aside)})
    )
    return analysis


def summarise(analysis: Analysis, seconds: float) -> Summary:
    """Collect the numbers of an analysis by which recordings are compared."""
    fit = analysis.fit
    best = next((report for report in reversed(fit.history) if report.best), None)
    found: Summary = {
        "frames": analysis.n_frames,
        "frame_rate": analysis.frame_rate,
        "seconds": round(seconds, 1),
        "fit": fit.id,
        "latents": fit.latents,
        "epochs": len(fit.history) - 1,
        "reconstruction_fve": best.reconstruction_fve if best else None,
        "prediction_fve": best.prediction_fve if best else None,
    }
    comparison = analysis.comparisons.get(COMPARISON, {})
    rest = {name: value for name, value in comparison.items() if name != "settings"}  # those are in the settings file
    return found | {name: value for name, value in flat(rest) if name not in found}
