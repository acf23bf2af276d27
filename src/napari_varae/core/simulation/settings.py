"""Settings of a simulated recording, and the scenarios on which the method is judged."""

from __future__ import annotations

import math
from typing import Self

from pydantic import model_validator

from napari_varae.core.settings import Settings, setting

__all__ = ["SAMPLE", "SCENARIOS", "SimulationConfig"]

MAX_GIGABYTES = 16
"""The largest simulation in memory."""


class SimulationConfig(Settings):
    """A simulated two-photon recording with everything known."""

    frames: int = setting(
        1000, "Number of frames T.", label="Frames", unit="frames", advanced=False, ge=20, le=1_000_000
    )
    height: int = setting(64, "Image height Y.", label="Height", unit="px", advanced=False, ge=16, le=4096)
    width: int = setting(64, "Image width X.", label="Width", unit="px", advanced=False, ge=16, le=4096)
    cells: int = setting(16, "Number of cells N with VAR dynamics.", label="Cells", advanced=False, ge=1, le=4096)
    distractors: int = setting(
        0, "Number of flickering places without a temporal rule.", label="Distractors", advanced=False, ge=0, le=4096
    )
    silent: int = setting(
        0, "Number of cells that are bright and never change.", label="Silent cells", advanced=False, ge=0, le=4096
    )
    frame_rate: float = setting(10.0, "Frame rate.", label="Frame rate", unit="Hz", gt=0, le=10_000)
    pixel_size: float = setting(1.0, "Edge of a pixel.", label="Pixel size", unit="um", ge=0.01, le=100)
    soma_radius: float = setting(4.5, "Mean radius of a cell body.", label="Soma radius", unit="um", ge=0.1, le=100)
    ring_share: float = setting(
        0.6, "Share of cells whose nucleus is dark, so that they look like rings.", label="Share of rings", ge=0, le=1
    )
    order: int = setting(1, "Order p of the VAR among cells.", label="VAR order", unit="frames", ge=1, le=5)
    density: float = setting(0.06, "Share of ordered cell pairs joined by an edge.", label="Edge density", ge=0, le=1)
    decay: float = setting(0.7, "Autoregression of a cell on itself from frame to frame.", label="Decay", ge=0, le=0.99)
    events: float = setting(
        0.5,
        "Shape of the gamma distribution of what drives each cell: small for rare, large events.",
        label="Events",
        ge=0.01,
        le=100,
    )
    coupling: float = setting(
        0.3,
        "Size of a coefficient between two cells; less where the VAR would not be stable.",
        label="Coupling",
        ge=0,
        lt=1,
    )
    change_at: int | None = setting(
        None, "Frame from which other coefficients hold; none when not given.", label="Change at", unit="frames", ge=1
    )
    change_share: float = setting(
        0.5, "Share of the edges that join other cells after the change.", label="Share changed", gt=0, le=1
    )
    signal: float = setting(
        0.4, "Standard deviation of a cell's fluctuation relative to its brightness.", label="Signal", ge=0, le=10
    )
    photons: float = setting(
        15.0, "Mean photon count of a bright pixel: sets the shot noise.", label="Photons", unit="photons", ge=1, le=1e6
    )
    smear: float = setting(
        0.0, "Share of a pixel's light that the detector reports in each neighbour.", label="Smear", ge=0, le=0.25
    )
    neuropil: float = setting(
        0.05,
        "Standard deviation of the shared neuropil fluctuation relative to its brightness.",
        label="Neuropil",
        ge=0,
        le=10,
    )
    spacing: float = setting(
        2.2,
        "Smallest distance between the centres of cells, where there is room; below 2 they lie above each other.",
        label="Spacing",
        unit="soma radii",
        ge=0,
        le=100,
    )
    surround: float = setting(
        0.0,
        "How far the neuropil around a cell follows it: the neuropil's share in the cell's footprint, relative to the "
        "cell's own fluctuation.",
        label="Surround",
        ge=0,
        le=10,
    )
    bleaching: float = setting(
        0.1, "Share of brightness lost by bleaching over the movie.", label="Bleaching", ge=0, lt=1
    )
    brightness: float = setting(
        0.0,
        "Standard deviation of slow changes of the brightness of the whole image, such as those of a laser: a factor.",
        label="Brightness",
        ge=0,
        le=0.3,
    )
    saturation: float = setting(
        0.0,
        "How strongly the indicator saturates: with s, activity of u SD above its lowest shows as log(1 + s u) / s.",
        label="Saturation",
        ge=0,
        le=100,
    )
    jitter: float = setting(0.3, "Standard deviation of motion.", label="Jitter", unit="px", ge=0, le=10)
    seed: int = setting(0, "Seed of everything random.", label="Seed", advanced=False, ge=0)

    @property
    def edges(self) -> int:
        """Number of edges between cells."""
        return round(self.density * self.cells * (self.cells - 1))

    @model_validator(mode="after")
    def _check(self) -> Self:
        radius = self.soma_radius / self.pixel_size
        if radius < 1:
            raise ValueError(
                f"A soma of radius {self.soma_radius:g} um is smaller than a pixel of {self.pixel_size:g} um: "
                "choose smaller pixels or larger somata."
            )
        if 2 * radius > min(self.height, self.width):
            raise ValueError(
                f"A soma of radius {radius:.3g} px is wider than an image of {self.height} x {self.width} pixels: "
                "choose smaller somata, larger pixels or a larger image."
            )
        room = math.floor(0.8 * self.height * self.width / (math.pi * radius**2))
        if self.cells + self.distractors + self.silent > room:
            raise ValueError(
                f"{self.cells} cells, {self.distractors} distractors and {self.silent} silent cells of radius "
                f"{radius:.3g} px do not fit into {self.height} x {self.width} pixels; at most {room} do. Choose "
                "fewer, or a larger image."
            )
        if self.change_at is not None and self.change_at >= self.frames:
            raise ValueError(f"change_at={self.change_at} lies outside the movie: choose a frame below {self.frames}.")
        if self.change_at is not None and self.edges == 0:
            raise ValueError("There is no edge to change: choose a higher density, more cells, or no change_at.")
        gigabytes = (
            self.height * self.width * (6 * self.frames + 8 * (self.cells + self.distractors + self.silent)) / 1e9
        )
        if gigabytes > MAX_GIGABYTES:
            raise ValueError(
                f"The simulation would take {gigabytes:.0f} GB of memory, the limit is {MAX_GIGABYTES}: "
                "choose fewer frames or pixels."
            )
        return self


