"""Numbers of latents as users write them."""

import pytest

from napari_varae.session.labels import parse_latents


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("3", [3]), ("1-5", [1, 2, 3, 4, 5]), ("7, 2 – 4, 3", [7, 2, 3, 4]), ("0 to 1; 5:6,", [0, 1, 5, 6])],
)
def test_numbers_and_ranges_are_read(text, numbers):
    assert parse_latents(text, 8) == numbers


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a", "'a' is not a number or a range"),
        ("1,,2", "'' is not"),
        ("8", "between 0 and 7"),
        ("5-1", "lower number first"),
    ],
)
def test_what_cannot_be_read_is_said_in_words(text, words):
    with pytest.raises(ValueError, match=words):
        parse_latents(text, 8)
