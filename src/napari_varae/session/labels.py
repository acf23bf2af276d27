"""What fits and latents are called on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_varae.core.fit.fit import Fit

__all__ = ["describe_fit", "describe_latent"]


def describe_fit(fit: Fit) -> str:
    """Say in one line what a fit is."""
    best = next((r for r in reversed(fit.history) if r.best), None)
    explained = "" if best is None else f", {best.reconstruction_fve:.1%} explained"
    return f"{fit.id[:6]}: {fit.var.coefficients.shape[1]} latents, order {fit.var.order}{explained}"


def describe_latent(fit: Fit, latent: int) -> str:
    """Give a latent's number and, if it is none of a place, the change of the whole image that it draws."""
    change = fit.whole_image.get(latent)
    return str(latent) if change is None else f"{latent} ({change})"
