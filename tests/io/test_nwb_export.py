"""Results as NWB: valid by pynwb's own validator, and read back to the same numbers."""

from datetime import UTC, datetime

import numpy as np
import pytest
from pynwb import NWBHDF5IO, NWBFile, validate
from pynwb.file import Subject
from pynwb.ophys import OpticalChannel, TwoPhotonSeries

import napari_varae as nv
from napari_varae.headless.steps import compare_frames, draw_map, train_fit

QUICK = nv.ComparisonConfig(resamples=39, power_draws=0, halves=False, blocks=4)


@pytest.fixture(scope="module")
def analysis(tmp_path_factory):
    from napari_varae.core.settings_file import AnalysisSettings

    config = nv.SimulationConfig(frames=320, height=32, width=40, cells=4, pixel_size=0.9, soma_radius=4, seed=3)
    settings = AnalysisSettings(fit=nv.FitConfig(latents=6, epochs=0, threads=1), comparison=QUICK)
    found = nv.Analysis.begin(tmp_path_factory.mktemp("analysis"), nv.simulate(config).stack, settings)
    train_fit(found)
    found.keep_trials(nv.Trials([0.0, 17.0], [14.0, 32.0], ["go", "nogo"], "s", frame_rate=10.0))
    compare_frames(found, [(0, 140)], [(170, 320)])
    image, about = draw_map(found)
    found.keep_map(image, about["name"], about)
    return found


@pytest.fixture(scope="module")
def written(analysis, tmp_path_factory):
    return nv.export_nwb(analysis, tmp_path_factory.mktemp("nwb") / "results")


@pytest.mark.long
def test_the_file_is_valid(written):
    assert written.suffix == ".nwb"
    errors = validate(path=written)
    assert not errors, errors
    assert not list(written.parent.glob("*.partial*"))


def test_the_numbers_are_those_of_the_analysis(analysis, written):
    fit, comparison = analysis.fit, analysis.comparisons["comparison"]
    with NWBHDF5IO(written, mode="r") as file:
        nwb = file.read()
        module = nwb.processing["ophys"]
        masks = module["ImageSegmentation"]["footprints"]["image_mask"][:]
        np.testing.assert_array_equal(masks.transpose(0, 2, 1), fit.footprints)
        np.testing.assert_array_equal(module["latents"].data[:], analysis.latents)
        assert module["latents"].rate == analysis.frame_rate
        sets = nwb.intervals["frame_sets"].to_dataframe()
        assert sets[["frame_set", "start_frame", "stop_frame"]].to_numpy().tolist() == [
            ["comparison A", 0, 140],
            ["comparison B", 170, 320],
        ]
        assert sets["stop_time"].tolist() == [14.0, 32.0]
        assert nwb.trials["condition"][:].tolist() == ["go", "nogo"]
        table = module["var_coefficients"].to_dataframe()
        dense = np.zeros_like(fit.var.coefficients)
        dense[table["lag"] - 1, table["target"], table["source"]] = table["coefficient"]
        np.testing.assert_array_equal(dense, fit.var.coefficients)
        assert module["comparisons"]["p_value"][0] == comparison["p_value"]
        edges = module["comparison_coefficients"].to_dataframe()
        np.testing.assert_array_equal(edges["difference"], [row["difference"] for row in comparison["edges"]])
        np.testing.assert_array_equal(module["comparison_null"]["statistic"][:], comparison["null"])
        image = module["maps"]["driver_map"]
        np.testing.assert_array_equal(image.data[:].T, analysis.maps["driver map"])
        assert image.resolution == pytest.approx(1e4 / 0.9)
        assert "latents = 6" in str(nwb.get_scratch("settings"))


def test_a_fit_alone_has_footprints_and_coefficients(analysis, tmp_path):
    path = nv.export_nwb(analysis.fit, tmp_path / "fit.nwb")
    assert not validate(path=path)
    with NWBHDF5IO(path, mode="r") as file:
        module = file.read().processing["ophys"]
        assert len(module["ImageSegmentation"]["footprints"]) == 6
        assert set(module.data_interfaces) == {"ImageSegmentation", "var_coefficients"}