SAMPLE = SimulationConfig(frames=1200, height=80, width=80, cells=20, change_at=600)
"""The recording behind File > Open Sample: its dynamics change half-way."""
_REALISTIC = SimulationConfig(
    frames=1500, height=96, width=96, soma_radius=3.8, cells=24, silent=16, decay=0.85, events=0.2, photons=8,
    smear=0.09, neuropil=0.1, bleaching=0.2, jitter=0.5,
)  # fmt: skip
SCENARIOS = {
    "clean": SimulationConfig(
        frames=1500, height=96, width=96, soma_radius=3.8, cells=24, photons=60, neuropil=0, bleaching=0, jitter=0
    ),
    "realistic": _REALISTIC,
    "distractors": _REALISTIC.model_copy(update={"distractors": 12}),
    "change": _REALISTIC.model_copy(update={"change_at": 750}),
    "overlap": _REALISTIC.model_copy(update={"spacing": 0.8, "surround": 0.7}),
    "motion": _REALISTIC.model_copy(update={"jitter": 2.0}),
    "saturating": _REALISTIC.model_copy(update={"saturation": 2.0}),
    "brightness": _REALISTIC.model_copy(update={"brightness": 0.1}),
}
"""Kinds of recordings on which the method is judged: what each adds is what it may fail on."""
