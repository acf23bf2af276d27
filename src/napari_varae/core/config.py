"""Settings, each spelled once: bounds, unit and help feed the form, the command line, the file and the docs."""

from __future__ import annotations

import math
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["SAMPLE", "SCENARIOS", "ComparisonConfig", "FitConfig", "Settings", "SimulationConfig"]

MAX_GIGABYTES = 16
"""The largest simulation in memory."""


class Settings(BaseModel):
    """Frozen, validated settings; unknown names and wrong types are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _setting(default: Any, help: str, *, label: str, unit: str = "", advanced: bool = True, **bounds: Any) -> Any:
    """Spell one setting: its default, help, label, unit, whether it is advanced, and its bounds."""
    return Field(
        default,
        title=label,
        description=help,
        json_schema_extra={"unit": unit, "advanced": advanced},
        **bounds,
    )


class FitConfig(Settings):
    """How an autoencoder with an embedded VAR is trained."""

    latents: int = _setting(
        64, "Number of latents K. Each looks at one place of the image.", label="Latents", advanced=False, ge=1, le=1024
    )
    order: int = _setting(
        1,
        "Order p of the VAR: how many past frames predict the next.",
        label="VAR order",
        unit="frames",
        advanced=False,
        ge=1,
        le=20,
    )
    sparsity: Literal["ebic", "bic", "cv", "fixed"] = _setting(
        "bic",
        "How the l1 penalty of the VAR is chosen: an information criterion, forward-chaining "
        "cross-validation, or the fixed value below.",
        label="Sparsity rule",
        advanced=False,
    )
    penalty: float = _setting(
        0.1,
        "The l1 penalty on links when the sparsity rule is 'fixed', in deviations of what a latent's own past leaves "
        "of it; 1 removes every link.",
        label="Fixed penalty",
        ge=0,
        le=1,
    )
    epochs: int = _setting(40, "Passes through the training frames.", label="Epochs", advanced=False, ge=0, le=100_000)
    device: Literal["auto", "cpu", "cuda", "mps"] = _setting(
        "auto", "Where to compute. 'auto' takes a GPU when one works.", label="Device", advanced=False
    )
    mode: Literal["end_to_end", "stop_gradient", "two_stage"] = _setting(
        "end_to_end",
        "How the autoencoder adapts to the VAR: through the gradient of the l1 estimate, with the "
        "estimate held constant, or not at all.",
        label="Adaptation",
    )
    static_skip: bool = _setting(
        True, "Give the decoder features of the static image, so that latents need not carry it.", label="Static skip"
    )
    static: Literal["mean", "median"] = _setting(
        "mean", "The temporal summary that makes the static image.", label="Static image"
    )
    prediction_weight: float = _setting(
        2.0,
        "Weight of the one-step prediction error in image space, beside reconstruction. It decides, too, which places "
        "get a latent when there are more than latents.",
        label="Image prediction weight",
        ge=0,
        le=100,
    )
    latent_weight: float = _setting(
        0.0,
        "Weight of the one-step prediction error in latent space. It makes latents predictable, "
        "also by letting them carry less.",
        label="Latent prediction weight",
        ge=0,
        le=100,
    )
    window: int = _setting(
        240,
        "Length of the runs of consecutive frames that one training step sees. The VAR is estimated on one half "
        "and judged on the other.",
        label="Window",
        unit="frames",
        ge=20,
        le=100_000,
    )
    learning_rate: float = _setting(
        5e-3,
        "How far a step moves the weights, as a share of their typical size.",
        label="Learning rate",
        gt=0,
        le=1,
    )
    patience: int = _setting(
        8,
        "Epochs without a better held-out result after which training ends.",
        label="Patience",
        unit="epochs",
        ge=1,
        le=100_000,
    )
    held_out: float = _setting(
        0.1,
        "Share of the training frames, in a few runs spread over the recording, kept apart to pick the best epoch.",
        label="Held-out share",
        ge=0.02,
        le=0.5,
    )
    grid: int | None = _setting(
        None,
        "Pixels per step of the coarse grid on which maps are learned. When not given, the coarsest of 8, 4 and 2 that "
        "draws held-out frames almost as well as single pixels do.",
        label="Grid step",
        unit="px",
        ge=2,
        le=64,
    )
    channels: int = _setting(
        8, "Feature images of the static pathway, and of the encoder's convolutions.", label="Channels", ge=1, le=128
    )
    smoothing: float | None = _setting(
        None,
        "Width (standard deviation) of the smoothing for the first footprints. When not given, the one of 0, 0.5, 0.85 "
        "and 1.2 that explains held-out frames best: the noisier the movie, the wider.",
        label="First smoothing",
        unit="px",
        ge=0,
        le=20,
    )
    dropout: float = _setting(
        0.3,
        "Share of pixels hidden from the encoder during training, so that it denoises.",
        label="Hidden pixels",
        ge=0,
        lt=1,
    )
    seed: int = _setting(
        0, "Seed of everything random. Same seed, same machine: the same fit.", label="Seed", ge=0, lt=2**63
    )
    frames: tuple[int, int] | None = _setting(
        None,
        "Half-open range (start, stop) of the frames to train on; all when not given.",
        label="Training frames",
        unit="frames",
    )


class ComparisonConfig(Settings):
    """How two time ranges are compared."""

    resamples: int = _setting(
        999,
        "Draws from each null distribution. The smallest p-value is 1 / (repeats + 1).",
        label="Repeats",
        advanced=False,
        ge=19,
        le=100_000,
    )
    seed: int = _setting(0, "Seed of the draws.", label="Seed", advanced=False, ge=0)
    level: float = _setting(
        0.05, "Level of the intervals and of the edge list.", label="Level", advanced=False, gt=0, lt=0.5
    )
    stretches: int = _setting(
        8,
        "Stretches into which the shorter range is cut, to be dealt anew. Frames within one may depend on each other "
        "in any way, if it holds several events. 0: every frame is independent given its past, right for a true VAR, "
        "far too sure on recordings.",
        label="Stretches",
        ge=0,
        le=1000,
    )
    subtract_responses: bool = _setting(
        False,
        "Take the mean over the trials of A away first, and that of B: a response at a fixed time is no dynamics. Each "
        "range needs at least 4 parts of one length.",
        label="Subtract responses",
    )


class SimulationConfig(Settings):
    """A simulated two-photon recording with everything known."""

    frames: int = _setting(
        1000, "Number of frames T.", label="Frames", unit="frames", advanced=False, ge=20, le=1_000_000
    )
    height: int = _setting(64, "Image height Y.", label="Height", unit="px", advanced=False, ge=16, le=4096)
    width: int = _setting(64, "Image width X.", label="Width", unit="px", advanced=False, ge=16, le=4096)
    cells: int = _setting(16, "Number of cells N with VAR dynamics.", label="Cells", advanced=False, ge=1, le=4096)
    distractors: int = _setting(
        0, "Number of flickering places without a temporal rule.", label="Distractors", advanced=False, ge=0, le=4096
    )
    silent: int = _setting(
        0, "Number of cells that are bright and never change.", label="Silent cells", advanced=False, ge=0, le=4096
    )
    frame_rate: float = _setting(10.0, "Frame rate.", label="Frame rate", unit="Hz", gt=0, le=10_000)
    pixel_size: float = _setting(1.0, "Edge of a pixel.", label="Pixel size", unit="um", ge=0.01, le=100)
    soma_radius: float = _setting(4.5, "Mean radius of a cell body.", label="Soma radius", unit="um", ge=0.1, le=100)
    ring_share: float = _setting(
        0.6, "Share of cells whose nucleus is dark, so that they look like rings.", label="Share of rings", ge=0, le=1
    )
    order: int = _setting(1, "Order p of the VAR among cells.", label="VAR order", unit="frames", ge=1, le=5)
    density: float = _setting(0.06, "Share of ordered cell pairs joined by an edge.", label="Edge density", ge=0, le=1)
    decay: float = _setting(
        0.7, "Autoregression of a cell on itself from frame to frame.", label="Decay", ge=0, le=0.99
    )
    events: float = _setting(
        0.5,
        "Shape of the gamma distribution of what drives each cell: small for rare, large events.",
        label="Events",
        ge=0.01,
        le=100,
    )
    coupling: float = _setting(
        0.3,
        "Size of a coefficient between two cells; less where the VAR would not be stable.",
        label="Coupling",
        ge=0,
        lt=1,
    )
    change_at: int | None = _setting(
        None, "Frame from which other coefficients hold; none when not given.", label="Change at", unit="frames", ge=1
    )
    change_share: float = _setting(
        0.5, "Share of the edges that join other cells after the change.", label="Share changed", gt=0, le=1
    )
    signal: float = _setting(
        0.4, "Standard deviation of a cell's fluctuation relative to its brightness.", label="Signal", ge=0, le=10
    )
    photons: float = _setting(
        15.0, "Mean photon count of a bright pixel: sets the shot noise.", label="Photons", unit="photons", ge=1, le=1e6
    )
    smear: float = _setting(
        0.0, "Share of a pixel's light that the detector reports in each neighbour.", label="Smear", ge=0, le=0.25
    )
    neuropil: float = _setting(
        0.05,
        "Standard deviation of the shared neuropil fluctuation relative to its brightness.",
        label="Neuropil",
        ge=0,
        le=10,
    )
    bleaching: float = _setting(
        0.1, "Share of brightness lost by bleaching over the movie.", label="Bleaching", ge=0, lt=1
    )
    jitter: float = _setting(0.3, "Standard deviation of motion.", label="Jitter", unit="px", ge=0, le=10)
    seed: int = _setting(0, "Seed of everything random.", label="Seed", advanced=False, ge=0)

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
}
"""Kinds of recordings on which the method is judged: what each adds is what it may fail on."""
