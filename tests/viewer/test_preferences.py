"""The Preferences page and the settings models agree, and forms start with what it holds."""

import pytest
from napari.settings import get_plugin_settings
from npe2 import PluginManifest

import napari_varae
from napari_varae.core.settings import ComparisonConfig, FitConfig, WindowSettings
from napari_varae.viewer.preferences import PAGES, configurations, preferred


@pytest.fixture
def pages():
    """The pages as napari has them; put back to the defaults."""
    settings = get_plugin_settings("napari-varae")
    yield settings
    for page, declared in configurations().items():
        for name, spec in declared["properties"].items():
            setattr(getattr(settings, page), name, spec["default"])


def test_the_manifest_holds_what_the_models_hold():
    manifest = PluginManifest.from_distribution("napari-varae")
    declared = {
        page: found.model_dump(exclude_unset=True) for page, found in manifest.contributions.configurations.items()
    }
    assert declared == configurations(), "run tools/preferences.py"


def test_every_simple_setting_is_there_and_the_defaults_are_the_same(pages):
    for page, (_, model) in PAGES.items():
        names = {name for name, field in model.model_fields.items() if not field.json_schema_extra["advanced"]}
        assert set(type(getattr(pages, page)).model_fields) == names
        assert preferred(model) == model()


def test_what_is_chosen_is_used(pages):
    pages.training.latents, pages.training.epochs, pages.training.sparsity = "64", 7, "ebic"
    pages.comparison.level = 0.01
    pages.window.autosave = False
    assert preferred(FitConfig) == FitConfig(latents=64, epochs=7, sparsity="ebic")
    assert preferred(ComparisonConfig) == ComparisonConfig(level=0.01)
    assert not preferred(WindowSettings).autosave


def test_what_does_not_go_together_is_not_used(pages):
    pages.comparison.resamples, pages.comparison.level = 19, 0.001
    assert preferred(ComparisonConfig) == ComparisonConfig()
    pages.training.latents = "many"
    assert preferred(FitConfig) == FitConfig()


def test_without_the_plugin_the_defaults_are_used(monkeypatch):
    def missing(_name):
        raise KeyError("napari-varae")

    monkeypatch.setattr("napari.settings.get_plugin_settings", missing)
    assert preferred(FitConfig) == FitConfig()
    assert napari_varae.FitConfig is FitConfig
