"""Figures on white: what is drawn is what was given, and the file is whole, an SVG with text or a PNG."""

import threading
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

import napari_varae as nv
from napari_varae.core.maps.limits import map_limit
from napari_varae.figures.maps import scale_bar_length
from napari_varae.figures.paper import figure_bytes, new_figure, on_paper, plain_axes
from napari_varae.figures.traces import POINTS

SVG = "{http://www.w3.org/2000/svg}"


def texts(figure):
    """All that is written in a figure, as SVG."""
    root = ET.fromstring(figure_bytes(figure, "svg"))
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def comparison():
    za, zb = np.random.default_rng(0).normal(size=(2, 200, 3))
    return nv.compare_latents(za, zb, resamples=99, power_draws=0)


def test_a_figure_is_white_and_its_text_stays_text(tmp_path):
    with on_paper():
        figure = new_figure(89, 50)
        plain_axes(figure, x="Time (s)", y="µm", title="costs $5, not $6").plot([1, 2])
    assert nv.save_figure(figure, tmp_path / "a.PNG") == tmp_path / "a.PNG"
    with Image.open(tmp_path / "a.PNG") as image:
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
        assert image.width == pytest.approx(89 / 25.4 * 300, rel=0.05)
    assert {"Time (s)", "µm", "costs $5, not $6"} <= set(texts(figure))
    nv.save_figure(figure, tmp_path / "a.svg")
    first = (tmp_path / "a.svg").read_bytes()
    nv.save_figure(figure, tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_bytes() == first  # the same figure is the same file


def test_what_cannot_be_written_leaves_the_old_file(tmp_path):
    figure = new_figure()
    with pytest.raises(ValueError, match=r"\.svg nor in \.png"):
        nv.save_figure(figure, tmp_path / "a.jpeg")
    with pytest.raises(OSError, match="Choose another folder"):
        nv.save_figure(figure, tmp_path / "missing" / "a.svg")
    old = tmp_path / "a.svg"
    old.write_text("old")
    old.chmod(0o444)
    with pytest.raises(OSError, match="write-protected"):
        nv.save_figure(figure, old)
    assert old.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.svg"]


def test_threads_draw_at_the_same_time(rng):
    values, found = rng.normal(size=(50, 3)), []

    def draw():
        found.append(figure_bytes(nv.draw_trajectory(values, ["x", "y", "z"], colour=np.arange(50)), "svg"))

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 4


def test_a_map_has_unit_scale_bar_title_and_the_limits_of_the_window(rng):
    image = rng.gamma(2, size=(40, 50))
    values = rng.normal(size=(40, 50))
    values[3, 3] = 1e4  # a hot pixel hides nothing
    figure = nv.draw_map(values, image, title="Driver map", unit="SD", pixel_size=1.2)
    written = texts(figure)
    end = map_limit(values)
    assert end < 10
    assert {"Driver map", "SD", "10 µm", f"{end:.2g}", f"−{end:.2g}"} <= set(written)
    assert "10 µm" not in texts(nv.draw_map(values, image, title="Driver map"))  # size of a pixel unknown


def test_maps_side_by_side_share_their_limits_unless_given(rng):
    image, a = rng.gamma(2, size=(40, 40)), np.abs(rng.normal(size=(40, 40)))
    shared = texts(nv.draw_map({"A": a, "B": a / 10}, image))
    assert shared.count(f"{map_limit(a):.2g}") == 2
    assert shared.count("0") == 2  # without negative values the bar begins at zero
    own = texts(nv.draw_map({"A": a, "B": a / 10}, image, unit={"A": "SD", "B": "F"}, limit={"A": 2, "B": 0.3}))
    assert {"2", "0.3", "SD", "F"} <= set(own)
    with pytest.raises(ValueError, match="shape"):
        nv.draw_map(a[1:], image)
    with pytest.raises(ValueError, match="No map"):
        nv.draw_map({}, image)


def test_colours_of_a_map_are_those_of_the_window():
    values = np.array([[-1.0, 0.0, 1.0]])
    [axes] = nv.draw_map(values, np.array([[0.0, 0.5, 1.0]]), limit=1.0).axes
    left, middle, right = np.asarray(axes.images[0].get_array())[0]
    assert left == pytest.approx([0.15, 0.55, 1])
    assert right == pytest.approx([1, 0.75, 0.2])
    assert np.ptp(middle) == pytest.approx(0)  # nothing but the image


@pytest.mark.parametrize(("width", "length"), [(100, 20), (66, 10), (700, 200), (3.4, 1), (0.5, 0.1)])
def test_scale_bars_are_round_and_at_most_a_third(width, length):
    assert scale_bar_length(width) == pytest.approx(length)


def test_the_matrix_is_labelled_with_coefficients():
    figure = nv.draw_matrix(np.array([[0.81, 0.0], [-0.3, 0.7]]), title="Lag 1")
    assert {"Lag 1", "0.81", "−0.81", "Source latent", "Target latent"} <= set(texts(figure))
    with pytest.raises(ValueError, match="one lag"):
        nv.draw_matrix(np.zeros((1, 2, 2)))
    assert texts(nv.draw_matrix(np.zeros((3, 3))))


def test_traces_are_in_seconds_with_frame_sets_and_raster(rng):
    z = rng.normal(size=(3 * POINTS, 4))
    z[:10, 0], z[5000, 1] = np.nan, 40
    sets = {"go": [(0, 600), (1200, 1800)], "stop": [(600, 1200)], "empty": []}
    rows = {f"latent {i}": z[:, i] for i in range(3)}
    figure = nv.draw_traces(rows, frame_rate=30.0, frame_sets=sets, sides=("go", "stop"), raster=z)
    written = texts(figure)
    assert {"latent 0", "latent 2", "go", "stop", "Time (s)", "Latents"} <= set(written)
    assert "empty" not in written
    assert figure.axes[0].get_xlim() == (0, pytest.approx(3 * POINTS / 30))
    drawn = figure.axes[0].lines[1].get_xydata()
    assert len(drawn) <= 1.1 * POINTS
    assert pytest.approx(drawn[drawn[:, 1].argmax(), 0]) == 5000 / 30  # a peak is never thinned out


def test_a_part_of_the_traces_is_what_is_in_view(rng):
    figure = nv.draw_traces({"a": rng.normal(size=100)}, frames=(20, 50))
    assert figure.axes[0].get_xlim() == (20, 50)
    assert figure.axes[0].lines[0].get_xdata().tolist() == list(range(20, 50))
    assert figure.axes[0].get_xlabel() == "Frame"
    with pytest.raises(ValueError, match="one length"):
        nv.draw_traces({"a": np.zeros(3), "b": np.zeros(4)})
    with pytest.raises(ValueError, match="at least one trace"):
        nv.draw_traces({})


def test_a_beside_b_has_the_same_axes_and_only_their_frames(rng):
    values = rng.normal(size=(100, 2)).cumsum(axis=0)
    values[95:] = np.nan
    sets = {"go": [(0, 30)], "stop": [(60, 98)]}
    figure = nv.draw_trajectory(values, ["PC 1", "PC 2"], frame_sets=sets, sides=("go", "stop"), beside=True)
    go, stop = figure.axes
    assert (go.get_title("left"), stop.get_title("left")) == ("go", "stop")
    assert go.get_xlim() == stop.get_xlim()
    assert [len(axes.collections[0].get_offsets()) for axes in (go, stop)] == [30, 35]
    alone = nv.draw_trajectory(values, ["PC 1", "PC 2"], frame_sets=sets, sides=("go", "stop"))
    assert {"go", "stop", "other frames"} <= set(texts(alone))


def test_three_dimensions_are_named_and_what_cannot_be_drawn_is_refused(rng):
    values = rng.normal(size=(50, 3))
    figure = nv.draw_trajectory(values, ["PC 1", "PC 2", "latent 7"], colour=np.arange(50) / 30, colour_name="Time (s)")
    assert {"PC 1", "PC 2", "latent 7", "Time (s)"} <= set(texts(figure))
    with pytest.raises(ValueError, match="Give"):
        nv.draw_trajectory(values[:, :1], ["x"])
    with pytest.raises(ValueError, match="No frame"):
        nv.draw_trajectory(np.full((5, 2), np.nan), ["x", "y"])


@pytest.mark.long
def test_the_null_has_p_and_the_observed_value(comparison):
    figure = nv.draw_null(comparison)
    assert f"Coupling: p = {comparison.coupling.p_value:.3g}, 99 resamples" in texts(figure)
    assert figure.axes[0].lines[0].get_xdata()[0] == comparison.coupling.statistic
    assert any(text.startswith("Any coefficient: p") for text in texts(nv.draw_null(comparison, "any")))
    alone = nv.compare_latents(*np.random.default_rng(0).normal(size=(2, 200, 1)), resamples=99, power_draws=0)
    with pytest.raises(ValueError, match="coupling"):
        nv.draw_null(alone)
    assert "3 pairs" in texts(nv.draw_placebo([0.1, 0.5, 0.9]))


def test_no_pyplot_and_no_window_is_loaded():
    import subprocess
    import sys

    script = (
        "import sys, numpy, napari_varae as nv\n"
        "nv.draw_matrix(numpy.eye(2)).savefig('/dev/null', format='svg')\n"
        "print([m for m in sys.modules if m.endswith('pyplot') or 'Qt' in m or m == 'torch'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
