"""What a contribution map shows, in words that go with it."""

from __future__ import annotations

__all__ = ["define_map"]

_MEANING = {
    "driver": "Integrated gradients from the static image of the one-step prediction (gradient times input where the "
    "encoder is linear), mean over frames, in SD of the latent",
    "effect": "SD over time of the image that the VAR predicts, by the derivative of the decoded image at the mean "
    "latents, in the movie's units",
}


def define_map(kind: str, own_past: bool) -> str:
    """Define a map of a kind, "driver" or "effect", with or without what a latent's own past predicts."""
    return f"{_MEANING[kind]}; {'with' if own_past else 'without'} what a latent's own past predicts."
