"""The convolutional network: shapes, drawing, skip, gradients, and what the latents' units do."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from napari_varae.core.autoencoder.convolutional import ConvolutionalNetwork, latent_map
from napari_varae.core.settings import FitConfig

IMAGE, LATENTS = (40, 52), 12


def network(static_skip: bool = True, seed: int = 0, image=IMAGE) -> ConvolutionalNetwork:
    random = torch.Generator().manual_seed(seed)
    made = ConvolutionalNetwork(image, LATENTS, 4, static_skip, random)
    made.static.copy_(torch.rand(image, generator=random) * 5)
    return made


def frames(n: int = 5, image=IMAGE) -> torch.Tensor:
    return torch.randn(n, *image, generator=torch.Generator().manual_seed(7))


@given(latents=st.integers(1, 200), y=st.integers(16, 600), x=st.integers(16, 600))
def test_a_latent_map_has_the_latents_asked_for_or_its_neighbours_are_named(latents, y, x):
    try:
        channels, h, w = latent_map(latents, (y, x))
    except ValueError as refused:
        message = str(refused)
        named = [int(k) for k in message.rsplit("choose ", 1)[1].rstrip(".").split(" or ")]
        for k in named:
            latent_map(k, (y, x))  # is possible
    else:
        assert channels * h * w == latents
        assert abs(math.log(y / h / (x / w))) < math.log(2.5)
        assert min(y / h, x / w) >= 4


def test_a_number_that_makes_no_map_names_those_that_do():
    with pytest.raises(ValueError, match=r"31 latents .* 90 x 480 pixels: choose 30 or 32"):
        latent_map(31, (90, 480))


@pytest.mark.parametrize("static_skip", [True, False], ids=["skip", "no skip"])
@pytest.mark.parametrize("image", [(40, 52), (16, 16), (300, 130), (33, 517)], ids=str)
def test_shapes(static_skip, image):
    made = network(static_skip, image=image)
    d = frames(2, image)
    z = made.encode(d)
    assert z.shape == (2, LATENTS)
    assert made.decode(z).shape == d.shape
    assert made.decode(z, made.context()).equal(made.decode(z))
    assert math.prod(made.map) == LATENTS
    assert max(made.binned) <= 256


@pytest.mark.parametrize("static_skip", [True, False], ids=["skip", "no skip"])
def test_the_loss_moves_every_weight(static_skip):
    made = network(static_skip)
    (made.decode(made.encode(frames())) - frames()).square().mean().backward()
    for name, weights in made.named_parameters():
        assert weights.grad is not None, name
        assert weights.grad.abs().sum() > 0, name


def test_the_static_image_reaches_what_is_drawn_through_the_skip_only():
    z = torch.randn(3, LATENTS, generator=torch.Generator().manual_seed(1))
    for static_skip in (True, False):
        made = network(static_skip)
        before = made.decode(z)
        made.static.copy_(made.static.flip(0))  # the same mean and SD
        assert torch.allclose(made.decode(z), before, atol=1e-5) != static_skip


def test_drawing_is_bilinear_upsampling_times_features():
    made = network()
    maps = torch.randn(2, made.features, *made.sizes[-1], generator=torch.Generator().manual_seed(2))
    drawing = made.context().drawing
    ones = made._draw(torch.ones_like(maps[:1]), drawing)[0]
    fine = torch.cat([torch.ones(1, 1, *IMAGE), made._static_image(), made.pathway.fine(made._static_image())], 1)
    assert torch.allclose(ones, fine[0].sum(0), atol=1e-5)
    up = F.interpolate(maps, scale_factor=made.step, mode="bilinear", align_corners=False)[..., : IMAGE[0], : IMAGE[1]]
    assert torch.allclose(made._draw(maps, drawing), (up * fine).sum(1), atol=1e-4)


def test_the_same_seed_draws_the_same_network_and_leaves_torch_alone():
    state = torch.random.get_rng_state()
    a, b, c = network(seed=3), network(seed=3), network(seed=4)
    assert torch.random.get_rng_state().equal(state)
    assert all(v.equal(b.state_dict()[k]) for k, v in a.state_dict().items())
    assert not a.patches.weight.equal(c.patches.weight)


@pytest.mark.parametrize("static_skip", [True, False], ids=["skip", "no skip"])
def test_units_and_order_of_latents_change_nothing_that_is_drawn(static_skip):
    made = network(static_skip)
    z, drawn = made.encode(frames()), made.decode(made.encode(frames()))
    random = torch.Generator().manual_seed(5)
    for _twice in range(2):
        mean, factors = torch.randn(LATENTS, generator=random), torch.rand(LATENTS, generator=random) + 0.5
        order = torch.randperm(LATENTS, generator=random)
        made.centre(mean)
        made.rescale(factors, order)
        z = ((z - mean) / factors)[:, order]
        assert torch.allclose(made.encode(frames()), z, atol=1e-4)
        assert torch.allclose(made.decode(z), drawn, atol=1e-4)


def test_footprints_are_the_derivative_of_the_decoded_image():
    made = network().double()
    z = torch.zeros(2, LATENTS, dtype=torch.float64)
    z[0, 4], z[1, 4] = 1e-5, -1e-5
    up, down = made.decode(z)
    assert made.footprints().shape == (LATENTS, *IMAGE)
    assert torch.allclose(made.footprints()[4], (up - down) / 2e-5, atol=1e-8)


@pytest.mark.long
@pytest.mark.parametrize("static_skip", [True, False], ids=["skip", "no skip"])
def test_the_state_is_foretold_by_the_settings(static_skip):
    config = FitConfig(network="convolutional", latents=LATENTS, channels=4, static_skip=static_skip)
    state = network(static_skip).state_dict()
    assert ConvolutionalNetwork.tensors(config, IMAGE) == {k: tuple(v.shape) for k, v in state.items()}
    assert all(v.dtype == torch.float32 for v in state.values())


def test_larger_images_are_binned_and_drawn_whole():
    made = network(image=(300, 130))
    assert made.bin == 2
    d = frames(1, (300, 130))
    assert torch.allclose(made.reduce(d)[0, 3, 4], d[0, 6:8, 8:10].mean())
    assert np.isfinite(made.decode(made.encode(d)).detach().numpy()).all()


def test_an_image_too_small_for_any_map_is_refused_in_words():
    with pytest.raises(ValueError, match="3 x 40 pixels: choose the footprints network"):
        latent_map(4, (3, 40))
