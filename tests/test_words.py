"""The words that users and readers meet: those of the field, as the glossary has them.

Each entry of `INSTEAD` is a pattern that must not occur, and what to write. Code in backquotes is left out: names of
functions and settings have tests of their own.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "napari_varae"

INSTEAD = {
    r"\bdeal(s|t|ing)?\b": "permute, block permutation",
    r"\bstretch(es|ed)?\b": "block (of the permutation), range, part",
    r"\b(leav(e|es|ing)|left) over\b": "residual",
    r"\bhangs? together\b": "autocorrelated",
    r"(?<!\bthere )\b(is|are) no\b(?! (longer|worse|better|more|less|larger|smaller)\b)": "is not a ..., without a ...",
    r"\bbeside the (screen|window)\b": "in the background",
    r"\b(tell|tells|telling|told)\b": "report, show",
    r"\b(say|says|saying|said)\b": "report, show, state",
    r"\b(take|takes|taken|took|taking) away\b": "subtract",
    r"\banew\b": "again",
    r"\bat hand\b": "current",
    r"\bsurest\b": "largest (studentised) difference",
    r"(?<!\bat least )\bas large\b": "at least as large",
    r"(?<!standard )\bdeviations?\b": "SD",
}
"""A pattern, and what to write instead."""

PAGES = sorted([
    *ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md"), *ROOT.glob("benchmarks/*.md"),
])  # fmt: skip
MODULES = sorted(SOURCE.rglob("*.py"))
FORMS = sorted([
    SOURCE / "napari.yaml", ROOT / "mkdocs.yml", *ROOT.glob(".github/**/*.yml"), *ROOT.glob("examples/*.py"),
    *ROOT.glob("examples/*.ipynb"),
])  # fmt: skip
"""What is shown or read elsewhere: menus, forms for issues, examples."""


def complaints(text: str) -> Iterator[str]:
    """Words of a text that have a better one."""
    text = " ".join(re.sub(r"``?[^`\n]*``?", "``", text).split())
    for pattern, better in INSTEAD.items():
        for found in re.finditer(pattern, text, re.IGNORECASE):
            around = text[max(0, found.start() - 40) : found.end() + 20]
            yield f"{found[0]!r} in '... {around} ...'; write: {better}"


def strings(module: Path) -> Iterator[str]:
    """Docstrings and messages of a module: string literals with more than one word, attribute docstrings included."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield node.value


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize(
    "text", ["the blocks are dealt anew", "errors that hang together", "It is no VAR.", "p says so"]
)
def test_the_list_finds_what_it_should(text):
    assert list(complaints(text))


@pytest.mark.parametrize(
    "text", ["There is no frame.", "It is no worse.", "a standard deviation", "at least as large", "`stretches=8`"]
)
def test_the_list_spares_what_it_should(text):
    assert not list(complaints(text))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_words_of_a_page(page):
    assert list(complaints(page.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("form", FORMS, ids=name)
def test_words_of_menus_forms_and_examples(form):
    assert list(complaints(form.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.relative_to(SOURCE).as_posix())
def test_words_of_a_module(module):
    assert [found for text in strings(module) for found in complaints(text)] == []
