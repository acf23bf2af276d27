"""The rule of the house: arrows point only downwards, the core knows no screen, one module makes layers."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import napari_varae

SOURCE = Path(__file__).resolve().parents[1] / "src" / "napari_varae"

FLOORS = [
    {"errors"},
    {"core"},
    {"figures"},
    {"io"},
    {"session"},
    {"headless"},
    {"viewer"},
    {"widgets"},
    {"__init__"},
    {"demo"},
    {"cli"},
    {"__main__"},
]
"""The parts of the package, from the ground up. Each may import itself and what stands on the floors below."""
FLOOR = {name: level for level, names in enumerate(FLOORS) for name in names}

ROOMS = {
    "core": [
        {"__init__", "settings"},
        {"compute", "files", "settings_file"},
        {"movie", "lasso"},
        {"var", "components"},
        {"autoencoder"},
        {"simulation", "fit", "comparison.inference"},
        {"training", "maps", "experiment"},
        {"comparison"},
    ],
    "widgets": [{"__init__", "parts"}, {"jobs"}, {"boxes"}, {"panels"}, {"workspace", "dropped"}],
}
"""The rooms within a part, from the ground up, by the same rule."""

QT = {"qtpy", "PyQt5", "PyQt6", "PySide2", "PySide6", "superqt", "pyqtgraph", "vispy", "magicgui"}
SCREENLESS = ("errors", "core", "figures", "io", "session", "headless")
FORBIDDEN = {name: QT | {"napari"} for name in SCREENLESS} | {"viewer": QT}

TORCH_FREE_CORE = {
    "core/settings.py",
    "core/settings_file.py",
    "core/files.py",
    "core/movie",
    "core/simulation",
    "core/experiment",
}
"""The modules of the core that are needed before anything is computed."""

KINDS = ("image", "labels", "layer", "points", "shapes", "surface", "tracks", "vectors")
LAYER_MAKERS = {f"add_{kind}" for kind in KINDS}

PUBLIC = """
open_stack Stack StackError simulate SimulationConfig Simulation FitConfig train fit EpochReport TrainingError
Fit load_fit FitFileError evaluate contribution_map compare compare_latents Comparison lasso lasso_path LassoPath
DataError DataChoiceError Behaviour Cells Trials correlate_behaviour match_cells open_behaviour open_cells open_trials
open_frame_table
Analysis open_analysis export_nwb run_batch
difference_map entry_penalty estimate_var VAR PathError StoppedError Requirements estimate resume
"""
LONGEST_MODULE = 350

MODULES = {path.relative_to(SOURCE): ast.parse(path.read_text(encoding="utf-8")) for path in SOURCE.rglob("*.py")}
"""Every module of the package: its path within, and its syntax tree."""


def part(module: Path) -> str:
    """The part of the house that a module belongs to."""
    return module.parts[0].removesuffix(".py")


def dotted(module: Path) -> str:
    """The name under which a module is imported."""
    return ".".join(("napari_varae", *module.with_suffix("").parts)).removesuffix(".__init__")


def imports(module: Path, tree: ast.AST) -> Iterator[str]:
    """Full names of all that is imported anywhere below a node, relative imports resolved."""
    package = dotted(module).split(".") if module.name == "__init__.py" else dotted(module).split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
            yield from (arg.value for arg in node.args if isinstance(arg, ast.Constant))


def own_parts(names: Iterator[str]) -> set[str]:
    """The parts of this package among imported names; what is no part comes from its face."""
    found = {f"{name}.__init__".split(".")[1] for name in names if name.split(".")[0] == "napari_varae"}
    return {name if name in FLOOR else "__init__" for name in found}


def loaded_by(modules: list[str], suspects: set[str]) -> set[str]:
    """Which of the suspects are loaded after a fresh interpreter has imported these modules."""
    script = f"import sys\nfor name in {modules}: __import__(name)\nprint(*({suspects} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_every_part_has_a_place():
    assert {part(module) for module in MODULES} <= FLOOR.keys()


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_arrows_point_downwards(module):
    here = part(module)
    upwards = {name for name in own_parts(imports(module, MODULES[module])) if FLOOR[name] >= FLOOR[here]}
    assert not upwards - {here}


def room(names: list[str], rooms: list[set[str]]) -> tuple[str, int]:
    """The room that a dotted name below its part belongs to, and how high it lies; rooms may hold rooms."""
    for depth in (2, 1):
        name = ".".join(names[:depth]) or "__init__"
        for level, here in enumerate(rooms):
            if name in here:
                return name, level
    raise AssertionError(f"{'.'.join(names)} has no room; give it one in ROOMS")


@pytest.mark.parametrize("module", [m for m in MODULES if part(m) in ROOMS], ids=str)
def test_arrows_between_rooms_point_downwards(module):
    rooms = ROOMS[part(module)]
    here, level = room(dotted(module).split(".")[2:], rooms)
    for name in imports(module, MODULES[module]):
        _, *below = name.split(".")
        if below[:1] == [part(module)] and name.startswith("napari_varae."):
            there, its_level = room(below[1:], rooms)
            assert there == here or its_level < level, f"{here} imports {name}"


def test_rooms_say_what_they_are_for():
    for folder in {SOURCE / module.parent for module in MODULES} - {SOURCE}:
        text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
        assert text, f"{folder.name} has no sentence"


@pytest.mark.parametrize("module", [m for m in MODULES if part(m) in FORBIDDEN], ids=str)
def test_lower_parts_know_no_screen(module):
    assert not {name.split(".")[0] for name in imports(module, MODULES[module])} & FORBIDDEN[part(module)]


@pytest.mark.parametrize("room", ["panels", "boxes"])
def test_panels_and_boxes_do_not_import_their_like(room):
    folder = f"napari_varae.widgets.{room}"
    inside = {module: tree for module, tree in MODULES.items() if dotted(module).startswith(f"{folder}.")}
    assert len(inside) > 5
    for module, tree in inside.items():
        taken = {name for name in imports(module, tree) if name.startswith(f"{folder}.")}
        assert not taken, f"{dotted(module)} imports {taken}"


def test_only_the_viewer_room_makes_layers():
    makers = {}
    for module, tree in MODULES.items():
        classes = {name.split(".")[-1] for name in imports(module, tree) if name.startswith("napari.layers.")}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                grows = called.endswith(("layers.append", "layers.insert", "layers.extend"))
                builds = called in classes or "napari.layers." in called
                if grows or builds or called.rpartition(".")[2] in LAYER_MAKERS:
                    makers.setdefault(str(module), []).append(f"line {node.lineno}: {called}")
    assert {part(Path(module)) for module in makers} <= {"viewer"}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_modules_are_read_in_one_sitting(module):
    lines = (SOURCE / module).read_text(encoding="utf-8").count("\n")
    assert lines <= LONGEST_MODULE


def test_the_package_loads_nothing_heavy():
    assert not loaded_by(["napari_varae"], QT | {"napari", "torch", "scipy", "numpy"})


def test_the_command_line_loads_nothing_heavy():
    assert not loaded_by(["napari_varae.cli"], QT | {"napari", "torch", "scipy", "numpy"})


@pytest.mark.long
def test_core_and_io_load_no_screen():
    low = [dotted(m) for m in MODULES if part(m) in {"errors", "core", "figures", "io", "headless"}]
    assert not loaded_by(low, QT | {"napari"})


@pytest.mark.long
def test_session_and_layers_load_no_qt():
    middle = [dotted(m) for m in MODULES if part(m) in {"session", "viewer"}]
    assert not loaded_by(middle, QT - {"vispy", "magicgui"})


@pytest.mark.long
def test_nothing_but_the_computing_core_loads_torch():
    house = [m for m in MODULES if FLOOR["core"] < FLOOR[part(m)] <= FLOOR["widgets"]]
    house += [m for m in MODULES if str(m).startswith(tuple(TORCH_FREE_CORE))]
    assert not loaded_by([dotted(m) for m in house], {"torch"})


@pytest.mark.parametrize("name", PUBLIC.split())
def test_public_names_resolve(name):
    assert name in napari_varae.__all__
    assert getattr(napari_varae, name).__module__.startswith("napari_varae.")


def test_nothing_else_resolves():
    with pytest.raises(AttributeError, match="no_such_name"):
        napari_varae.no_such_name  # noqa: B018 - the lookup is the test
    assert set(dir(napari_varae)) == set(napari_varae.__all__)
    assert all(hasattr(napari_varae, name) for name in napari_varae.__all__)
