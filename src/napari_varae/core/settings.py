"""Settings, each spelled once: bounds, unit and help feed the form, the command line, the file and the docs."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ComparisonConfig", "FitConfig", "Settings", "setting"]


class Settings(BaseModel):
    """Frozen, validated settings; unknown names and wrong types are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def setting(default: Any, help: str, *, label: str, unit: str = "", advanced: bool = True, **bounds: Any) -> Any:
    """Spell one setting: its default, help, label, unit, whether it is advanced, and its bounds."""
    return Field(
        default,
        title=label,
        description=help,
        json_schema_extra={"unit": unit, "advanced": advanced},
        **bounds,
    )


class FitConfig(Settings):
    """How an autoencoder with an embedded VAR is trained.

    Examples
    --------
    >>> import napari_varae as nv
    >>> config = nv.FitConfig(latents=32, frames=(0, 1600))
    >>> config.latents, config.order
    (32, 1)
    >>> nv.FitConfig(latents=0)
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: 1 validation error for FitConfig
    latents
      Input should be greater than or equal to 1 ...
    """

    latents: int = setting(
        64, "Number of latents K. Each looks at one place of the image.", label="Latents", advanced=False, ge=1, le=1024
    )
    order: int = setting(
        1,
        "Order p of the VAR: how many past frames predict the next.",
        label="VAR order",
        unit="frames",
        advanced=False,
        ge=1,
        le=20,
    )
    sparsity: Literal["ebic", "bic", "cv", "fixed"] = setting(
        "bic",
        "How the l1 penalty of the VAR is chosen: an information criterion, forward-chaining "
        "cross-validation, or the fixed value below.",
        label="Sparsity rule",
        advanced=False,
    )
    penalty: float = setting(
        0.1,
        "The l1 penalty on links when the sparsity rule is 'fixed', in deviations of what a latent's own past leaves "
        "of it; 1 removes every link.",
        label="Fixed penalty",
        ge=0,
        le=1,
    )
    epochs: int = setting(40, "Passes through the training frames.", label="Epochs", advanced=False, ge=0, le=100_000)
    device: Literal["auto", "cpu", "cuda", "mps"] = setting(
        "auto", "Where to compute. 'auto' takes a GPU when one works.", label="Device", advanced=False
    )
    mode: Literal["end_to_end", "stop_gradient", "two_stage"] = setting(
        "end_to_end",
        "How the autoencoder adapts to the VAR: through the gradient of the l1 estimate, with the "
        "estimate held constant, or not at all.",
        label="Adaptation",
    )
    static_skip: bool = setting(
        True, "Give the decoder features of the static image, so that latents need not carry it.", label="Static skip"
    )
    static: Literal["mean", "median"] = setting(
        "mean", "The temporal summary that makes the static image.", label="Static image"
    )
    prediction_weight: float = setting(
        2.0,
        "Weight of the one-step prediction error in image space, beside reconstruction. It decides, too, which places "
        "get a latent when there are more than latents.",
        label="Image prediction weight",
        ge=0,
        le=100,
    )
    latent_weight: float = setting(
        0.0,
        "Weight of the one-step prediction error in latent space. It makes latents predictable, "
        "also by letting them carry less.",
        label="Latent prediction weight",
        ge=0,
        le=100,
    )
    window: int = setting(
        240,
        "Length of the runs of consecutive frames that one training step sees. The VAR is estimated on one half "
        "and judged on the other.",
        label="Window",
        unit="frames",
        ge=20,
        le=100_000,
    )
    learning_rate: float = setting(
        5e-3,
        "How far a step moves the weights, as a share of their typical size.",
        label="Learning rate",
        gt=0,
        le=1,
    )
    patience: int = setting(
        8,
        "Epochs without a better held-out result after which training ends.",
        label="Patience",
        unit="epochs",
        ge=1,
        le=100_000,
    )
    held_out: float = setting(
        0.1,
        "Share of the training frames, in a few runs spread over the recording, kept apart to pick the best epoch.",
        label="Held-out share",
        ge=0.02,
        le=0.5,
    )
    grid: int | None = setting(
        None,
        "Pixels per step of the coarse grid on which maps are learned. When not given, the coarsest of 8, 4 and 2 that "
        "draws held-out frames almost as well as single pixels do.",
        label="Grid step",
        unit="px",
        ge=2,
        le=64,
    )
    channels: int = setting(
        8, "Feature images of the static pathway, and of the encoder's convolutions.", label="Channels", ge=1, le=128
    )
    smoothing: float | None = setting(
        None,
        "Width (standard deviation) of the smoothing for the first footprints. When not given, the one of 0, 0.5, 0.85 "
        "and 1.2 that explains held-out frames best: the noisier the movie, the wider.",
        label="First smoothing",
        unit="px",
        ge=0,
        le=20,
    )
    dropout: float = setting(
        0.3,
        "Share of pixels hidden from the encoder during training, so that it denoises.",
        label="Hidden pixels",
        ge=0,
        lt=1,
    )
    seed: int = setting(
        0, "Seed of everything random. Same seed, same machine: the same fit.", label="Seed", ge=0, lt=2**63
    )
    frames: tuple[int, int] | None = setting(
        None,
        "Half-open range (start, stop) of the frames to train on; all when not given.",
        label="Training frames",
        unit="frames",
    )


class ComparisonConfig(Settings):
    """How two time ranges are compared."""

    resamples: int = setting(
        999,
        "Draws from each null distribution. The smallest p-value is 1 / (repeats + 1).",
        label="Repeats",
        advanced=False,
        ge=19,
        le=100_000,
    )
    seed: int = setting(0, "Seed of the draws.", label="Seed", advanced=False, ge=0)
    level: float = setting(
        0.05, "Level of the intervals and of the edge list.", label="Level", advanced=False, gt=0, lt=0.5
    )
    stretches: int = setting(
        8,
        "Stretches into which the shorter range is cut, to be dealt anew. Frames within one may depend on each other "
        "in any way, if it holds several events. 0: every frame is independent given its past, right for a true VAR, "
        "far too sure on recordings.",
        label="Stretches",
        ge=0,
        le=1000,
    )
    subtract_responses: bool = setting(
        False,
        "Take the mean over the trials of A away first, and that of B: a response at a fixed time is no dynamics. Each "
        "range needs at least 4 parts of one length.",
        label="Subtract responses",
    )
