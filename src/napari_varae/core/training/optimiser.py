"""Adam through torch's functional interface.

`torch.optim.Adam` imports torch's compiler when it is made: a second or two in which the window stutters, for a
compiler that is not used.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

__all__ = ["Adam"]


class Adam:
    """Adam (Kingma, Ba 2015) with a learning rate for each group of parameters.

    Parameters
    ----------
    groups : iterable of (parameters, learning rate)
    betas : (float, float)
        Decay of the running means of the gradient and of its square.
    """

    def __init__(
        self, groups: Iterable[tuple[Iterable[nn.Parameter], float]], betas: tuple[float, float] = (0.9, 0.99)
    ) -> None:
        self.groups = [(list(parameters), rate) for parameters, rate in groups]
        self.betas = betas
        self.state = {
            p: (torch.zeros_like(p), torch.zeros_like(p), torch.zeros(())) for ps, _ in self.groups for p in ps
        }

    def clear(self) -> None:
        """Forget the gradients."""
        for p in self.state:
            p.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move the parameters that have a gradient."""
        for parameters, rate in self.groups:
            moved = [(p, p.grad) for p in parameters if p.grad is not None]
            if not moved:
                continue
            states = [self.state[p] for p, _ in moved]
            means, squares, steps = (list[Tensor](column) for column in zip(*states, strict=True))
            adam(
                [p for p, _ in moved],
                [gradient for _, gradient in moved],
                means,
                squares,
                [],
                steps,
                amsgrad=False,
                beta1=self.betas[0],
                beta2=self.betas[1],
                lr=rate,
                weight_decay=0.0,
                eps=1e-8,
                maximize=False,
            )
