"""What a user installs: the wheel, built, looked into, and used where this checkout is not known."""

import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from email import message_from_string
from pathlib import Path

import pytest
from npe2 import PluginManifest

ROOT = Path(__file__).resolve().parents[1]

OPEN_EVERY_DOCK = """
import sys, napari, napari_varae, npe2
assert napari_varae.__file__.startswith(sys.prefix), napari_varae.__file__
viewer = napari.Viewer(show=False)
for widget in npe2.PluginManager.instance().get_manifest("napari-varae").contributions.widgets or ():
    viewer.window.add_plugin_dock_widget("napari-varae", widget.display_name)
print("torch" in sys.modules)
viewer.close()
"""


def run(*command: object, timeout: float = 120) -> str:
    """Run a command to its end and return what it printed."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # not the checkout's
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, timeout=timeout, check=False, cwd="/", env=own
    )
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built offline with the backend that is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    run(*pip, "--wheel-dir", folder, ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """Python of a fresh environment with the wheel; its dependencies are those of the environment of the tests.

    They come in by a path file. Path files are not followed further, so an editable checkout stays out.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    here = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    (site / "dependencies.pth").write_text("\n".join(here), encoding="utf-8")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel)
    return python


def test_wheel_carries_manifest_types_and_licence(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {"napari_varae/napari.yaml", "napari_varae/py.typed"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"napari_varae"}
    assert not [name for name in names if "tests" in name or name.endswith(".pyc")]
    source = {f"napari_varae/{p.relative_to(ROOT / 'src/napari_varae').as_posix()}" for p in ROOT.glob("src/**/*.py")}
    assert source <= set(names)


def test_base_install_brings_no_qt_binding_and_all_brings_one(wheel):
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("METADATA")]
        metadata = message_from_string(archive.read(name).decode())
    assert "Framework :: napari" in metadata.get_all("Classifier")
    bindings = ("pyqt5", "pyqt6", "pyside2", "pyside6")
    needs = [line for line in metadata.get_all("Requires-Dist") if any(b in line.lower() for b in bindings)]
    conditions = {line.partition(";")[2].strip() for line in needs}
    assert "extra == 'all'" in conditions
    assert conditions <= {"extra == 'all'", "extra == 'dev'"}


@pytest.mark.long
def test_installed_wheel_opens_every_dock_without_torch(installed):
    assert run(installed, "-m", "npe2", "validate", "napari-varae").count("valid") == 1
    assert run(installed, "-c", OPEN_EVERY_DOCK).strip() == "False"


def test_manifest_commands_can_be_imported():
    manifest = PluginManifest.from_file(ROOT / "src" / "napari_varae" / "napari.yaml")
    manifest.validate_imports()


@pytest.mark.skipif(sys.platform == "win32", reason="git makes a plain file of a link there")
def test_top_level_manifest_is_the_packaged_one():
    link = ROOT / "napari.yaml"
    assert link.resolve() == (ROOT / "src" / "napari_varae" / "napari.yaml").resolve()


def test_version_is_spelled_alike_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
