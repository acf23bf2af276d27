"""Where to compute, and why there."""

from __future__ import annotations

import torch

__all__ = ["choose_device"]


def choose_device(wish: str = "auto") -> tuple[torch.device, str]:
    """Return the device for a wish ('auto', 'cpu', 'cuda', 'mps') and the reason in words.

    Raises
    ------
    ValueError
        When the device asked for is not there or does not work.
    """
    if wish == "cpu":
        return torch.device("cpu"), "CPU, as chosen"
    problems = []
    for name, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())):
        if wish not in ("auto", name):
            continue
        if not there:
            problems.append(f"torch {torch.__version__} finds no {name.upper()} device")
        elif problem := _try(name):
            problems.append(problem)
        else:
            label = torch.cuda.get_device_name() if name == "cuda" else "Apple GPU"
            return torch.device(name), f"{label}, {'found and working' if wish == 'auto' else 'as chosen'}"
    if wish != "auto":
        problem = "; ".join(problems) or "there is no such device"
        raise ValueError(f"device={wish!r} cannot be used: {problem}. Choose 'auto' or 'cpu'.")
    return torch.device("cpu"), f"CPU, since {' and '.join(problems)}"


def _try(name: str) -> str:
    """Report what goes wrong with a small product on the device; empty when nothing does."""
    try:
        x = torch.ones(8, 8, device=name)
        return "" if float((x @ x).sum()) == 512 else f"{name.upper()} computes wrong numbers"
    except RuntimeError as error:
        return f"{name.upper()} fails ({error})"
