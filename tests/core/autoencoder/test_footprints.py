"""The network of footprints: linear, the same tile by tile as with whole images, and its attributions are exact."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from napari_varae.core.autoencoder.footprints import FootprintNetwork
from napari_varae.core.autoencoder.network import Network
from napari_varae.core.settings import FitConfig

IMAGES = ((18, 21), (131, 70))
"""Of one tile and of several."""
images = st.sampled_from(IMAGES)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network(image: tuple[int, int] = IMAGES[0], latents: int = 4, most: int = 3) -> FootprintNetwork:
    """One with random footprints, filters and `unmix`, in float64; each tile has other members."""
    net = FootprintNetwork(normal(*image), latents, most).double()
    for tile in range(net.tiles.count):
        some = torch.randperm(latents, generator=torch.Generator().manual_seed(tile))[: most - tile % 2]
        net.members[tile, : len(some)] = some
    there = (net.members >= 0)[:, :, None]
    inside = net.tiles.cut(torch.ones(1, *image, dtype=torch.float64))  # nothing where a tile sticks out
    for name, seed in (("drawn", 1), ("read", 2)):
        getattr(net, name).copy_(normal(*net.drawn.shape, seed=seed) * there * inside)
    net.unmix.copy_(normal(latents, latents, seed=3))
    return net


@given(image=images, seed=st.integers(0, 99))
def test_the_decoder_adds_footprints(image, seed):
    net, z = network(image), normal(3, 4, seed=seed)
    footprints = torch.cat([net.decode(unit[None]) for unit in torch.eye(4, dtype=torch.float64)])
    torch.testing.assert_close(net.decode(z), torch.einsum("tk,kyx->tyx", z, footprints))
    assert not net.decode(0 * z).any()


@given(image=images, seed=st.integers(0, 99), factor=st.floats(-3, 3))
def test_the_encoder_is_linear(image, seed, factor):
    net, a, b = network(image), normal(2, *image, seed=seed), normal(2, *image, seed=seed + 100)
    torch.testing.assert_close(net.encode(a + factor * b), net.encode(a) + factor * net.encode(b))


@pytest.mark.parametrize("image", IMAGES)
def test_footprints_are_what_one_unit_adds(image):
    net = network(image).float()
    torch.testing.assert_close(net.footprints(), net.decode(torch.eye(4)))


def test_more_latents_than_are_drawn_at_a_time():
    net = network(latents=70, most=70).float()
    torch.testing.assert_close(net.footprints(), net.decode(torch.eye(70)))


@pytest.mark.parametrize("image", IMAGES)
def test_filters_that_match_footprints_invert_them(image):
    """Without noise, `unmix` separates what footprints share."""
    net = network(image, latents=3)
    net.read.copy_(net.drawn)
    flat = net.decode(torch.eye(3, dtype=torch.float64)).flatten(1)
    net.unmix.copy_(torch.linalg.inv(flat @ flat.T))
    z = normal(5, 3, seed=8)
    torch.testing.assert_close(net.encode(net.decode(z)), z, atol=1e-4, rtol=1e-4)


@given(image=images, order=st.permutations(range(4)), factors=st.lists(st.floats(0.1, 20), min_size=4, max_size=4))
def test_rescaling_changes_the_latents_and_no_image(image, order, factors):
    net, frames = network(image), normal(3, *image, seed=5)
    latents = net.encode(frames)
    decoded = net.decode(latents)
    net.rescale(torch.tensor(factors, dtype=torch.float64), torch.tensor(order))
    rescaled = net.encode(frames)
    torch.testing.assert_close(rescaled, (latents / torch.tensor(factors, dtype=torch.float64))[:, order])
    torch.testing.assert_close(net.decode(rescaled), decoded)


@given(image=images, signed=st.booleans(), steps=st.sampled_from([1, 3]), n_rows=st.sampled_from([1, 2, 40]))
def test_attribution_is_that_of_autograd(image, signed, steps, n_rows):
    net, frames, origin = network(image), normal(3, *image, seed=6), normal(*image, seed=7)
    rows = normal(n_rows, 4, seed=9)
    found = net.attribute(rows, frames, origin, signed, steps)
    torch.testing.assert_close(found.double(), Network.attribute(net, rows, frames, origin, signed, steps))


@pytest.mark.parametrize("image", IMAGES)
def test_signed_attributions_are_complete(image):
    """They add up to the change of the combinations of latents from the origin to the frames."""
    net, frames, origin = network(image), normal(3, *image, seed=6), normal(*image, seed=7)
    rows = normal(2, 4, seed=9)
    change = ((net.encode(frames) - net.encode(origin[None])) @ rows.T).sum()
    torch.testing.assert_close(net.attribute(rows, frames, origin, signed=True).sum(), change)


class Curved(FootprintNetwork):
    """The same with latents that are no longer linear."""

    attribute = Network.attribute

    def encode(self, frames: Tensor) -> Tensor:
        z = super().encode(frames)
        return z + 3 * torch.sin(z / 30)


def test_integrated_gradients_of_any_network_are_complete():
    linear = network()
    net = Curved(linear.static, 4, 3).double()
    net.load_state_dict(linear.state_dict())
    frames, origin, rows = normal(2, *IMAGES[0], seed=6), normal(*IMAGES[0], seed=7), normal(2, 4, seed=9)
    change = float(((net.encode(frames) - net.encode(origin[None])) @ rows.T).sum())
    gaps = [abs(float(net.attribute(rows, frames, origin, True, steps).sum()) - change) for steps in (1, 20, 300)]
    assert gaps[0] > 10 * gaps[1]
    assert gaps[1] > 10 * gaps[2]


def test_a_network_is_its_state():
    net = network(IMAGES[1]).float()
    other = FootprintNetwork.from_state(FitConfig(latents=4), IMAGES[1], net.state_dict())
    frames = normal(2, *IMAGES[1]).float()
    assert torch.equal(other.encode(frames), net.encode(frames))
    shapes = FootprintNetwork.tensors(FitConfig(latents=4), IMAGES[1])
    assert shapes.keys() == net.state_dict().keys()
    for name, shape in shapes.items():
        found = tuple(net.state_dict()[name].shape)
        assert all(size in (-1, n) for size, n in zip(shape, found, strict=True))
    assert not list(net.parameters())


def test_settings_without_a_number_of_latents_make_no_network():
    with pytest.raises(ValueError, match="no number of latents"):
        FootprintNetwork.tensors(FitConfig(latents="auto"), (10, 10))
