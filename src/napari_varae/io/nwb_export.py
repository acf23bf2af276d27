"""Results as an NWB file, for tools that read NWB: footprints, latents, frame sets, coefficients, comparisons, maps."""

from __future__ import annotations

import contextlib
import json
import os
import uuid
import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_varae.core.comparison.flat import flat
from napari_varae.core.experiment.match import match_cells
from napari_varae.core.settings_file import settings_text
from napari_varae.errors import DataError
from napari_varae.io.analysis import Analysis
from napari_varae.io.hdf5 import HDF5_LOCK

if TYPE_CHECKING:
    from napari_varae.core.experiment.cells import Cells
    from napari_varae.core.fit.fit import Fit

__all__ = ["export_nwb"]

CELL = "Cell of the latent, 'several' or 'none'."
UNKNOWN_START = datetime(1970, 1, 1, tzinfo=UTC)
"""The start of a session that is not known: NWB asks for one."""


def export_nwb(
    results: Analysis | Fit,
    path: str | os.PathLike[str],
    start_time: datetime | None = None,
    cells: Cells | Literal["own"] | None = "own",
) -> Path:
    """Write the results of an analysis, or a fit alone, as an NWB file.

    The file holds footprints (`PlaneSegmentation`), latents (`RoiResponseSeries`, a `TimeSeries`), frame sets and
    trials (`TimeIntervals`), VAR coefficients and comparisons (`DynamicTable`), maps (`GrayscaleImage`) and settings.
    Session, subject and start are those of the movie when it is an NWB file itself.

    Parameters
    ----------
    results : Analysis or Fit
        A fit alone has neither latents nor frame sets, comparisons and maps.
    path : path-like
        `.nwb` is appended when it has no such suffix. An existing file is replaced only once the new one is whole.
    start_time : datetime, optional
        When the recording began, with its time zone. 1970 stands for unknown.
    cells : Cells, "own" or None
        Footprints, coefficients and comparisons name the cell of each latent (:func:`napari_varae.match_cells`). "own":
        the cells of the analysis, when it has some.

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    DataError
        When pynwb is not installed, the file cannot be written, or the cells have moved or are of another image size.
    FitFileError
        When the analysis has no fit yet.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import napari_varae as nv
    >>> stack = nv.simulate(nv.SimulationConfig(frames=200, height=32, width=32, cells=4)).stack
    >>> fit = nv.fit(stack, nv.FitConfig(latents=4, epochs=0))
    >>> nv.export_nwb(fit, Path(tempfile.mkdtemp()) / "results.nwb").name
    'results.nwb'
    """
    path = Path(path).expanduser()
    path = path if path.suffix.lower() == ".nwb" else path.with_name(path.name + ".nwb")
    try:
        from pynwb import NWBHDF5IO
    except ImportError as error:
        raise DataError(f"{path.name!r} needs pynwb: pip install 'napari-varae[nwb]'.") from error
    if cells == "own":
        cells = results.cells if isinstance(results, Analysis) else None
    partial = path.with_name(f"{path.stem[:40]}.{uuid.uuid4().hex}.partial.nwb")
    with HDF5_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on 1970, and on what is unknown of the microscope
        content = _content(results, start_time, cells)
        try:
            with NWBHDF5IO(partial, mode="w") as file:
                file.write(content)
            partial.replace(path)
        except OSError as error:
            raise DataError(f"{path} could not be written ({error}). Choose another folder.") from error
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
    return path


def _content(results: Analysis | Fit, start_time: datetime | None, cells: Cells | None) -> Any:
    """Put the NWB file together."""
    analysis = results if isinstance(results, Analysis) else None
    fit: Fit = results.fit if isinstance(results, Analysis) else results
    nwb = _session(analysis, fit, start_time)
    module = nwb.create_processing_module("ophys", f"Results of napari-varae {version('napari-varae')}, fit {fit.id}.")
    named = None if cells is None else [str(cell) for cell in match_cells(fit, cells)["cell"]]
    footprints = _footprints(nwb, module, fit, analysis, named)
    module.add(_coefficients(fit, named))
    if analysis is None:
        return nwb
    rate = analysis.frame_rate
    if (latents := analysis.latents) is not None:
        module.add(_latents(latents, footprints, rate))
    if analysis.frame_sets:
        nwb.add_time_intervals(_frame_sets(analysis.frame_sets, rate))
    if analysis.trials is not None:
        _add_trials(nwb, analysis)
    if comparisons := analysis.comparisons:
        for table in _comparisons(comparisons, named):
            module.add(table)
    module.add(_images(fit, analysis.maps, analysis.pixel_size))
    nwb.add_scratch(settings_text(analysis.settings), name="settings", description="Settings of napari-varae, TOML.")
    return nwb


