"""Forms bring back what they were given, and say in words what is wrong."""

import math
from typing import Literal, get_args, get_origin

import pytest
from annotated_types import Ge, Gt, Le, Lt
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent

from napari_varae.core.settings import ComparisonConfig, FitConfig
from napari_varae.core.simulation.settings import SimulationConfig
from napari_varae.widgets.parts.forms import SettingsForm
from napari_varae.widgets.parts.number_field import NumberField
from napari_varae.widgets.parts.setting_widgets import setting_widget
from napari_varae.widgets.parts.text import in_words

MODELS = (FitConfig, ComparisonConfig, SimulationConfig)
SETTINGS = [(model, name) for model in MODELS for name in model.model_fields]


def values(info):
    """All values that a setting may take."""
    bounds = {type(bound): bound for bound in info.metadata}
    low = bounds[Ge].ge if Ge in bounds else bounds[Gt].gt if Gt in bounds else None
    high = bounds[Le].le if Le in bounds else bounds[Lt].lt if Lt in bounds else None
    text = str(info.annotation)
    if info.annotation is bool:
        return st.booleans()
    if text.startswith("typing.Literal"):
        return st.sampled_from(info.annotation.__args__)
    if "tuple" in text:
        return st.none() | st.tuples(st.integers(), st.integers())
    if "float" in text:
        numbers = st.floats(
            low, high, exclude_min=Gt in bounds, exclude_max=Lt in bounds, allow_nan=False, allow_infinity=False
        )
    else:
        numbers = st.integers(low, high)
    words = [word for part in get_args(info.annotation) if get_origin(part) is Literal for word in get_args(part)]
    if words:
        return st.sampled_from(words) | st.integers(1, 64)
    return st.none() | numbers if "None" in text else numbers


@pytest.mark.parametrize(("model", "name"), SETTINGS, ids=lambda part: getattr(part, "__name__", part))
def test_every_field_brings_back_exactly_what_it_was_given(qapp, model, name):
    info = model.model_fields[name]
    field = setting_widget(name, info)

    @given(values(info))
    @examples(max_examples=40)
    def check(value):
        field.value = value
        found = field.value
        assert found == value
        assert type(found) is type(value)

    check()
    field.close()


@pytest.mark.parametrize("model", MODELS)
def test_every_form_starts_with_the_defaults(qtbot, model):
    form = SettingsForm(model)
    qtbot.addWidget(form)
    assert form.value() == model()
    assert form.fields.keys() == model.model_fields.keys()


def test_a_form_brings_back_settings_and_tells_of_changes(qtbot):
    form = SettingsForm(FitConfig)
    qtbot.addWidget(form)
    config = FitConfig(
        latents=7, learning_rate=3.7e-5, mode="two_stage", static_skip=False, frames=(10, 500), seed=2**40
    )
    with qtbot.waitSignal(form.changed):
        form.set_value(config)
    assert form.value() == config


def test_settings_that_are_set_elsewhere_keep_their_default(qtbot):
    form = SettingsForm(FitConfig, exclude=("frames",))
    qtbot.addWidget(form)
    assert "frames" not in form.fields
    assert form.value() == FitConfig()


def test_advanced_settings_are_folded_away(qtbot):
    form = SettingsForm(FitConfig)
    qtbot.addWidget(form)
    form.show()
    assert form.fields["learning_rate"].native.visibleRegion().isEmpty()
    form.advanced.expand()
    qtbot.waitUntil(lambda: not form.fields["learning_rate"].native.visibleRegion().isEmpty())


@pytest.mark.parametrize(
    ("name", "typed", "message"),
    [
        ("learning_rate", "fast", "Learning rate: 'fast' is not a number"),
        ("learning_rate", "0", "Learning rate must be greater than 0"),
        ("learning_rate", "nan", "Learning rate must be a finite number"),
        ("epochs", "2.5", "Epochs: '2.5' is not a whole number"),
        ("epochs", "", "Epochs: '' is not a whole number"),
        ("latents", "0", "Latents must be 'auto' or a whole number from 1 to 1024"),
    ],
)
def test_what_is_wrong_is_said_with_the_label(qtbot, name, typed, message):
    form = SettingsForm(FitConfig)
    qtbot.addWidget(form)
    form.fields[name].native.lineEdit().setText(typed)
    with pytest.raises(ValueError, match=message):
        form.value()


def test_a_rule_between_settings_is_said_too(qtbot):
    form = SettingsForm(SimulationConfig)
    qtbot.addWidget(form)
    form.fields["cells"].value = 4000
    with pytest.raises(ValueError, match=r"^4000 cells.* do not fit"):
        form.value()


