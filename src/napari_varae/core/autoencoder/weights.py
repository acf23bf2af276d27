"""First weights from a generator of one's own: torch's modules draw theirs from one that the whole process shares."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

__all__ = ["convolution"]


def convolution(random: torch.Generator, *args: Any, **kwargs: Any) -> nn.Conv2d:
    """Make a 2-D convolution as :class:`torch.nn.Conv2d` does, its weights drawn from `random` alone."""
    made = nn.utils.skip_init(nn.Conv2d, *args, device=torch.get_default_device(), **kwargs)
    nn.init.kaiming_uniform_(made.weight, a=math.sqrt(5), generator=random)
    bound = 1 / math.sqrt(made.weight[0].numel())
    nn.init.uniform_(made.bias, -bound, bound, generator=random)
    conv: nn.Conv2d = made
    return conv
