"""The plugin's page in napari's Preferences: what forms start with. The page is made from the settings models."""

from __future__ import annotations

from typing import Any, TypeVar

from napari_varae.core.settings import ComparisonConfig, FitConfig, Settings, WindowSettings

__all__ = ["PAGES", "configurations", "preferred"]

PAGES: dict[str, tuple[str, type[Settings]]] = {
    "training": ("Training", FitConfig),
    "comparison": ("Comparison", ComparisonConfig),
    "window": ("Window", WindowSettings),
}
"""Groups of the page: title, and the model whose simple settings it holds."""
BOUNDS = {
    "minimum": "minimum", "maximum": "maximum", "exclusiveMinimum": "exclusive_minimum",
    "exclusiveMaximum": "exclusive_maximum",
}  # fmt: skip

S = TypeVar("S", bound=Settings)


def configurations() -> dict[str, Any]:
    """Return what the manifest declares; a test holds that it does."""
    return {
        page: {
            "title": title,
            "properties": {
                name: _property(spec)
                for name, spec in model.model_json_schema()["properties"].items()
                if not spec["advanced"]
            },
        }
        for page, (title, model) in PAGES.items()
    }


def preferred(model: type[S]) -> S:
    """Return the settings that a form starts with: those of the Preferences; the defaults where they make no sense.

    Several settings may each be possible and not go together; the defaults are then used for all of them.
    """
    from napari.settings import get_plugin_settings

    page = next(page for page, (_, other) in PAGES.items() if other is model)
    try:
        chosen = getattr(get_plugin_settings("napari-varae"), page)
    except KeyError:  # the plugin is used without being installed as one
        return model()
    values = {name: getattr(chosen, name) for name in configurations()[page]["properties"]}
    try:
        return model().changed(**{name: _value(model, name, value) for name, value in values.items()})
    except ValueError:
        return model()


def _property(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the property of one setting; a number or a word is a text, since a property has one type."""
    unit = f" ({spec['unit']})" if spec["unit"] else ""
    found = {"type": spec.get("type", "string"), "default": spec["default"], "title": f"{spec['title']}{unit}"}
    found |= {name: spec[bound] for bound, name in BOUNDS.items() if bound in spec}
    if "enum" in spec:
        found["enum"] = list(spec["enum"])
    return {**found, "description": spec["description"]}


def _value(model: type[Settings], name: str, value: Any) -> Any:
    """Return a value as the model has it: a text that is a number is one, where the setting may be a number."""
    number = model.model_json_schema()["properties"][name].get("type") is None
    return int(value) if number and isinstance(value, str) and value.strip().isdecimal() else value
