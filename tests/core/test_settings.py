"""Settings: one spelling for form, file and command line, with bounds that hold."""

import math
from typing import Literal, get_args, get_origin

import pytest
from annotated_types import Ge, Gt, Le, Lt
from hypothesis import given, reject
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from napari_varae.core.settings import ComparisonConfig, FitConfig, Settings
from napari_varae.core.simulation.settings import SimulationConfig

CLASSES = [FitConfig, ComparisonConfig, SimulationConfig]
FIELDS = [pytest.param(c, n, f, id=f"{c.__name__}.{n}") for c in CLASSES for n, f in c.model_fields.items()]
ROOMY = {"height": 512, "width": 512, "soma_radius": 2.0, "frames": 1000}
"""So large that one setting at a time fits with it, most of the time."""


def limits(field: FieldInfo) -> dict[type, float]:
    return {type(m): getattr(m, type(m).__name__.lower()) for m in field.metadata if isinstance(m, Ge | Gt | Le | Lt)}


def values(field: FieldInfo) -> st.SearchStrategy:
    """Values that the bounds of one setting allow."""
    bounds, kind = limits(field), field.annotation
    low, high = bounds.get(Ge, bounds.get(Gt)), bounds.get(Le, bounds.get(Lt))
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if kind is bool:
        return st.booleans()
    if kind is float:
        return st.floats(low, high, exclude_min=Gt in bounds, exclude_max=Lt in bounds)
    if kind is int:
        return st.integers(low, high)
    return st.just(field.default)


def some(cls: type[Settings]) -> st.SearchStrategy:
    """Settings with any one value changed from the default."""
    name = st.sampled_from(sorted(cls.model_fields))
    return name.flatmap(lambda n: values(cls.model_fields[n]).map(lambda value: {n: value}))


@pytest.mark.parametrize("cls", CLASSES)
@given(data=st.data())
def test_settings_survive_a_file(cls: type[Settings], data: st.DataObject):
    start = ROOMY if cls is SimulationConfig else {}
    try:
        settings = cls(**{**start, **data.draw(some(cls))})
    except ValidationError as error:
        if any(e["type"] != "value_error" for e in error.errors()):
            raise
        reject()  # a pair of settings that do not go together
    assert cls.model_validate_json(settings.model_dump_json()) == settings
    assert cls(**settings.model_dump()) == settings


@pytest.mark.parametrize("cls", CLASSES)
def test_defaults_are_valid(cls: type[Settings]):
    assert cls.model_validate(cls().model_dump()) == cls()


@pytest.mark.parametrize(("cls", "name", "field"), FIELDS)
def test_every_setting_tells_what_it_is(cls: type[Settings], name: str, field: FieldInfo):
    assert field.title, "the label in the form"
    if field.json_schema_extra is None:
        pytest.fail(f"{name} says neither its unit nor whether it is advanced")
    assert field.description
    assert field.description.endswith(".")
    assert set(field.json_schema_extra) == {"unit", "advanced"}
    assert cls.model_json_schema()["properties"][name]["description"] == field.description


@pytest.mark.parametrize(("cls", "name", "field"), [p for p in FIELDS if limits(p.values[2])])
def test_bounds_hold(cls: type[Settings], name: str, field: FieldInfo):
    for kind, bound in limits(field).items():
        outwards = -1 if kind in (Ge, Gt) else 1
        is_open, is_float = kind in (Gt, Lt), field.annotation is float
        step = abs(bound) * 1e-6 + 1e-12 if is_float else 1
        for wrong in [bound + outwards * step] + ([bound] if is_open else []):
            with pytest.raises(ValidationError) as caught:
                cls(**{name: wrong})
            assert [e["loc"] for e in caught.value.errors()] == [(name,)]


@pytest.mark.parametrize(("cls", "name", "field"), [p for p in FIELDS if p.values[2].annotation in (int, float)])
@pytest.mark.parametrize("wrong", ["many", None, math.nan, math.inf, [1], 1.5j])
def test_other_types_are_refused(cls: type[Settings], name: str, field: FieldInfo, wrong: object):
    with pytest.raises(ValidationError):
        cls(**{name: wrong})


@pytest.mark.parametrize("cls", CLASSES)
@given(name=st.text(min_size=1), value=st.integers())
def test_unknown_names_are_refused(cls: type[Settings], name: str, value: int):
    if name not in cls.model_fields:
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            cls(**{name: value})


@pytest.mark.parametrize("cls", CLASSES)
def test_settings_are_frozen(cls: type[Settings]):
    settings = cls()
    with pytest.raises(ValidationError, match="frozen"):
        settings.seed = 3
    assert hash(settings) == hash(cls())


def test_a_choice_is_one_of_the_listed():
    with pytest.raises(ValidationError, match="'cpu', 'cuda' or 'mps'"):
        FitConfig(device="tpu")
