"""The settings file: TOML with one section for each step, read strictly."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tomli_w

from napari_varae.core.settings import ComparisonConfig, FitConfig, Settings

__all__ = ["SECTIONS", "AnalysisSettings", "parse_value", "read_settings", "settings_text"]

_RANGE = re.compile(r"\s*(\d+)\s*:\s*(\d+)\s*")


class AnalysisSettings(Settings):
    """Settings of the steps of an analysis: `fit` of the training, `comparison` of the test."""

    fit: FitConfig = FitConfig()
    comparison: ComparisonConfig = ComparisonConfig()


SECTIONS: dict[str, type[Settings]] = {"fit": FitConfig, "comparison": ComparisonConfig}
"""The sections of a settings file, and what may stand in each."""


def read_settings(
    path: str | os.PathLike[str] | None = None,
    changes: Iterable[str] = (),
    section: str | None = None,
    base: AnalysisSettings | None = None,
) -> AnalysisSettings:
    """Read a settings file, and change single settings.

    A setting stands in its section, ``[fit]`` or ``[comparison]``, or before all sections where its name is enough.

    Parameters
    ----------
    path : path-like, optional
        A TOML file; all defaults when not given.
    changes : iterable of str
        Changes such as 'latents=64' or 'comparison.seed=1', applied in order after the file.
    section : {"fit", "comparison"}, optional
        The section meant by a name that several have, such as 'seed'.
    base : AnalysisSettings, optional
        What holds where neither the file nor a change has a value; the defaults when not given.

    Returns
    -------
    AnalysisSettings

    Raises
    ------
    ValueError
        When the file cannot be read, a name is unknown or in several sections, or a value is not possible.

    Examples
    --------
    >>> import napari_varae as nv
    >>> nv.read_settings(changes=["latents=32", "resamples=199"]).fit.latents
    32
    """
    found: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
    for name, value in _read(path).items():
        if name in SECTIONS and isinstance(value, dict):
            for key, single in value.items():
                _add(found, f"{name}.{key}", single, section, str(path))
        else:
            _add(found, name, value, section, str(path))
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals:
            raise ValueError(f"{change!r} changes nothing. Write KEY=VALUE, for example latents=64.")
        _add(found, key.strip(), parse_value(text), section, change)
    base = base or AnalysisSettings()
    return AnalysisSettings(
        fit=base.fit.changed(**found["fit"]), comparison=base.comparison.changed(**found["comparison"])
    )


def settings_text(settings: AnalysisSettings) -> str:
    """Write all settings as TOML; those that are None are left out, which reads back as None."""
    return tomli_w.dumps({name: _without_none(getattr(settings, name).model_dump(mode="json")) for name in SECTIONS})


def parse_value(text: str) -> Any:
    """Read a value as TOML has it, a range of frames such as 0:400, 'none', or else as a word.

    Examples
    --------
    >>> parse_value("64"), parse_value("0:400"), parse_value("auto"), parse_value("true")
    (64, [0, 400], 'auto', True)
    """
    text = text.strip()
    if match := _RANGE.fullmatch(text):
        return [int(match[1]), int(match[2])]
    if text.lower() == "none":
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _read(path: str | os.PathLike[str] | None) -> Mapping[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"The settings file {path} could not be read ({error}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"The settings file {path} is not TOML: {error}. A line reads, for example, latents = 64."
        ) from error


def _add(found: dict[str, dict[str, Any]], key: str, value: Any, section: str | None, where: str) -> None:
    """Put a value where it belongs."""
    head, dot, tail = key.partition(".")
    homes = (
        [head] if dot and head in SECTIONS else [name for name, model in SECTIONS.items() if key in model.model_fields]
    )
    name = tail if dot and head in SECTIONS else key
    if len(homes) > 1 and section in homes:
        homes = [section]
    if len(homes) > 1:
        choices = " or ".join(f"{home}.{name}" for home in homes)
        raise ValueError(f"{where}: {name!r} is a setting of several steps. Write {choices}.")
    if not homes or name not in SECTIONS[homes[0]].model_fields:
        raise ValueError(f"{where}: {_unknown(key, name, homes)}")
    found[homes[0]][name] = value


def _unknown(key: str, name: str, homes: list[str]) -> str:
    """Report a name that does not exist, with those that are nearly it."""
    known = [field for home in homes or SECTIONS for field in SECTIONS[home].model_fields]
    near = difflib.get_close_matches(name, known, 3)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(sorted(set(known)))}."
    return f"unknown setting {key!r}. {hint}"


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
