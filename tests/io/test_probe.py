"""What the caller wants of a file, and what is reported about it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_varae.errors import ChoiceError
from napari_varae.io.probe import Fact, Wanted

NAMES = st.lists(st.text("abc12", min_size=1, max_size=4), min_size=1, max_size=5, unique=True)


@given(names=NAMES, data=st.data())
def test_every_option_can_be_given_as_it_is_or_by_its_number(names: list[str], data: st.DataObject):
    number = data.draw(st.integers(0, len(names) - 1))
    assert Wanted(channel=names[number]).choose("f", {"channel": names}) == {"channel": number}
    assert Wanted(channel=number).choose("f", {"channel": names}) == {"channel": number}
    assert Wanted(plane=str(number)).choose("f", {"plane": range(len(names))}) == {"plane": number}


@given(channels=NAMES, planes=st.integers(1, 4))
def test_what_is_left_open_is_asked_for_at_once(channels: list[str], planes: int):
    options = {"channel": channels, "plane": range(planes)}
    several = {name: list(entries) for name, entries in options.items() if len(entries) > 1}
    if not several:
        assert Wanted().choose("f", options) == {"channel": 0, "plane": 0}
        return
    with pytest.raises(ChoiceError, match="'f' holds") as caught:
        Wanted().choose("f", options)
    assert caught.value.options == several


@pytest.mark.parametrize("wish", [-1, 2, 0.5, True, "c", "", None.__class__, [0]])
def test_what_is_not_there_is_refused(wish: object):
    with pytest.raises(ChoiceError, match="'f' has no channel"):
        Wanted(channel=wish).choose("f", {"channel": ["a", "b"]})


@given(value=st.one_of(st.floats(), st.text(), st.none(), st.integers()))
def test_facts_are_positive_numbers_of_a_size_that_can_be_meant(value: object):
    fact = Fact.positive(value, "from a file")
    if fact.value is None:
        assert fact.source == "not stored in the file"
    else:
        assert math.isfinite(fact.value)
        assert 1e-9 < fact.value < 1e9
