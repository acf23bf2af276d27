"""What a contribution map shows, in words that go with it."""

from __future__ import annotations

from typing import Literal

__all__ = ["UNITS", "define_map", "explain_empty", "explain_map"]

_MEANING = {
    "driver": "Integrated gradients from the static image of the one-step prediction (gradient times input where the "
    "encoder is linear), mean over frames, in SD of the latent",
    "effect": "SD over time of the image that the VAR predicts, by the derivative of the decoded image at the mean "
    "latents, in the movie's units",
}
UNITS = {"driver": "SD of the predicted latent", "effect": "units of the movie"}
"""Unit of the values of a map, by kind."""
_SUBJECTS = {
    "whole": {"driver": "the next frame of all latents", "effect": "all latents"},
    "latent": {"driver": "the next frame of this latent", "effect": "this latent"},
    "edge": {"driver": "the target of this link", "effect": "the target of this link"},
}


_NOTHING = {
    ("whole", False): "the VAR has no links",
    ("whole", True): "all coefficients of the VAR are zero",
    ("latent", False): "no link leads to this latent",
    ("latent", True): "no coefficient leads to this latent",
}


def define_map(kind: str, own_past: bool) -> str:
    """Define a map of a kind, "driver" or "effect", with or without what a latent's own past predicts."""
    return f"{_MEANING[kind]}; {'with' if own_past else 'without'} what a latent's own past predicts."


def explain_map(kind: Literal["driver", "effect"], subject: Literal["whole", "latent", "edge"]) -> str:
    """Explain in one sentence what a map of a kind and a subject shows."""
    of = _SUBJECTS[subject][kind]
    signs = "" if subject == "whole" else "; orange raises it, blue lowers it"
    if kind == "driver":
        return f"Where the movie holds what predicts {of}{signs}. In {UNITS[kind]}, per pixel."
    part = "" if subject == "whole" else "; orange rises with it, blue falls"
    return f"Where, and by how much, the predicted part of {of} changes the image{part}. In {UNITS[kind]}."


def explain_empty(name: str, subject: str, own_past: bool) -> str:
    """Explain why the map with this name is zero everywhere, and what could be done."""
    reason = _NOTHING.get((subject, own_past), "this coefficient is zero")
    ways = "" if own_past or subject == "edge" else "include what a latent's own past predicts, or "
    return f"The {name} is empty: {reason}. To see more, {ways}choose a smaller penalty in the Links dock."
