"""The settings file is read strictly, and what is written reads back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_varae as nv
from napari_varae.core.settings_file import parse_value, read_settings, settings_text


def test_what_is_written_reads_back(tmp_path):
    settings = nv.AnalysisSettings(
        fit=nv.FitConfig(latents=7, frames=(0, 99), smoothing=None, static_skip=False, learning_rate=1e-5),
        comparison=nv.ComparisonConfig(seed=3),
    )
    (tmp_path / "s.toml").write_text(settings_text(settings), encoding="utf-8")
    assert read_settings(tmp_path / "s.toml") == settings


def test_the_order_of_precedence(tmp_path):
    (tmp_path / "s.toml").write_text("latents = 5\n[fit]\nepochs = 2\nseed = 4\n", encoding="utf-8")
    base = nv.AnalysisSettings(fit=nv.FitConfig(latents=4, epochs=1, order=2))
    fit = read_settings(tmp_path / "s.toml", ["epochs=3", "fit.seed=9"], base=base).fit
    assert (fit.latents, fit.epochs, fit.order, fit.seed) == (5, 3, 2, 9)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("latnets = 3", "Did you mean latents"),
        ("[fit]\nresamples = 3", "'fit.resamples'"),
        ("[magic]\nlatents = 3", "'magic'"),
        ("seed = 3", "fit.seed or comparison.seed"),
        ("[fit]\nlatents = 0", "latents=0"),
        ("[fit]\nlatents = '8'", "whole number"),
        ("[fit", "not TOML"),
    ],
)
def test_a_mistake_is_an_error_in_words(tmp_path, text, found):
    (tmp_path / "s.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=found):
        read_settings(tmp_path / "s.toml")


def test_a_name_of_two_sections_means_that_of_the_command():
    assert read_settings(changes=["seed=3"], section="comparison").comparison.seed == 3
    assert read_settings(changes=["seed=3"], section="fit").comparison.seed == 0


@pytest.mark.parametrize(
    ("text", "value"),
    [("0:400", [0, 400]), ("none", None), (" 3 ", 3), ("1e-3", 1e-3), ("false", False), ("auto", "auto"), ('"8"', "8")],
)
def test_values(text, value):
    assert parse_value(text) == value


@given(st.binary(max_size=200))
def test_any_file_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    try:
        settings = read_settings(path)
    except ValueError:
        return
    assert isinstance(settings.fit, nv.FitConfig)


@given(st.text("abdeilnopstmx_=.:0123456789[]{}- ", max_size=40))
def test_any_change_is_made_or_refused(text):
    try:
        settings = read_settings(changes=[text])
    except ValueError:
        return
    assert isinstance(settings.fit, nv.FitConfig)