def test_without_a_frame_rate_times_are_frames_and_it_is_noted(tmp_path):
    stack = nv.simulate(nv.SimulationConfig(frames=200, height=32, width=32, cells=4)).stack.replace(frame_rate=None)
    analysis = nv.Analysis.begin(tmp_path / "a", stack)
    analysis.keep_fit(nv.fit(stack, nv.FitConfig(latents=4, epochs=0, threads=1)))
    analysis.keep_latents(analysis.fit.encode(stack))
    path = nv.export_nwb(analysis, tmp_path / "a.nwb")
    assert not validate(path=path)
    with NWBHDF5IO(path, mode="r") as file:
        nwb = file.read()
        assert "frame rate is unknown" in nwb.notes
        assert nwb.processing["ophys"]["latents"].rate == 1.0


def test_from_nwb_to_nwb_the_session_and_the_subject_stay(tmp_path):
    movie, began = tmp_path / "raw.nwb", datetime(2026, 3, 1, 12, tzinfo=UTC)
    nwb = NWBFile(
        "A mouse runs.", "session-7", began, subject=Subject(subject_id="M7", species="Mus musculus", age="P90D")
    )
    plane = nwb.create_imaging_plane(
        optical_channel=OpticalChannel(name="green", description="GCaMP", emission_lambda=510.0), name="plane",
        description="V1", device=nwb.create_device("scope"), excitation_lambda=920.0, indicator="GCaMP6s",
        location="V1",
    )  # fmt: skip
    frames = nv.simulate(nv.SimulationConfig(frames=200, height=32, width=32, cells=4)).stack.read()
    nwb.add_acquisition(
        TwoPhotonSeries(name="movie", data=frames.transpose(0, 2, 1), imaging_plane=plane, rate=10.0, unit="counts")
    )
    with NWBHDF5IO(movie, mode="w") as file:
        file.write(nwb)
    analysis = nv.Analysis.begin(tmp_path / "a", nv.open_stack(movie))
    analysis.keep_fit(nv.fit(analysis.stack, nv.FitConfig(latents=4, epochs=0, threads=1)))
    path = nv.export_nwb(analysis, tmp_path / "results.nwb")
    assert not validate(path=path)
    with NWBHDF5IO(path, mode="r") as file:
        results = file.read()
        assert results.subject.subject_id == "M7"
        assert results.session_start_time == began
        assert results.session_description == "A mouse runs."
        assert results.identifier.startswith("session-7")


def test_tables_name_the_cells_of_their_latents(analysis, tmp_path):
    truth = nv.simulate(
        nv.SimulationConfig(frames=20, height=32, width=40, cells=4, pixel_size=0.9, soma_radius=4, seed=3)
    )
    cells = nv.open_cells(truth.footprints > 0.2 * truth.footprints.max(axis=(1, 2), keepdims=True))
    expected = [str(cell) for cell in nv.match_cells(analysis.fit, cells)["cell"]]
    assert set(expected) & {"0", "1", "2", "3"}
    path = nv.export_nwb(analysis, tmp_path / "cells.nwb", cells=cells)
    assert not validate(path=path)
    with NWBHDF5IO(path, mode="r") as file:
        module = file.read().processing["ophys"]
        assert list(module["ImageSegmentation"]["footprints"]["cell"][:]) == expected
        for name in ("var_coefficients", "comparison_coefficients"):
            table = module[name].to_dataframe()
            for end in ("target", "source"):
                assert table[f"{end}_cell"].tolist() == [expected[k] for k in table[end]]


def test_cells_of_the_analysis_are_named_unless_none_are_wished(tmp_path):
    stack = nv.simulate(nv.SimulationConfig(frames=100, height=32, width=32, cells=4)).stack
    analysis = nv.Analysis.begin(tmp_path / "a", stack)
    analysis.keep_fit(nv.fit(stack, nv.FitConfig(latents=3, epochs=0, threads=1)))
    labels = np.zeros((32, 32), dtype=int)
    labels[:16], labels[16:] = 5, 6
    analysis.keep_cells(nv.Cells.from_labels(labels))

    def columns(path):
        with NWBHDF5IO(path, mode="r") as file:
            return file.read().processing["ophys"]["ImageSegmentation"]["footprints"].colnames

    assert "cell" in columns(nv.export_nwb(analysis, tmp_path / "own.nwb"))
    assert "cell" not in columns(nv.export_nwb(analysis, tmp_path / "none.nwb", cells=None))
    assert "cell" not in columns(nv.export_nwb(analysis.fit, tmp_path / "fit.nwb"))
