"""The whole journey in a real window, as a user would click through it: from a movie to a p-value.

On the simulated sample the figures are checked against its known truth.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_varae.core.files import replacing, write_file
from napari_varae.core.settings import ComparisonConfig, FitConfig
from napari_varae.core.simulation.settings import SAMPLE

if TYPE_CHECKING:
    from napari_varae.core.simulation.simulate import Simulation
    from napari_varae.session.session import Session

__all__ = ["run_demo"]

_PATIENCE = 600.0
"""Seconds that one step may take."""
LATENTS: dict[str, int | str] = {"footprints": "auto", "convolutional": 25}
"""Latents for the simulated sample: those of a convolutional network make a map of 5 x 5."""
ALWAYS = "no change is claimed where there is none (p > 0.01)"
"""What has to hold of any network; the other checks are about how well the footprints network finds cells."""


def run_demo(
    movie: str | None, output: str | Path, keep_open: bool, epochs: int = 8, network: str = "footprints"
) -> int:
    """Run the journey on a file, or on the simulated sample; return the exit status.

    Parameters
    ----------
    movie : str, optional
        A recording; the simulated sample when not given.
    output : path
        Folder for screenshots, fit, maps and comparison.
    keep_open : bool
        Whether the window stays for the user.
    epochs : int
        Most passes through the training frames.
    network : {"footprints", "convolutional"}
        The network that is trained.
    """
    import napari

    viewer = napari.Viewer(title="napari-varae demo")
    journey = _Journey(viewer, Path(output))
    try:
        passed = journey.run(movie, epochs, network)
    except BaseException:
        viewer.close()
        raise
    if keep_open:
        print("The window is yours; close it to end.")
        napari.run()
    else:
        viewer.close()
    return 0 if passed else 1


class _Journey:
    """The steps, and what they leave in the output folder."""

    def __init__(self, viewer: Any, output: Path) -> None:
        from napari_varae.session.session import session_of
        from napari_varae.widgets.workspace import open_workspace

        self.viewer, self.output = viewer, output
        output.mkdir(parents=True, exist_ok=True)
        viewer.window.resize(1600, 1000)
        self.panels = open_workspace(viewer)
        self.session: Session = session_of(viewer)
        self.figures: dict[str, Any] = {}

    def run(self, movie: str | None, epochs: int, network: str) -> bool:
        """Take all steps; return whether the figures agree with the truth, if there is one."""
        began = time.monotonic()
        truth = self.open(movie)
        latents = LATENTS[network] if truth else "auto"
        self.train(FitConfig.model_validate({"network": network, "latents": latents, "epochs": epochs}))
        self.look()
        self.compare(truth)
        self.figures["seconds"] = round(time.monotonic() - began, 1)
        checks = _checks(self.session, truth, self.figures) if truth else {}
        checks = {name: ok for name, ok in checks.items() if network == "footprints" or name == ALWAYS}
        report = {"figures": self.figures, "checks": {name: bool(ok) for name, ok in checks.items()}}
        write_file(self.output / "summary.json", json.dumps(report, indent=2) + "\n")
        for name, value in self.figures.items():
            print(f"{name:>32}  {value}")
        for name, ok in checks.items():
            print(f"{'ok' if ok else 'FAILED':>32}  {name}")
        print(f"Screenshots, fit, maps and comparison are in {self.output}/")
        return all(checks.values())

    def open(self, movie: str | None) -> Simulation | None:
        """Open the movie in the Movie dock."""
        panel = self.panels["Movie"]
        self.raise_dock("Movie")
        if movie is not None:
            panel.open(movie)
            self.wait(lambda: self.session.job == "idle")
            self.session.require_stack()
            self.screenshot("1-movie")
            return None
        from napari_varae.core.simulation.simulate import simulate

        panel.use_sample()
        self.wait(lambda: self.session.job == "idle")
        self.session.require_stack()
        self.screenshot("1-movie")
        return simulate(SAMPLE)

    def train(self, config: FitConfig) -> None:
        """Train with the Train dock."""
        panel = self.panels["Train"]
        self.raise_dock("Train")
        panel.form.set_value(config)
        panel.start_button.click()
        self.wait(lambda: len(self.session.history) >= 2 or self.session.job == "idle")
        self.screenshot("2-training")
        self.wait(lambda: self.session.job == "idle")
        fit = self.session.require_fit()
        fit.save(self.output / "fit.varae")
        best = [report for report in fit.history if report.best] or list(fit.history)
        self.figures["training seconds"] = round(fit.history[-1].seconds, 1)
        self.figures["held-out reconstruction FVE"] = round(best[-1].reconstruction_fve, 3)
        self.figures["held-out prediction FVE"] = round(best[-1].prediction_fve, 3)
        self.figures["coefficients per latent"] = round(best[-1].nonzeros_per_target, 1)

    def look(self) -> None:
        """Show the reconstruction and the contribution maps with the Look dock."""
        import tifffile

        panel = self.panels["Look"]
        self.raise_dock("Look")
        panel.views["reconstruction"].click()
        self.screenshot("3-reconstruction")
        for kind in ("effect", "driver"):
            panel.kind.setCurrentIndex(panel.kind.findData(kind))
            panel.map_button.click()
            self.wait(lambda: self.session.job == "idle")
            image = np.asarray(self.viewer.layers[-1].data)
            with replacing(self.output / f"{kind}-map.tif") as file:
                tifffile.imwrite(file, image)
        self.screenshot("4-driver-map")

    def compare(self, truth: Simulation | None) -> None:
        """Choose two ranges in the Time dock and compare them with the Compare dock."""
        n, gap = self.session.require_stack().n_frames, self.session.require_fit().var.order
        middle = n // 2 if truth is None else truth.config.change_at or n // 2
        quiet = (0, middle // 2), (middle // 2 + gap, middle)
        figures = {"p, change between A and B": ((0, middle - gap), (middle, n)), "p, same dynamics": quiet}
        panel = self.panels["Compare"]
        panel.form.set_value(ComparisonConfig())
        self.raise_dock("Compare")
        for name, (a, b) in reversed(figures.items()):
            self.session.set_range("a", a)
            self.session.set_range("b", b)
            panel.run_button.click()
            self.wait(lambda: self.session.job == "idle")
            result = self.session.comparison
            if result is None:
                raise RuntimeError("The comparison gave no result; see the notification in the window.")
            self.figures[name if truth else f"p, {a} against {b}"] = round(result.p_value, 4)
        self.screenshot("5-comparison")
        panel.export(str(self.output / "comparison.json"))
        panel.export(str(self.output / "comparison.csv"))

    def raise_dock(self, name: str) -> None:
        """Bring one of the tabs to the front."""
        dock = self.panels[name].parentWidget()
        dock.show()
        dock.raise_()
        self.settle()

    def screenshot(self, name: str) -> None:
        """Save a picture of the window."""
        self.settle()
        self.viewer.screenshot(str(self.output / f"{name}.png"), canvas_only=False, flash=False)

    def settle(self, seconds: float = 0.5) -> None:
        """Let the window draw."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end)

    def wait(self, done: Callable[[], bool]) -> None:
        """Run the window until something is done."""
        from qtpy.QtWidgets import QApplication

        deadline = time.monotonic() + _PATIENCE
        while not done():
            if time.monotonic() > deadline:
                raise TimeoutError(f"A step took more than {_PATIENCE:.0f} s.")
            QApplication.processEvents()
            time.sleep(0.01)


