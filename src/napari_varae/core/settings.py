"""Settings, each spelled once: bounds, unit and help feed the form, the command line, the file and the docs."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

__all__ = ["ComparisonConfig", "FitConfig", "Settings", "setting"]

FEWEST_BLOCKS = 4
"""Blocks of the shorter range that can be permuted in enough ways: four of each range in 35."""


MOST_LATENTS = 1024


class Settings(BaseModel):
    """Frozen, validated settings; unknown names and wrong types are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def changed(self, **changes: Any) -> Self:
        """Return these settings with some of them changed.

        Raises
        ------
        TypeError
            When there is no setting of that name.
        ValueError
            When a value is not possible, in words.
        """
        known = type(self).model_fields
        if unknown := sorted(changes.keys() - known.keys()):
            raise TypeError(f"There is no setting {', '.join(unknown)}. Choose among {', '.join(known)}.")
        try:
            return type(self)(**{**dict(self), **changes})
        except ValidationError as error:
            raise ValueError("; ".join(_in_words(found) for found in error.errors()) + ".") from error


def _in_words(error: Any) -> str:
    """Report what pydantic found wrong with one setting."""
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    return f"{error['loc'][0]}={error['input']!r} {message}" if error["loc"] else message


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
    >>> nv.FitConfig(order=0)
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: 1 validation error for FitConfig
    order
      Input should be greater than or equal to 1 ...
    """

    network: Literal["footprints", "convolutional"] = setting(
        "footprints",
        "'footprints': each latent is a place, from a spectral start; fast, and the best reconstruction. "
        "'convolutional': encoder and decoder of convolutions around a map of latents.",
        label="Network",
        advanced=False,
    )
    latents: Literal["auto"] | Annotated[int, Field(ge=1, le=MOST_LATENTS)] = setting(
        "auto",
        "Number of latents K: places of the image, and changes of the whole image. A number: the places that vary "
        "most and are best predicted. 'auto': the places that have a signal of their own; 64 for the convolutional "
        "network.",
        label="Latents",
        advanced=False,
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
        "The l1 penalty on links when the sparsity rule is 'fixed', in SDs of what a latent's own past leaves "
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
        True,
        "Let the static image bypass the latents: it is subtracted before encoding and added after decoding, and "
        "changes of the whole image that it explains (brightness, motion, focus) have latents of their own.",
        label="Static skip",
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
        "but also at the cost of information.",
        label="Latent prediction weight",
        ge=0,
        le=100,
    )
    horizon: int = setting(
        1,
        "How many frames ahead the VAR predicts in the loss of the convolutional network; the errors of 1 to this many "
        "frames count alike.",
        label="Horizon",
        unit="frames",
        ge=1,
        le=20,
    )
    link_price: float = setting(
        0.0,
        "Penalty on links in the loss of the convolutional network: the mean over latents of the summed size of the "
        "coefficients from other latents, times this.",
        label="Link price",
        ge=0,
        le=100,
    )
    initial: Literal["random", "footprints"] = setting(
        "random",
        "Weights with which the training of the convolutional network begins: random ones, or those with which it "
        "imitates the network of footprints, each latent at a site near its place.",
        label="Initial weights",
    )
    channels: int = setting(
        8, "Feature maps of the first convolution of the convolutional network.", label="Channels", ge=1, le=128
    )
    dropout: float = setting(
        0.3,
        "Share of pixels hidden from the encoder of the convolutional network during training, so that it denoises.",
        label="Hidden pixels",
        ge=0,
        lt=1,
    )
    window: int | None = setting(
        None,
        "Length of the runs of consecutive frames that one training step sees. The VAR is estimated on one half and "
        "judged on the other. When not given, 240 or 3 for each latent.",
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
    min_gain: float = setting(
        0.001,
        "Smallest relative decrease of the held-out loss that counts as an improvement.",
        label="Least gain",
        ge=0,
        le=1,
    )
    patience: int | None = setting(
        None,
        "Epochs that are not better after which training ends. When not given, 1 for footprints, whose start is near "
        "the best they can do, and 8 for the convolutional network.",
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
    smoothing: float | None = setting(
        None,
        "Width (standard deviation) of the smoothing for the first footprints. When not given, the one of 0, 0.5, 0.85 "
        "and 1.2 that explains held-out frames best: the noisier the movie, the wider.",
        label="First smoothing",
        unit="px",
        ge=0,
        le=20,
    )
    seed: int = setting(
        0, "Seed of everything random. Same seed, machine and threads: the same fit.", label="Seed", ge=0, lt=2**63
    )
    threads: int | None = setting(
        None,
        "CPU threads of the training; all cores when not given (all but one in a window). Rounding depends on it: the "
        "same seed gives the same fit with the same number.",
        label="Threads",
        ge=1,
        le=256,
    )
    frames: tuple[int, int] | None = setting(
        None,
        "Half-open range (start, stop) of the frames to train on; all when not given.",
        label="Training frames",
        unit="frames",
    )

    @field_validator("latents", mode="before")
    @classmethod
    def _check_latents(cls, latents: Any) -> Any:
        """Raise one error for the two kinds of value that there are."""
        number = isinstance(latents, int) and not isinstance(latents, bool) and 1 <= latents <= MOST_LATENTS
        if latents != "auto" and not number:
            raise ValueError(f"must be 'auto' or a whole number from 1 to {MOST_LATENTS}")
        return latents


class ComparisonConfig(Settings):
    """How two time ranges are compared."""

    resamples: int = setting(
        999,
        "Draws from each null distribution. The smallest possible p-value is 1 / (resamples + 1).",
        label="Resamples",
        advanced=False,
        ge=19,
        le=100_000,
    )
    seed: int = setting(0, "Seed of the draws.", label="Seed", advanced=False, ge=0)
    level: float = setting(
        0.05,
        "Significance level of single coefficients; the intervals cover 1 minus this.",
        label="Level",
        advanced=False,
        ge=1e-5,
        lt=0.5,
    )
    blocks: int = setting(
        8,
        "Blocks into which the shorter range is cut, to be permuted: at least 4. Frames within a block may depend on "
        "each other in any way, if it holds several events. 0 leaves out the block permutation: every frame is then "
        "independent given its past, which is right for a true VAR and makes p far too small on recordings.",
        label="Blocks",
        ge=0,
        le=1000,
    )
    subtract_responses: bool = setting(
        False,
        "Subtract the mean over the trials of A from A, and that of B from B: the test takes a response at a fixed "
        "time for dynamics. Each range needs at least 4 parts of one length.",
        label="Subtract responses",
    )
    correct_noise: bool = setting(
        True,
        "Account for measurement noise, whose variance in A and in B is known from the pixels: noise weakens what the "
        "past seems to predict, and more noise in one range looks like other dynamics.",
        label="Correct for noise",
    )
    halves: bool = setting(
        True,
        "Compare the halves of each range as well: where these differ, a difference between the ranges means little.",
        label="Compare halves",
    )
    power_draws: int = setting(
        99,
        "Pairs of ranges with a known change that are simulated, to estimate how large a change would have been found. "
        "0 leaves that out.",
        label="Power simulations",
        ge=0,
        le=10_000,
    )

    @field_validator("blocks")
    @classmethod
    def _enough_blocks(cls, blocks: int) -> int:
        """Refuse few blocks: they can be permuted in a few ways only."""
        if 0 < blocks < FEWEST_BLOCKS:
            raise ValueError(f"must be at least {FEWEST_BLOCKS}, or 0 to leave the block permutation out")
        return blocks

    @model_validator(mode="after")
    def _fine_enough(self) -> ComparisonConfig:
        """Refuse draws too few for a p-value as small as the level."""
        needed = math.ceil((1 - 1e-9) / self.level) - 1
        if self.resamples < needed:
            raise ValueError(
                f"{self.resamples} resamples cannot give a p-value as small as the level {self.level:g}: choose at "
                f"least {needed}, or a higher level"
            )
        return self

    def same_test(self, other: ComparisonConfig) -> bool:
        """Whether these settings ask for the same test, with any number of draws and at any level."""
        names = ("blocks", "subtract_responses", "correct_noise")
        return all(getattr(self, name) == getattr(other, name) for name in names)


class WindowSettings(Settings):
    """What the window does by itself."""

    autosave: bool = setting(
        True,
        "Keep unsaved work (fits, frame sets, comparisons) in the user's data folder some seconds after it changed, "
        "and offer it after a crash or at the next start.",
        label="Keep unsaved work",
        advanced=False,
    )
