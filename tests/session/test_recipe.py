"""What is copied from the docks runs as pasted, and gives the same numbers."""

import json
import shlex
from dataclasses import replace

import numpy as np
import pytest
import tifffile

import napari_varae as nv
from napari_varae.cli import app
from napari_varae.core.comparison.flat import flat
from napari_varae.core.experiment.origin import Origin
from napari_varae.io.map_tiff import read_map
from napari_varae.session.recipe import (
    Compared,
    Mapped,
    Maps,
    Regressed,
    Shown,
    chosen_maps,
    shown_comparison,
    shown_conditions,
    shown_training,
)
from napari_varae.session.recipe_command import as_command
from napari_varae.session.recipe_python import as_python
from napari_varae.session.results import Placebo, placebo_config
from napari_varae.session.session import Session

COMPARED = Compared(
    ((0, 70), (80, 140)),
    ((170, 320),),
    nv.ComparisonConfig(resamples=39, power_draws=0, halves=False, blocks=4, level=0.03),
)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A movie with all that a user may have set, a fit of it, and a comparison."""
    path = tmp_path_factory.mktemp("my data") / "it's a movie.tif"
    made = nv.simulate(nv.SimulationConfig(frames=320, height=32, width=32, cells=4, seed=3)).stack
    tifffile.imwrite(path, made.read(), metadata={"axes": "TYX"})
    stack = nv.open_stack(path, frame_rate=7.5, pixel_size=0.8).replace(bad_frames=[3, 4, 5, 90])
    fit = nv.fit(stack, nv.FitConfig(latents=5, epochs=1, frames=(0, 300), threads=1, static_skip=True))
    return stack, fit, nv.compare(fit, stack, COMPARED.a, COMPARED.b, COMPARED.config)


def test_the_script_gives_the_same_numbers(shown, capsys):
    stack, fit, result = shown
    text = as_python(Shown(stack, fit.config, COMPARED))
    found = {}
    exec(compile(text, "<pasted>", "exec"), found)
    assert found["fit"].id == fit.id
    assert found["result"].as_dict() == result.as_dict()
    assert float(capsys.readouterr().out) == result.p_value


def test_the_commands_give_the_same_numbers(shown, tmp_path, monkeypatch, capsys):
    stack, fit, result = shown
    monkeypatch.chdir(tmp_path)
    for line in as_command(Shown(stack, fit.config, COMPARED)).splitlines():
        program, *words = shlex.split(line)
        assert program == "napari-varae"
        with pytest.raises(SystemExit) as end:
            app.main([*words, "--json"])
        assert not end.value.code
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    analysis = nv.open_analysis("analysis")
    assert analysis.fit.id == fit.id
    assert (analysis.frame_rate, analysis.pixel_size, analysis.stack.bad_frames) == (7.5, 0.8, stack.bad_frames)
    # The command encodes the movie in other blocks than the ranges alone: the last digits of the latents differ.
    expected, found = (dict(flat(each)) for each in (result.as_dict(), printed))
    assert found["p_value"] == result.p_value
    for name, value in expected.items():
        assert found[name] == (value if isinstance(value, str) else pytest.approx(value, rel=1e-5))
    assert printed["null"] == pytest.approx(result.null.tolist(), rel=1e-5)


def with_placebo(shown, **pairs):
    """The comparison on the screen with a placebo, and the same from Python."""
    stack, fit, result = shown
    config = COMPARED.config.changed(resamples=19, level=0.05, seed=2)
    p_values = nv.placebo(fit, stack, **pairs, config=config)
    return COMPARED._replace(placebo=Placebo(p_values, pairs, config)), result.with_placebo(p_values)


PAIRS = {
    "lengths": {"lengths": (60, 60), "unlike": (COMPARED.a, COMPARED.b), "repeats": 2},
    "within": {"lengths": (35, 35), "within": (170, 320), "repeats": 2},
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_placebo_is_part_of_the_script(shown, name):
    stack, fit, _ = shown
    compared, result = with_placebo(shown, **PAIRS[name])
    assert len(result.placebo) == 2
    assert pasted(as_python(Shown(stack, fit.config, compared)))["result"].as_dict() == result.as_dict()


def test_a_placebo_is_part_of_the_commands_where_there_is_one(shown, tmp_path, monkeypatch, capsys):
    stack, fit, _ = shown
    a, b = ((0, 70),), ((170, 240),)
    short = nv.compare(fit, stack, a, b, COMPARED.config)
    lengths = {"lengths": (70, 70), "unlike": (a, b), "repeats": 2}
    compared, result = with_placebo((stack, fit, short), **lengths)
    compared = compared._replace(a=a, b=b)
    monkeypatch.chdir(tmp_path)
    for line in as_command(Shown(stack, fit.config, compared)).splitlines():
        with pytest.raises(SystemExit) as end:
            app.main([*shlex.split(line)[1:], "--json"])
        assert not end.value.code
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert printed["p_values"] == list(result.placebo)
    assert printed["verdicts"]["comparison"].startswith(result.verdict)
    assert nv.open_analysis("analysis").comparison("comparison").placebo == result.placebo
    within = as_command(Shown(stack, fit.config, with_placebo(shown, **PAIRS["within"])[0])).splitlines()
    assert [shlex.split(line)[1] for line in within[:2]] == ["train", "compare"]
    assert within[2].startswith("# No command runs the placebo")


@pytest.fixture(scope="module")
def running(shown, tmp_path_factory):
    """Behaviour that goes with the latents."""
    stack, fit, _ = shown
    speed = fit.encode(stack)[:, :2].sum(1)
    path = tmp_path_factory.mktemp("behaviour") / "the run.csv"
    rows = "".join(f"{t / 7.5!r},{value:.6f},{t % 7}\n" for t, value in enumerate(speed))
    path.write_text(f"time,speed,licks\n{rows}")
    behaviour = nv.open_behaviour(path)
    traces = behaviour.at_frames(stack.n_frames, stack.frame_rate)[:, :1]
    result = nv.compare(fit, stack, COMPARED.a, COMPARED.b, COMPARED.config, covariates=traces)
    return COMPARED._replace(regressed=Regressed(("speed",), 0, behaviour.source)), result


def test_behaviour_that_was_regressed_out_is_so_in_the_script(shown, running):
    stack, fit, plain = shown
    compared, result = running
    assert result.test.n_covariates == 1
    assert result.statistic != plain.statistic
    assert pasted(as_python(Shown(stack, fit.config, compared)))["result"].as_dict() == result.as_dict()


def test_behaviour_that_was_regressed_out_is_so_in_the_commands(shown, running, tmp_path, monkeypatch, capsys):
    stack, fit, _ = shown
    compared, result = running
    monkeypatch.chdir(tmp_path)
    for line in as_command(Shown(stack, fit.config, compared)).splitlines():
        with pytest.raises(SystemExit) as end:
            app.main([*shlex.split(line)[1:], "--json"])
        assert not end.value.code
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["p_value"] == result.p_value
    with pytest.raises(ValueError, match="opened with time"):
        as_command(shown_with(shown, compared, Origin("x.csv", {"time": "t"})))
    with pytest.raises(ValueError, match="not opened from a file"):
        as_python(shown_with(shown, compared, None))


def shown_with(shown, compared, source):
    return Shown(shown[0], shown[1].config, compared._replace(regressed=Regressed(("speed",), 0, source)))


def run(text):
    """Run commands as pasted."""
    for line in text.splitlines():
        program, *words = shlex.split(line)
        assert program == "napari-varae"
        with pytest.raises(SystemExit) as end:
            app.main([*words, "--json"])
        assert not end.value.code, line


@pytest.mark.long
def test_lags_of_the_behaviour_are_so_in_script_and_commands(shown, running, tmp_path, monkeypatch, capsys):
    stack, fit, _ = shown
    session = Session()
    session.use_movie(stack)
    session.use_fit(fit, fit.encode(stack))
    session.use_behaviour(nv.open_behaviour(running[0].regressed.source.path))
    session.set_covariates(["speed"], 2)
    session.set_range("a", COMPARED.a)
    session.set_range("b", COMPARED.b)
    given = session.regressed_out()
    assert given["covariate_lags"] == 2
    result = nv.compare(fit, stack, COMPARED.a, COMPARED.b, COMPARED.config, **given)
    session.set_comparison(result)
    copied = shown_comparison(session, nv.ComparisonConfig(seed=4))
    assert copied.asked.config == COMPARED.config
    assert pasted(as_python(copied))["result"].as_dict() == result.as_dict()
    monkeypatch.chdir(tmp_path)
    run(as_command(copied))
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["p_value"] == result.p_value
    session.set_covariates(["speed"], 1)
    assert not session.is_current
    session.set_covariates(["speed", "licks"])
    assert not session.is_current


MAPS = [
    Mapped("driver"),
    Mapped("driver", ((0, 70), (80, 140)), ((170, 320),), target=2),
    Mapped("effect", ((0, 140),), target=1, own_past=True),
    Mapped("driver", frame=77, target=3, own_past=True),
]


@pytest.fixture
def mapped(shown):
    """The maps of :data:`MAPS` and one of a link, as the Look dock computes them."""
    stack, fit, _ = shown
    lag, target, source = (int(i[0]) for i in np.nonzero(fit.var.coefficients))
    edge = (lag + 1, target, source)
    images = [
        nv.contribution_map(fit, stack),
        nv.contribution_map(fit, stack, frames=[(0, 70), (80, 140)], target=2)
        - nv.contribution_map(fit, stack, frames=(170, 320), target=2),
        nv.contribution_map(fit, stack, "effect", (0, 140), 1, own_past=True),
        nv.FrameContributions(fit, stack, 3, own_past=True)(77, 78)[0],
        nv.contribution_map(fit, stack, edge=edge),
    ]
    assert all(image.any() for image in images[:1] + images[2:])
    return Shown(stack, fit.config, Maps((*MAPS, Mapped("driver", edge=edge)))), images


def test_maps_come_from_the_script(mapped):
    copied, images = mapped
    found = pasted(as_python(copied))["images"]
    for image, expected in zip(found, images, strict=True):
        np.testing.assert_array_equal(image, expected)
    one = pasted(as_python(copied._replace(asked=Maps(copied.asked.each[:1]))))
    np.testing.assert_array_equal(one["image"], images[0])


@pytest.mark.long
def test_maps_come_from_the_commands(mapped, tmp_path, monkeypatch, capsys):
    copied, images = mapped
    monkeypatch.chdir(tmp_path)
    run(as_command(copied))
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()[1:]]
    assert len({each["file"] for each in printed}) == len(images)
    for each, expected in zip(printed, images, strict=True):
        np.testing.assert_allclose(read_map(each["file"])[0], expected, rtol=1e-4, atol=1e-6 * abs(expected).max())


def test_a_map_with_the_penalty_that_is_tried(shown):
    stack, fit, _ = shown
    session = Session()
    session.use_movie(stack)
    session.use_fit(fit, fit.encode(stack))
    session.set_penalty(0.1)
    copied = chosen_maps(session, [Mapped("driver")])
    expected = nv.contribution_map(fit.with_penalty(session.penalty), stack)
    np.testing.assert_array_equal(pasted(as_python(copied))["image"], expected)
    with pytest.raises(ValueError, match="penalty was changed"):
        as_command(copied)


CONDITIONS = {"go": ((0, 100),), "speed == 2": ((110, 160), (165, 210)), "rest": ((215, 320),)}


@pytest.mark.long
def test_conditions_come_from_the_script_and_the_commands(shown, running, tmp_path, monkeypatch, capsys):
    stack, fit, _ = shown
    session = Session()
    session.use_movie(stack)
    session.use_fit(fit, fit.encode(stack))
    session.use_behaviour(nv.open_behaviour(running[0].regressed.source.path))
    session.set_covariates(["speed"])
    with pytest.raises(ValueError, match="fewer than three"):
        shown_conditions(session, dict(list(CONDITIONS.items())[:2]), COMPARED.config)
    copied = shown_conditions(session, CONDITIONS, COMPARED.config)
    found = nv.compare_conditions(fit, stack, CONDITIONS, COMPARED.config, **session.regressed_out())
    session.set_conditions(found, session.generation)
    assert shown_conditions(session, {}, nv.ComparisonConfig()) == copied  # what is shown goes before what is ticked
    assert pasted(as_python(copied))["result"].as_dict() == found.as_dict()
    monkeypatch.chdir(tmp_path)
    run(as_command(copied))
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert printed["omnibus"]["p_values"] == found.omnibus.p_values
    assert [row["coupling_p"] for row in printed["rows"]] == [row["coupling_p"] for row in found.as_dict()["rows"]]
    session.set_covariates([])
    with pytest.raises(ValueError, match="fewer than three"):
        shown_conditions(session, {}, COMPARED.config)  # not current any more


@pytest.mark.long
def test_a_table_of_frames_is_opened_again(shown, tmp_path, monkeypatch):
    stack, *_ = shown
    rows = "".join(f"{t},{int(t in (7, 8))},{0.1 * (t % 5)!r},{-0.2 * (t % 3)!r}\n" for t in range(stack.n_frames))
    (tmp_path / "frames.csv").write_text(f"frame,bad,y,x\n{rows}")
    opened = nv.open_stack(stack.source.paths[0], frame_rate=7.5)
    marked = nv.open_frame_table(tmp_path / "frames.csv", stack.n_frames).added_to(opened)
    copied = Shown(marked.replace(bad_frames=[8, 100]), nv.FitConfig(latents=5, epochs=0))
    found = pasted(as_python(copied))["stack"]
    assert found.bad_frames == {8, 100}
    np.testing.assert_array_equal(found.shifts, marked.shifts)
    monkeypatch.chdir(tmp_path)
    run(as_command(copied))
    again = nv.open_analysis("analysis").stack
    assert again.bad_frames == {8, 100}
    np.testing.assert_array_equal(again.shifts, marked.shifts)
    assert as_command(copied._replace(stack=again)) == as_command(copied)  # the analysis knows of the table


def pasted(text):
    found = {}
    exec(compile(text, "<pasted>", "exec"), found)
    return found


def test_a_penalty_that_was_changed_is_changed_by_the_script_too(shown):
    stack, fit, _ = shown
    session = Session()
    session.use_movie(stack)
    session.use_fit(fit, fit.encode(stack))
    session.set_penalty(0.2)
    session.use_penalty()
    copied = shown_training(session, nv.FitConfig())
    assert pasted(as_python(copied))["fit"].id == session.fit.id != fit.id
    with pytest.raises(ValueError, match="penalty was changed"):
        as_command(copied)


def test_frames_that_were_marked_after_the_training_are_marked_after_it(shown):
    stack, fit, _ = shown
    now = stack.replace(bad_frames=[3, 200])
    session = Session()
    session.use_movie(now)
    session.use_fit(fit, fit.encode(now))
    session.set_range("a", COMPARED.a)
    session.set_range("b", COMPARED.b)
    copied = shown_comparison(session, COMPARED.config)
    found = pasted(as_python(copied))
    assert found["fit"].id == fit.id
    assert found["stack"].bad_frames == {3, 200}
    assert found["result"].p_value == nv.compare(fit, now, COMPARED.a, COMPARED.b, COMPARED.config).p_value
    with pytest.raises(ValueError, match="marked after the training"):
        as_command(copied)


@pytest.mark.parametrize("now", [[], [6, 100, 150], [5, 6, 100]], ids=["cleared", "others", "as in the file"])
def test_marks_of_the_file_that_the_user_changed_are_changed_again(shown, tmp_path, monkeypatch, now):
    """suite2p marks frames as bad in its own files."""
    stack, *_ = shown
    folder = tmp_path / "suite2p" / "plane0"
    folder.mkdir(parents=True)
    movie = np.round(stack.read() / stack.read().max() * 1000).astype(np.int16)
    movie.tofile(folder / "data.bin")
    bad = np.zeros(len(movie), dtype=bool)
    bad[[5, 6, 100]] = True
    ops = {"Ly": movie.shape[1], "Lx": movie.shape[2], "nframes": len(movie), "fs": 7.5, "badframes": bad}
    np.save(folder / "ops.npy", ops)
    opened = nv.open_stack(folder)
    assert opened.bad_frames == {5, 6, 100}
    copied = Shown(opened.replace(bad_frames=now), nv.FitConfig(latents=5, epochs=0))
    assert pasted(as_python(copied))["stack"].bad_frames == set(now)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        app.main(shlex.split(as_command(copied))[1:])
    assert not end.value.code
    assert nv.open_analysis("analysis").stack.bad_frames == set(now)


def test_defaults_are_left_out(shown):
    stack, *_ = shown
    assert "FitConfig()" in as_python(Shown(stack, nv.FitConfig()))
    assert "--set" not in as_command(Shown(stack, nv.FitConfig()))


def test_an_array_cannot_be_opened_again():
    stack = nv.simulate(nv.SimulationConfig(frames=20, height=16, width=16, cells=1)).stack
    with pytest.raises(ValueError, match="not opened from a file"):
        as_python(Shown(stack, nv.FitConfig()))


def test_the_result_on_the_screen_goes_before_the_form(shown):
    stack, fit, result = shown
    session = Session()
    session.use_movie(stack)
    session.use_fit(fit, fit.encode(stack))
    form = nv.ComparisonConfig(seed=5)
    assert shown_comparison(session, form) == Shown(stack, fit.config)
    session.set_range("a", COMPARED.a)
    session.set_range("b", COMPARED.b)
    assert shown_comparison(session, form).asked == Compared(COMPARED.a, COMPARED.b, form)
    session.set_comparison(result)
    assert shown_comparison(session, form).asked == COMPARED
    session.set_placebo(Placebo(np.full(20, 0.5), {"lengths": (9, 9), "repeats": 20}, form))
    assert shown_comparison(session, form).asked == COMPARED  # a placebo of another test: with more blocks
    assert not session.comparison.placebo
    placebo = Placebo(np.full(20, 0.5), {"lengths": (9, 9), "repeats": 20}, placebo_config(COMPARED.config))
    session.set_placebo(placebo)
    assert shown_comparison(session, form).asked == COMPARED._replace(placebo=placebo)
    session.set_comparison(replace(result, config=result.config.changed(seed=9)))  # the same ranges, compared again
    other = placebo._replace(p_values=np.full(7, 0.5))
    session.set_placebo(other)
    session.reopen(session.results[0])
    assert shown_comparison(session, form).asked == COMPARED._replace(placebo=placebo)  # and not that of the other
    session.reopen(session.results[1])
    assert shown_comparison(session, form).asked.placebo is other
    session.results[1] = session.results[1]._replace(placebo=None)  # as after an analysis was opened
    unknown = shown_comparison(session, form)
    assert not unknown.asked.placebo.pairs
    assert "# The comparison has a placebo" in as_python(unknown)
    assert as_command(unknown).splitlines()[-2].startswith("# No command runs the placebo")
    session.set_range("b", (200, 320))  # the result is of other ranges now
    assert shown_comparison(session, form).asked == Compared(COMPARED.a, ((200, 320),), form)


def test_a_fit_of_another_movie_cannot_be_trained_again(shown):
    stack, fit, _ = shown
    session = Session()
    session.use_movie(nv.Stack(stack.read()[::-1].copy()))
    session.use_fit(fit, fit.encode(session.stack))
    with pytest.raises(ValueError, match="another movie"):
        shown_comparison(session, nv.ComparisonConfig())