def _checks(session: Session, truth: Simulation, figures: dict[str, Any]) -> dict[str, bool]:
    """Hold the fit against the truth of the simulation."""
    from napari_varae.core.maps.contribution import contribution_map

    fit, stack = session.require_fit(), session.require_stack()
    latents = fit.encode(stack)
    cells = truth.traces.shape[1]
    related = np.abs(np.corrcoef(latents, truth.traces, rowvar=False)[:-cells, -cells:])
    match = related.argmax(0)
    true, found = truth.coefficients[0] != 0, np.abs(fit.var.coefficients[0])[np.ix_(match, match)]
    off = ~np.eye(cells, dtype=bool)
    driven_by = truth.footprints[truth.drivers]
    place = (driven_by > 0.1 * driven_by.max((1, 2), keepdims=True)).any(0)
    before = (0, truth.config.change_at or stack.n_frames)
    drivers = contribution_map(fit, stack, "driver", frames=before)
    figures["cells found (correlation > 0.8)"] = f"{int((related.max(0) > 0.8).sum())} of {cells}"
    figures["links: area under ROC"] = round(_roc_area(true[off], found[off]), 3)
    figures["driver map: area under ROC"] = round(_roc_area(place, drivers), 3)
    return {
        "at least 80 % of the cells have a latent": (related.max(0) > 0.8).mean() >= 0.8,
        "true links rank before others (area >= 0.75)": figures["links: area under ROC"] >= 0.75,
        "the driver map shows the driving cells (area >= 0.85)": figures["driver map: area under ROC"] >= 0.85,
        "the change is found (p <= 0.05)": figures["p, change between A and B"] <= 0.05,
        ALWAYS: figures["p, same dynamics"] > 0.01,
    }


def _roc_area(positive: np.ndarray[Any, Any], score: np.ndarray[Any, Any]) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative."""
    from scipy.stats import mannwhitneyu

    positive, score = positive.ravel(), score.ravel()
    yes, no = score[positive], score[~positive]
    return float(mannwhitneyu(yes, no).statistic / (len(yes) * len(no)))
