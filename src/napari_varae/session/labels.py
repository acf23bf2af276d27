"""What movies, fits and latents are called on the screen."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import Settings

if TYPE_CHECKING:
    from napari_varae.core.experiment.cells import CellId
    from napari_varae.core.fit.fit import Fit
    from napari_varae.session.session import Session

__all__ = [
    "describe_fit", "describe_latent", "describe_movie", "describe_settings", "describe_time", "describe_training",
    "parse_latents", "why_not_train",
]  # fmt: skip


def describe_movie(stack: Stack) -> str:
    """Describe a movie in one line."""
    t, y, x = stack.shape
    rate = stack.frame_rate
    length = f"{t} frames" if rate is None else f"{t / rate:.4g} s at {rate:.4g} Hz"
    return f"{stack.name}, {length}, {y} × {x} px"


def describe_fit(fit: Fit, explained_here: float | None = None) -> str:
    """Describe a fit in one line, with what it explains of held-out frames, or of the movie it is applied to."""
    best = next((r for r in reversed(fit.history) if r.best), None)
    explained = "" if best is None else f", {best.reconstruction_fve:.1%} explained"
    if explained_here is not None:
        explained = f", {explained_here:.1%} of this movie explained"
    return f"{fit.id[:6]}: {fit.var.coefficients.shape[1]} latents, order {fit.var.order}{explained}"


def describe_settings(settings: Settings) -> str:
    """List the settings that are not the defaults, with their labels and units."""
    fields, texts = type(settings).model_fields, []
    for name, info in fields.items():
        value = getattr(settings, name)
        if value != info.get_default(call_default_factory=True):
            extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
            number = f"{value:g}" if isinstance(value, float) else str(value).replace("_", " ")
            texts.append(f"{info.title} {number} {extra.get('unit', '')}".strip())
    return "; ".join(texts) or "the defaults"


def describe_time(seconds: float) -> str:
    """Give a time of day, with the day unless it is today; `seconds` are counted from 1970."""
    then, now = time.localtime(seconds), time.localtime()
    return time.strftime("%H:%M" if then[:3] == now[:3] else "%d %b, %H:%M", then)


def describe_latent(fit: Fit, latent: int, cell: CellId | None = None) -> str:
    """Give a latent's number with its cell, or with the change of the whole image that it draws."""
    name = fit.whole_image.get(latent)
    if cell is not None:
        name = f"cell {cell}" if isinstance(cell, int) else cell
    return str(latent) if name is None else f"{latent} ({name})"


def parse_latents(text: str, latents: int) -> list[int]:
    """Read numbers of latents such as '3, 8-12', both ends included, in the order given.

    Raises
    ------
    ValueError
        When a part is neither a number nor a range, or there is no such latent.
    """
    numbers: list[int] = []
    for part in re.split(r"[,;]", text.strip().rstrip(",;")):
        match = re.fullmatch(r"\s*(\d+)\s*(?:(?:-|–|to|:)\s*(\d+)\s*)?", part)
        if match is None:
            raise ValueError(f"Latents: {part.strip()!r} is not a number or a range. Write, for example, 3, 8 - 12.")
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last < latents:
            raise ValueError(f"Latents: {part.strip()!r} is not between 0 and {latents - 1}, the lower number first.")
        numbers += [number for number in range(first, last + 1) if number not in numbers]
    return numbers


def describe_training(fit: Fit) -> str:
    """Report what training reached."""
    best = next((report for report in reversed(fit.history) if report.best), None)
    if best is None or best.epoch == 0:
        return "No epoch was better on held-out frames than the initial model, which was kept."
    return (
        f"Best epoch {best.epoch}: reconstruction explains {best.reconstruction_fve:.1%} and one-step "
        f"prediction {best.prediction_fve:.1%} of the held-out variance."
    )


def why_not_train(session: Session) -> str:
    """Give the reason why a training cannot be started, paused or stopped now, or its settings changed."""
    progress = session.progress
    if progress is not None and progress.task == "training":
        return "Settings can be changed once this training has ended."
    if progress is not None:
        return f"Train becomes available when this job ends: {progress.title}."
    need = "" if session.stack is not None else "Train needs a movie: open one in the Movie dock. "
    return f"{need}Pause and Stop become available while a training runs."
