"""A hook of mkdocs: a line `{{ settings FitConfig }}` becomes a table of those settings, from the model itself."""

import re
from typing import Any

import napari_varae

_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in the tables of one page."""
    return re.sub(r"^\{\{ settings (\w+) \}\}$", lambda match: _table(match[1]), markdown, flags=re.MULTILINE)


def _table(name: str) -> str:
    fields = getattr(napari_varae, name).model_json_schema()["properties"]
    rows = [
        f"| `{field}` | `{spec.get('default')!r}` | {_range(spec)} | {spec['description']} |"
        for field, spec in fields.items()
    ]
    return "\n".join(["| setting | default | range | what it is |", "| --- | --- | --- | --- |", *rows])


def _range(spec: dict[str, Any]) -> str:
    if "enum" in spec:
        return ", ".join(f"`{choice!r}`" for choice in spec["enum"])
    bounds = ", ".join(f"{sign} {spec[bound]:g}" for bound, sign in _BOUNDS.items() if bound in spec)
    return f"{bounds} {spec.get('unit', '')}".strip()
