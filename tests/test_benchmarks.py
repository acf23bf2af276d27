"""The benchmarks: rooms that mirror the source, a table that lists them all, and pages made from what they stored."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = ROOT / "benchmarks"
SCRIPTS = {
    path.relative_to(BENCHMARKS).as_posix()
    for path in BENCHMARKS.glob("*/*.py")
    if path.name != "__init__.py" and not path.stem.endswith("tables")
}
TABLE = (BENCHMARKS / "README.md").read_text(encoding="utf-8")


def test_rooms_mirror_the_source():
    package = ROOT / "src" / "napari_varae"
    for room in {script.partition("/")[0] for script in SCRIPTS}:
        assert (package / room).is_dir() or (package / "core" / room).is_dir(), room


def test_the_table_lists_every_script():
    assert set(re.findall(r"^\| `(\w+/\w+\.py)`", TABLE, re.MULTILINE)) == SCRIPTS


def test_the_table_knows_what_is_stored():
    stored = {path.name for path in (BENCHMARKS / "results").glob("*.jsonl")}
    assert set(re.findall(r"`(\w+\.jsonl)`", TABLE)) == stored


@pytest.mark.parametrize("page", [*ROOT.glob("docs/**/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=str)
def test_pages_name_scripts_that_exist(page):
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"benchmarks/(\w+/\w+\.py)", text))
    named |= {f"{room}/{name}.py" for room, name in re.findall(r"benchmarks\.(\w+)\.(\w+)", text)}
    assert named <= SCRIPTS


@pytest.mark.long
def test_pages_are_made_from_the_stored_results():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.pages", "--check"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
