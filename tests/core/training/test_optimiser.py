"""Our Adam against torch's own."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from napari_varae.core.training.optimiser import Adam


def parameters(seed):
    random = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(shape, generator=random)) for shape in ((3, 4), (5,), ())]


@given(st.integers(0, 1000), st.floats(1e-5, 1), st.floats(1e-5, 1))
def test_steps_are_those_of_torch(seed, first, second):
    ours, theirs = parameters(seed), parameters(seed)
    adam = Adam([(ours[:2], first), (ours[2:], second)])
    reference = torch.optim.Adam(
        [{"params": theirs[:2], "lr": first}, {"params": theirs[2:], "lr": second}], betas=(0.9, 0.99)
    )
    random = torch.Generator().manual_seed(seed)
    for step in range(5):
        for p, q in zip(ours, theirs, strict=True):
            p.grad = None if step == 2 and p.ndim == 1 else torch.randn(p.shape, generator=random)
            q.grad = None if p.grad is None else p.grad.clone()
        adam.step()
        reference.step()
    for p, q in zip(ours, theirs, strict=True):
        torch.testing.assert_close(p, q)
    adam.clear()
    assert all(p.grad is None for p in ours)
