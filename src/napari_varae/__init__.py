"""Interactive analysis of two-photon calcium imaging with an l1-regularised VAR embedded in an autoencoder.

Importing this package loads neither Qt, napari nor torch: public names resolve when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_varae.core.compare import compare
    from napari_varae.core.compare_latents import compare_latents
    from napari_varae.core.comparison import Comparison
    from napari_varae.core.config import ComparisonConfig, FitConfig, SimulationConfig
    from napari_varae.core.contribution import contribution_map, difference_map
    from napari_varae.core.errors import FitFileError, PathError, StackError, TrainingError
    from napari_varae.core.evaluation import evaluate
    from napari_varae.core.fitfile import load_fit
    from napari_varae.core.lasso import LassoPath, entry_penalty, lasso, lasso_path
    from napari_varae.core.model import Fit
    from napari_varae.core.placebo import placebo
    from napari_varae.core.report import EpochReport
    from napari_varae.core.simulation import Simulation, simulate
    from napari_varae.core.stack import Stack
    from napari_varae.core.training import fit, train
    from napari_varae.core.var import VAR, estimate_var
    from napari_varae.io import open_stack

_HOME = {
    "Comparison": "core.comparison",
    "compare": "core.compare",
    "compare_latents": "core.compare_latents",
    "ComparisonConfig": "core.config",
    "FitConfig": "core.config",
    "SimulationConfig": "core.config",
    "contribution_map": "core.contribution",
    "difference_map": "core.contribution",
    "FitFileError": "core.errors",
    "PathError": "core.errors",
    "StackError": "core.errors",
    "TrainingError": "core.errors",
    "evaluate": "core.evaluation",
    "placebo": "core.placebo",
    "load_fit": "core.fitfile",
    "LassoPath": "core.lasso",
    "entry_penalty": "core.lasso",
    "lasso": "core.lasso",
    "lasso_path": "core.lasso",
    "Fit": "core.model",
    "Simulation": "core.simulation",
    "simulate": "core.simulation",
    "Stack": "core.stack",
    "EpochReport": "core.report",
    "fit": "core.training",
    "train": "core.training",
    "VAR": "core.var",
    "estimate_var": "core.var",
    "open_stack": "io",
}

__all__ = [
    "VAR", "Comparison", "ComparisonConfig", "EpochReport", "Fit", "FitConfig", "FitFileError", "LassoPath",
    "PathError", "Simulation", "SimulationConfig", "Stack", "StackError", "TrainingError", "__version__", "compare",
    "compare_latents", "contribution_map", "difference_map", "entry_penalty", "estimate_var", "evaluate", "fit",
    "lasso", "lasso_path", "load_fit", "open_stack", "placebo", "simulate", "train",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("napari-varae")
    if name not in _HOME:
        raise AttributeError(f"module 'napari_varae' has no attribute {name!r}")
    value = getattr(import_module(f"napari_varae.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
