"""The autoencoder draws and reads as its equations say, at any image size."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from napari_varae.core.autoencoder.footprints import Autoencoder
from napari_varae.core.autoencoder.static import StaticFeatures, TiledFeatures, grid_shape

SIZES = st.tuples(st.integers(8, 33), st.integers(8, 33))
STEPS = st.integers(2, 9)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network(
    image: tuple[int, int] = (18, 21), latents: int = 3, step: int = 4, channels: int = 6, **kwargs
) -> Autoencoder:
    """One with random maps and a convolutional part that matters, in float64."""
    made = Autoencoder(image, latents, step, channels, **kwargs).double()
    with torch.no_grad():
        for seed, weights in enumerate((made.draw, made.read, made.gather)):
            weights.copy_(normal(*weights.shape, seed=seed))
    return made


@given(image=SIZES, step=STEPS)
def test_the_grid_covers_the_image_without_a_spare_row(image, step):
    for pixels, cells in zip(image, grid_shape(image, step), strict=True):
        assert (cells - 1) * step < pixels <= cells * step


@given(image=SIZES, step=STEPS)
def test_maps_are_upsampled_bilinearly(image, step):
    net = network(image, step=step, channels=2)
    features = normal(2, *image, seed=9)
    fine = F.interpolate(net.draw, scale_factor=step, mode="bilinear", align_corners=False)[..., : image[0], : image[1]]
    drawn = net.bank(net.draw, features).view(-1, *image)
    torch.testing.assert_close(drawn, (fine * features).sum(1), atol=1e-5, rtol=0)  # weights are kept in float32


@given(image=SIZES, step=STEPS, channels=st.integers(1, 7))
def test_matching_is_the_transpose_of_drawing(image, step, channels):
    net = network(image, step=step, channels=channels)
    features, images = normal(channels, *image, seed=7), normal(3, image[0] * image[1], seed=8)
    drawn, matched = net.bank(net.draw, features), net.bank_transpose(images, features)
    torch.testing.assert_close((drawn * images).sum(), (net.draw * matched).sum())


@given(image=SIZES, step=STEPS, skip=st.booleans())
def test_any_image_size_goes_through(image, step, skip):
    net = network(image, step=step, static_skip=skip)
    filters, footprints = net.banks(normal(*image))
    latents = net.encode(normal(2, *image), filters)
    assert latents.shape == (2, 3)
    assert net.decode(latents, footprints).shape == (2, *image)


def test_static_features_have_unit_mean_square_and_ignore_brightness_and_contrast():
    pathway, static = StaticFeatures(9).double(), normal(14, 17)
    features = pathway(static)
    torch.testing.assert_close(features.square().mean((1, 2)), torch.ones(9, dtype=torch.float64))
    torch.testing.assert_close(pathway(300 + 25 * static), features)


def test_fixed_static_features_are_what_motion_does():
    y, x = torch.meshgrid(torch.arange(20.0), torch.arange(24.0), indexing="ij")
    static = torch.sin(y / 3) + torch.cos(x / 4)
    constant, image, dy, dx, laplacian = StaticFeatures(5)(static).detach().numpy()
    inner = (slice(1, -1), slice(1, -1))
    assert np.ptp(constant) == 0
    truths = (static, torch.cos(y / 3), -torch.sin(x / 4), -torch.sin(y / 3) / 9 - torch.cos(x / 4) / 16)
    for feature, truth in zip((image, dy, dx, laplacian), truths, strict=True):
        assert np.corrcoef(feature[inner].ravel(), truth[inner].ravel())[0, 1] > 0.999


@pytest.mark.parametrize("channels", [1, 5, 6])
def test_few_channels_are_the_first_of_the_fixed_ones(channels):
    torch.manual_seed(0)
    static = normal(12, 12)
    few, many = StaticFeatures(channels).double()(static), StaticFeatures(9).double()(static)
    assert len(few) == channels
    torch.testing.assert_close(few[:5], many[: min(channels, 5)])


def test_a_static_image_without_contrast_gives_finite_features():
    assert bool(StaticFeatures(8)(torch.full((10, 10), 7.0)).isfinite().all())


@given(step=STEPS, channels=st.integers(1, 12))
def test_tiles_are_the_same_orthogonal_patterns_everywhere(step, channels):
    pathway = TiledFeatures(channels, step)
    tiles = pathway(torch.zeros(4 * step - 1, 3 * step))
    assert len(tiles) == pathway.channels == min(channels, step**2)
    torch.testing.assert_close(tiles[:, step:], tiles[:, :-step])
    torch.testing.assert_close(tiles[:, :, step:], tiles[:, :, :-step])
    patterns = tiles[:, :step, :step].flatten(1)
    products = patterns @ patterns.T
    assert bool((products - products.diagonal().diag()).abs().max() < 1e-4)
    assert bool((products.diagonal() > 0.1).all())


def test_before_training_the_encoder_is_its_filters():
    net = Autoencoder((18, 21), 3, 4, 6)
    frames, filters = normal(5, 18, 21).float(), normal(3, 18 * 21, seed=1).float()
    torch.testing.assert_close(net.encode(frames, filters), torch.einsum("tp,kp->tk", frames.flatten(1), filters))


def test_the_decoder_adds_footprints():
    net = network()
    latents, footprints = normal(5, 3, seed=3), normal(3, 18 * 21, seed=4)
    torch.testing.assert_close(
        net.decode(latents, footprints), torch.einsum("tk,kp->tp", latents, footprints).view(5, 18, 21)
    )


@given(image=st.tuples(st.integers(30, 40), st.integers(30, 40)), step=st.integers(2, 5), data=st.data())
def test_the_convolutions_of_a_grid_cell_look_at_its_place(image, step, data):
    net = network(image, latents=1, step=step, channels=2)
    h, w = net.grid
    row, column = data.draw(st.integers(2, h - 4)), data.draw(st.integers(2, w - 4))
    with torch.no_grad():
        net.gather.zero_().view(1, 2, h, w)[..., row, column] = 1
    frames = normal(1, *image).requires_grad_()
    net.encode(frames, torch.zeros(1, image[0] * image[1], dtype=torch.float64)).sum().backward()
    for axis, cell in enumerate((row, column)):
        seen = frames.grad[0].abs().amax(1 - axis).nonzero()[:, 0]
        middle = (int(seen.min()) + int(seen.max())) / 2
        assert abs(middle - (cell * step + (step - 1) / 2)) <= 0.5


def test_rescaling_changes_the_latents_and_no_image():
    net, frames, static = network(), normal(6, 18, 21, seed=5), normal(18, 21, seed=6)
    filters, footprints = net.banks(static)
    latents = net.encode(frames, filters)
    images = net.decode(latents, footprints)
    factors, order = torch.tensor([0.5, 3.0, 20.0], dtype=torch.float64), torch.tensor([2, 0, 1])
    net.rescale(factors, order)
    filters, footprints = net.banks(static)
    rescaled = net.encode(frames, filters)
    torch.testing.assert_close(rescaled, (latents / factors)[:, order])
    torch.testing.assert_close(net.decode(rescaled, footprints), images)