def _session(analysis: Analysis | None, fit: Fit, start_time: datetime | None) -> Any:
    """Make the file, with what is known of the session."""
    from pynwb import NWBFile
    from pynwb.file import Subject

    known, subject = _known(analysis.movie_paths if analysis is not None else ())
    about = {
        "session_description": f"Sparse dynamics of {analysis.name if analysis is not None else 'a recording'}",
        "session_start_time": UNKNOWN_START,
        **known,
        "identifier": f"{known.get('identifier', fit.movie)}-{fit.id}",
    }
    if start_time is not None:
        about["session_start_time"] = start_time if start_time.tzinfo else start_time.astimezone()
    notes = [] if about["session_start_time"] != UNKNOWN_START else ["The start of the session is unknown."]
    if analysis is not None and analysis.frame_rate is None:
        notes.append("The frame rate is unknown: what NWB calls seconds are frames.")
    return NWBFile(
        **about, notes=" ".join(notes) or None, subject=Subject(**subject) if subject else None,
        was_generated_by=[("napari-varae", version("napari-varae"))],
    )  # fmt: skip


def _known(paths: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read session and subject from the movie, when that is an NWB file."""
    if len(paths) != 1 or not paths[0].endswith(".nwb"):
        return {}, {}
    from pynwb import NWBHDF5IO

    with NWBHDF5IO(paths[0], mode="r", load_namespaces=True) as file:
        nwb = file.read()
        fields = "identifier", "session_description", "session_start_time", "session_id", "institution", "lab"
        session = {name: getattr(nwb, name) for name in fields if getattr(nwb, name) is not None}
        subject: dict[str, Any] = {} if nwb.subject is None else dict(nwb.subject.fields)
    return session, {name: value for name, value in subject.items() if isinstance(value, str | datetime)}


def _footprints(nwb: Any, module: Any, fit: Fit, analysis: Analysis | None, cells: list[str] | None) -> Any:
    """Add the footprints and the imaging plane that they lie in."""
    from hdmf.backends.hdf5 import H5DataIO
    from pynwb.core import VectorData
    from pynwb.ophys import ImageSegmentation, OpticalChannel, PlaneSegmentation

    pixel = analysis.pixel_size if analysis is not None else None
    rate = analysis.frame_rate if analysis is not None else None
    scale = {"grid_spacing": (pixel, pixel), "grid_spacing_unit": "micrometers"} if pixel else {}
    plane = nwb.create_imaging_plane(
        name="imaging_plane", description="The imaging plane of the movie.", device=nwb.create_device("microscope"),
        optical_channel=OpticalChannel(name="channel", description="unknown", emission_lambda=float("nan")),
        excitation_lambda=float("nan"), indicator="unknown", location="unknown", imaging_rate=rate, **scale,
    )  # fmt: skip
    images = fit.footprints.transpose(0, 2, 1)
    whole = [fit.whole_image.get(latent, "") for latent in range(fit.latents)]
    more = [] if cells is None else [VectorData(name="cell", description=CELL, data=cells)]
    table = PlaneSegmentation(
        name="footprints",
        description="What one unit of each latent adds to the image, in the movie's units.",
        imaging_plane=plane,
        columns=[
            VectorData(name="image_mask", description="Footprint (x, y).", data=H5DataIO(images, compression="gzip")),
            VectorData(name="whole_image", description="Change of the whole image that it draws, if any.", data=whole),
            *more,
        ],
        colnames=["image_mask", "whole_image", *(column.name for column in more)],
    )
    module.add(ImageSegmentation(name="ImageSegmentation", plane_segmentations=[table]))
    return table


def _latents(latents: NDArray[np.float32], footprints: Any, rate: float | None) -> Any:
    from pynwb.ophys import RoiResponseSeries

    every = footprints.create_roi_table_region(description="all latents", region=list(range(latents.shape[1])))
    return RoiResponseSeries(
        name="latents", description="Latents by the encoder of the fit; SD 1 over the training frames.", data=latents,
        unit="SD", rois=every, rate=rate or 1.0, starting_time=0.0,
        comments="" if rate else "The frame rate is unknown: times are in frames.",
    )  # fmt: skip


def _frame_sets(frame_sets: Mapping[str, Iterable[tuple[int, int]]], rate: float | None) -> Any:
    from pynwb.epoch import TimeIntervals

    table = TimeIntervals(name="frame_sets", description="Named frame sets of the analysis.")
    table.add_column("frame_set", "Name of the frame set.")
    table.add_column("start_frame", "First frame, counted from 0.")
    table.add_column("stop_frame", "Frame after the last.")
    for name, frames in frame_sets.items():
        for start, stop in frames:
            times = {"start_time": start / (rate or 1), "stop_time": stop / (rate or 1)}
            table.add_interval(**times, frame_set=name, start_frame=start, stop_frame=stop)
    return table


def _add_trials(nwb: Any, analysis: Analysis) -> None:
    trials = analysis.trials
    if trials is None:
        return
    nwb.add_trial_column("condition", "What was done or shown.")
    scale = 1.0 if trials.unit == "s" else analysis.frame_rate or 1.0
    for start, stop, condition in zip(trials.start, trials.stop, trials.condition, strict=True):
        nwb.add_trial(start_time=float(start) / scale, stop_time=float(stop) / scale, condition=condition)


def _coefficients(fit: Fit, cells: list[str] | None) -> Any:
    """Table of the nonzero coefficients of the VAR."""
    lag, target, source = np.nonzero(fit.var.coefficients)
    columns = {
        "lag": ("Frames between source and target.", lag + 1),
        "target": ("Latent that is predicted.", target),
        "source": ("Latent that predicts.", source),
        "coefficient": ("On latents of SD 1.", fit.var.coefficients[lag, target, source]),
        **_cells_of(target, source, cells),
    }
    return _table("var_coefficients", f"Nonzero coefficients of a VAR of order {fit.var.order}.", columns)


def _cells_of(target: Iterable[int], source: Iterable[int], cells: list[str] | None) -> dict[str, tuple[str, Any]]:
    """Columns with the cells of targets and sources; none when there are no cells."""
    if cells is None:
        return {}
    ends = {"target": target, "source": source}
    return {f"{name}_cell": (f"{name.capitalize()}: {CELL}", [cells[k] for k in ks]) for name, ks in ends.items()}


def _comparisons(comparisons: Mapping[str, Mapping[str, Any]], cells: list[str] | None) -> Iterable[Any]:
    """Tables of the comparisons: one row for each, and for each its coefficients and its null distribution."""
    rows = [dict(flat(found)) for found in comparisons.values()]
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {
        "comparison": ("Name.", list(comparisons)),
        "result": ("Everything but the coefficients, as JSON.", [_as_json(found) for found in comparisons.values()]),
        **{_column(name): (name, _filled([row.get(name) for row in rows])) for name in names},
    }
    yield _table("comparisons", "Comparisons of the dynamics in two frame sets.", columns)
    for name, found in comparisons.items():
        edges: Sequence[Mapping[str, Any]] = found["edges"]
        if edges:
            fields = {_column(key): (key, _filled([row[key] for row in edges])) for key in edges[0]}
            fields |= _cells_of([row["target"] for row in edges], [row["source"] for row in edges], cells)
            yield _table(f"{_column(name)}_coefficients", f"Coefficients of {name}.", fields)
        yield _table(f"{_column(name)}_null", f"Null of {name}.", {"statistic": ("In each draw.", found["null"])})


def _as_json(found: Mapping[str, Any]) -> str:
    return json.dumps({name: value for name, value in found.items() if name not in ("edges", "null")})


def _images(fit: Fit, maps: Mapping[str, NDArray[np.float32]], pixel_size: float | None) -> Any:
    """Return the static image and the maps."""
    from pynwb.base import Images
    from pynwb.image import GrayscaleImage

    resolution = {"resolution": 1e4 / pixel_size} if pixel_size else {}  # pixels per cm
    every = {"static image": fit.static, **maps}
    images = [GrayscaleImage(name=_column(name), data=image.T, **resolution) for name, image in every.items()]
    return Images(name="maps", images=images, description="Static image and contribution maps (x, y).")


def _table(name: str, description: str, columns: Mapping[str, tuple[str, Any]]) -> Any:
    from hdmf.common import DynamicTable, VectorData

    data = [VectorData(name=key, description=about, data=values) for key, (about, values) in columns.items()]
    return DynamicTable(name=name, description=description, columns=data, colnames=list(columns))


def _filled(values: list[Any]) -> list[Any]:
    """Give a column one type: NaN where a number is missing or infinite by name, an empty text where a text is."""
    numbers: dict[Any, float] = {None: float("nan"), "infinite": float("inf"), "-infinite": float("-inf")}
    if all(isinstance(value, int) for value in values):
        return values
    if all(value in numbers or isinstance(value, int | float) for value in values):
        return [float(numbers.get(value, value)) for value in values]
    return ["" if value is None else str(value) for value in values]


def _column(name: str) -> str:
    """Name as NWB likes it: without slashes, dots and spaces."""
    return "".join(c if c.isalnum() else "_" for c in name)
