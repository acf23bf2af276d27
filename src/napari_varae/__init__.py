"""Interactive analysis of two-photon calcium imaging with an l1-regularised VAR embedded in an autoencoder.

Importing this package loads neither Qt, napari nor torch: public names resolve when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_varae.core.comparison.compare import compare
    from napari_varae.core.comparison.conditions import Conditions, compare_conditions
    from napari_varae.core.comparison.difference_map import difference_map
    from napari_varae.core.comparison.latents import compare_latents
    from napari_varae.core.comparison.placebo import placebo
    from napari_varae.core.comparison.restore import open_comparison
    from napari_varae.core.comparison.result import Comparison
    from napari_varae.core.comparison.robustness import Robustness, robustness
    from napari_varae.core.experiment.behaviour import Behaviour
    from napari_varae.core.experiment.cells import Cells
    from napari_varae.core.experiment.correlation import correlate_behaviour
    from napari_varae.core.experiment.match import match_cells
    from napari_varae.core.experiment.trials import Trials
    from napari_varae.core.fit.evaluate import evaluate
    from napari_varae.core.fit.fit import Fit
    from napari_varae.core.fit.load import load_fit
    from napari_varae.core.fit.report import EpochReport
    from napari_varae.core.lasso.estimate import entry_penalty, lasso
    from napari_varae.core.lasso.path import LassoPath, lasso_path
    from napari_varae.core.maps.contribution import contribution_map
    from napari_varae.core.maps.frame_contributions import FrameContributions
    from napari_varae.core.movie.stack import Stack
    from napari_varae.core.settings import ComparisonConfig, FitConfig
    from napari_varae.core.settings_file import AnalysisSettings, read_settings
    from napari_varae.core.simulation.settings import SimulationConfig
    from napari_varae.core.simulation.simulate import Simulation, simulate
    from napari_varae.core.training.along_path import AlongPath, prediction_along_path
    from napari_varae.core.training.choice import Choice, choose
    from napari_varae.core.training.requirements import Requirements, estimate
    from napari_varae.core.training.train import fit, resume, train
    from napari_varae.core.var.estimate import estimate_var
    from napari_varae.core.var.model import VAR
    from napari_varae.errors import (
        ChoiceError,
        DataChoiceError,
        DataError,
        FitFileError,
        PathError,
        StackError,
        StoppedError,
        TrainingError,
    )  # fmt: skip
    from napari_varae.figures.comparison import draw_null, draw_placebo
    from napari_varae.figures.maps import draw_map
    from napari_varae.figures.paper import save_figure
    from napari_varae.figures.traces import draw_traces
    from napari_varae.figures.training import draw_choice, draw_training
    from napari_varae.figures.trajectory import draw_trajectory
    from napari_varae.figures.var import draw_matrix, draw_path
    from napari_varae.headless.batch import run_batch
    from napari_varae.io import open_stack
    from napari_varae.io.analysis import Analysis, open_analysis
    from napari_varae.io.behaviour import open_behaviour
    from napari_varae.io.cells import open_cells
    from napari_varae.io.frame_table import open_frame_table
    from napari_varae.io.nwb_export import export_nwb
    from napari_varae.io.trials import open_trials

_HOME = {
    "Comparison": "core.comparison.result",
    "Conditions": "core.comparison.conditions",
    "compare_conditions": "core.comparison.conditions",
    "compare": "core.comparison.compare",
    "compare_latents": "core.comparison.latents",
    "AnalysisSettings": "core.settings_file",
    "ComparisonConfig": "core.settings",
    "FitConfig": "core.settings",
    "SimulationConfig": "core.simulation.settings",
    "contribution_map": "core.maps.contribution",
    "FrameContributions": "core.maps.frame_contributions",
    "AlongPath": "core.training.along_path",
    "prediction_along_path": "core.training.along_path",
    "difference_map": "core.comparison.difference_map",
    "Behaviour": "core.experiment.behaviour",
    "Cells": "core.experiment.cells",
    "Trials": "core.experiment.trials",
    "correlate_behaviour": "core.experiment.correlation",
    "match_cells": "core.experiment.match",
    "DataChoiceError": "errors",
    "DataError": "errors",
    "ChoiceError": "errors",
    "FitFileError": "errors",
    "PathError": "errors",
    "StackError": "errors",
    "StoppedError": "errors",
    "TrainingError": "errors",
    "evaluate": "core.fit.evaluate",
    "placebo": "core.comparison.placebo",
    "Robustness": "core.comparison.robustness",
    "robustness": "core.comparison.robustness",
    "load_fit": "core.fit.load",
    "LassoPath": "core.lasso.path",
    "entry_penalty": "core.lasso.estimate",
    "lasso": "core.lasso.estimate",
    "lasso_path": "core.lasso.path",
    "Fit": "core.fit.fit",
    "Simulation": "core.simulation.simulate",
    "simulate": "core.simulation.simulate",
    "Stack": "core.movie.stack",
    "EpochReport": "core.fit.report",
    "fit": "core.training.train",
    "Choice": "core.training.choice",
    "choose": "core.training.choice",
    "Requirements": "core.training.requirements",
    "estimate": "core.training.requirements",
    "resume": "core.training.train",
    "train": "core.training.train",
    "read_settings": "core.settings_file",
    "draw_choice": "figures.training",
    "draw_map": "figures.maps",
    "draw_matrix": "figures.var",
    "draw_null": "figures.comparison",
    "draw_path": "figures.var",
    "draw_placebo": "figures.comparison",
    "draw_traces": "figures.traces",
    "draw_training": "figures.training",
    "draw_trajectory": "figures.trajectory",
    "save_figure": "figures.paper",
    "run_batch": "headless.batch",
    "VAR": "core.var.model",
    "estimate_var": "core.var.estimate",
    "Analysis": "io.analysis",
    "open_analysis": "io.analysis",
    "export_nwb": "io.nwb_export",
    "open_comparison": "core.comparison.restore",
    "open_behaviour": "io.behaviour",
    "open_cells": "io.cells",
    "open_frame_table": "io.frame_table",
    "open_stack": "io",
    "open_trials": "io.trials",
}

__all__ = [
    "VAR", "AlongPath", "Analysis", "AnalysisSettings", "Behaviour", "Cells", "Choice", "ChoiceError", "Comparison",
    "ComparisonConfig", "Conditions", "DataChoiceError", "DataError", "EpochReport", "Fit", "FitConfig", "FitFileError",
    "FrameContributions", "LassoPath", "PathError", "Requirements", "Robustness", "Simulation", "SimulationConfig",
    "Stack", "StackError", "StoppedError", "TrainingError", "Trials", "__version__", "choose", "compare",
    "compare_conditions", "compare_latents", "contribution_map", "correlate_behaviour", "difference_map", "draw_choice",
    "draw_map", "draw_matrix", "draw_null", "draw_path", "draw_placebo", "draw_traces", "draw_training",
    "draw_trajectory", "entry_penalty", "estimate", "estimate_var", "evaluate", "export_nwb", "fit", "lasso",
    "lasso_path", "load_fit", "match_cells", "open_analysis", "open_behaviour", "open_cells", "open_comparison",
    "open_frame_table", "open_stack", "open_trials", "placebo", "prediction_along_path", "read_settings", "resume",
    "robustness", "run_batch", "save_figure", "simulate", "train",
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
