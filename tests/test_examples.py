"""What a reader copies runs as it stands: the scripts in `examples/`, and the code in the README and the docs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

import napari_varae as nv

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.long
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
EXTRACTOR = """
import numpy as np

class extractor:
    get_sampling_frequency = lambda: 30.0
    get_series = lambda start, stop: np.random.rand(200, 20, 20)[start:stop]
    get_num_samples = lambda: 200
    get_image_shape = lambda: (20, 20)
    get_dtype = lambda: np.dtype("float64")
"""
"""What an object of another package looks like."""
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]


def run(folder: Path, *arguments: object) -> str:
    """Run Python in a folder, with warnings as errors."""
    command = [sys.executable, "-W", "error", *map(str, arguments)]
    quiet = os.environ | {"OMP_NUM_THREADS": "1"}  # threads of small fits only wait for each other
    done = subprocess.run(command, cwd=folder, env=quiet, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def code(page: Path) -> str:
    """Return the Python code of a page, one block after the other."""
    return "\n".join(re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_example(script, tmp_path):
    assert run(tmp_path, script)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(notebook, tmp_path):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") for cell in cells)  # they are made by whoever runs it
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    (tmp_path / "notebook.py").write_text(text, encoding="utf-8")
    assert "p = " in run(tmp_path, "notebook.py")


def test_the_table_lists_every_example():
    table = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+\.\w+)`", table, re.MULTILINE)) == {path.name for path in EXAMPLES + NOTEBOOKS}


def write(path: Path, movie: np.ndarray) -> None:
    """Write a movie as the pages call it."""
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["raw/movie"] = movie
    elif path.stem == "two_channels":
        names = {"axes": "TCYX", "Channel": {"Name": ["Channel 1", "Channel 2"]}}
        tifffile.imwrite(path, np.stack([movie, movie], 1), ome=True, metadata=names)
    elif path.stem == "masks":
        tifffile.imwrite(path, np.repeat(np.uint16([1, 2]), movie[0].size // 2).reshape(movie.shape[1:]))
    elif path.stem == "piezo":
        tifffile.imwrite(path, np.stack(3 * [movie], 1), ome=True, metadata={"axes": "TZYX"})
    else:
        tifffile.imwrite(path, movie, metadata={"axes": "TYX"})


@pytest.mark.parametrize("page", [page for page in PAGES if "open_stack" in code(page)], ids=lambda page: page.stem)
def test_code_of_a_page(page, tmp_path):
    text = code(page).replace("latents=64", "latents=4, epochs=0")
    stack = nv.simulate(nv.SimulationConfig(frames=2000, height=24, width=24, cells=3, seed=0)).stack
    for name in set(re.findall(r"\w+\.(?:tif|h5)\b", text)):
        write(tmp_path / name, stack.read())
    (tmp_path / "frames.csv").write_text("frame,bad\n7,1\n8,0\n", encoding="utf-8")
    speed = "".join(f"{t},{t % 7}\n" for t in range(80))
    (tmp_path / "running.csv").write_text(f"time,speed\n{speed}", encoding="utf-8")
    if "folder_of_a_series" in text:
        (tmp_path / "folder_of_a_series").mkdir()
        for i, part in enumerate(np.array_split(stack.read(), 3)):
            write(tmp_path / "folder_of_a_series" / f"movie_{i}.tif", part)
    (tmp_path / "page.py").write_text((EXTRACTOR if "extractor." in text else "") + text, encoding="utf-8")
    run(tmp_path, "page.py")


@pytest.mark.parametrize("page", [p for p in PAGES if "lasso" in code(p)], ids=lambda path: path.stem)
def test_code_of_a_page_about_the_path(page, tmp_path):
    (tmp_path / "page.py").write_text(code(page), encoding="utf-8")
    run(tmp_path, "page.py")
