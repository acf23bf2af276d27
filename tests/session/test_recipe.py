"""What is copied from the docks runs as pasted, and gives the same numbers."""

import json
import shlex

import pytest
import tifffile

import napari_varae as nv
from napari_varae.cli import app
from napari_varae.core.comparison.flat import flat
from napari_varae.session.recipe import Compared, as_command, as_python

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
    text = as_python(stack, fit.config, COMPARED)
    found = {}
    exec(compile(text, "<pasted>", "exec"), found)
    assert found["fit"].id == fit.id
    assert found["result"].as_dict() == result.as_dict()
    assert float(capsys.readouterr().out) == result.p_value


def test_the_commands_give_the_same_numbers(shown, tmp_path, monkeypatch, capsys):
    stack, fit, result = shown
    monkeypatch.chdir(tmp_path)
    for line in as_command(stack, fit.config, COMPARED).splitlines():
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


def test_defaults_are_left_out(shown):
    stack, *_ = shown
    assert "FitConfig()" in as_python(stack, nv.FitConfig())
    assert "--set" not in as_command(stack, nv.FitConfig())


def test_an_array_cannot_be_opened_again():
    stack = nv.simulate(nv.SimulationConfig(frames=20, height=16, width=16, cells=1)).stack
    with pytest.raises(ValueError, match="not opened from a file"):
        as_python(stack, nv.FitConfig())