def test_half_a_range_is_told(qtbot):
    form = SettingsForm(FitConfig)
    qtbot.addWidget(form)
    form.fields["frames"].native.ends[0].set_value(5)
    with pytest.raises(ValueError, match="Training frames: fill both ends"):
        form.value()


def test_numbers_can_be_typed(qtbot):
    field = NumberField(float, [Gt(0)])
    qtbot.addWidget(field)
    field.lineEdit().clear()
    with qtbot.waitSignal(field.changed):
        qtbot.keyClicks(field.lineEdit(), "1e-3")
    assert field.value() == 1e-3


@pytest.mark.parametrize(
    ("kind", "bounds", "start", "steps", "end"),
    [
        (float, [Gt(0), Le(1)], 1e-3, 1, 2e-3),
        (float, [Gt(0), Le(1)], 1e-3, -1, 9e-4),
        (float, [Ge(0)], 0.1, -1, 0.09),
        (float, [Ge(0)], 0, 1, 0.1),
        (float, [Ge(0)], 0, -1, 0),
        (float, [Lt(1)], 0.9, 1, 0.9),
        (float, [], 0.85, 1, 0.95),
        (int, [Ge(1), Le(10)], 10, 1, 10),
        (int, [Ge(1), Le(10)], 1, -1, 1),
        (int, [], 5, 10, 15),
    ],
)
def test_steps_follow_the_size_and_stay_in_bounds(qtbot, kind, bounds, start, steps, end):
    field = NumberField(kind, bounds)
    qtbot.addWidget(field)
    field.set_value(start)
    field.stepBy(steps)
    assert math.isclose(field.value(), end, rel_tol=1e-12)


@pytest.mark.parametrize("text", ["inf", "nan"])
def test_what_is_no_finite_number_steps_from_zero(qtbot, text):
    field = NumberField(float)
    qtbot.addWidget(field)
    field.lineEdit().setText(text)
    field.stepBy(1)
    assert field.value() == 0.1


def test_stepping_is_a_key_away(qtbot):
    field = NumberField(int)
    qtbot.addWidget(field)
    field.set_value(3)
    qtbot.keyClick(field, Qt.Key.Key_Up)
    assert field.value() == 4


@pytest.mark.parametrize("name", ["epochs", "device"])
def test_scrolling_over_a_field_changes_nothing(qtbot, qapp, name):
    field = setting_widget(name, FitConfig.model_fields[name])
    qtbot.addWidget(field.native)
    field.value = before = FitConfig.model_fields[name].default
    turn = QWheelEvent(
        QPointF(5, 5), QPointF(5, 5), QPoint(), QPoint(0, -120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    qapp.sendEvent(field.native, turn)
    assert field.value == before
    assert not turn.isAccepted()


def test_an_empty_field_is_none_where_it_may_be(qtbot):
    field = NumberField(float, [Gt(0)], empty="unknown")
    qtbot.addWidget(field)
    assert field.value() is None
    field.set_value(30)
    field.set_value(None)
    assert field.value() is None


def test_a_setting_of_an_unknown_kind_is_refused(qapp):
    from pydantic.fields import FieldInfo

    with pytest.raises(ValueError, match="No widget found for type <class 'dict'>"):
        setting_widget("odd", FieldInfo(annotation=dict))


def test_a_value_that_cannot_be_used_is_reported_below_its_field_until_it_is_another(qtbot):
    form = SettingsForm(FitConfig)
    qtbot.addWidget(form)
    form.show()
    for name, typed, words in (
        ("epochs", "many", "is not a whole number"),
        ("learning_rate", "0", "ust be greater than 0"),
    ):
        field = form.fields[name].native
        field.lineEdit().setText(typed)
        field.editingFinished.emit()
        assert words in field.complaint.text()
        assert field.complaint.isVisible()  # advanced settings are folded out
        assert field.styleSheet()
        qtbot.keyClicks(field.lineEdit(), "5")
        assert field.complaint.isHidden()
        assert not field.styleSheet()
        field.set_value(getattr(FitConfig(), name))


def test_an_error_of_a_form_is_no_notification(qtbot, notices):
    form = SettingsForm(FitConfig)
    qtbot.addWidget(form)
    form.fields["epochs"].native.lineEdit().setText("many")
    with in_words():
        form.value()
    assert "many" in form.fields["epochs"].native.complaint.text()
    assert not notices
