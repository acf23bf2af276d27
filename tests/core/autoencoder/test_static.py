"""What changes of a whole image look like."""

import numpy as np
import pytest
import torch

from napari_varae.core.autoencoder.static import WHOLE, derivatives, orthonormal


def test_they_are_what_brightness_motion_and_focus_do():
    y, x = torch.meshgrid(torch.arange(20.0), torch.arange(24.0), indexing="ij")
    static = torch.sin(y / 3) + torch.cos(x / 4)
    constant, image, dy, dx, laplacian = derivatives(static).numpy()
    inner = (slice(1, -1), slice(1, -1))
    assert np.ptp(constant) == 0
    truths = (static, torch.cos(y / 3), -torch.sin(x / 4), -torch.sin(y / 3) / 9 - torch.cos(x / 4) / 16)
    for found, truth in zip((image, dy, dx, laplacian), truths, strict=True):
        assert np.corrcoef(found[inner].ravel(), truth[inner].ravel())[0, 1] > 0.999
    assert len(WHOLE) == 5


def test_they_have_unit_mean_square_and_ignore_brightness_and_contrast():
    static = torch.randn(14, 17, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    images = derivatives(static)
    torch.testing.assert_close(images.square().mean((1, 2)), torch.ones(5, dtype=torch.float64))
    torch.testing.assert_close(derivatives(300 + 25 * static), images)


def test_a_static_image_without_contrast_gives_finite_images():
    assert bool(derivatives(torch.full((10, 10), 7.0)).isfinite().all())


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_a_basis_spans_what_its_images_span_and_nothing_else(rng, rank):
    images = rng.normal(size=(40, rank)) @ rng.normal(size=(rank, 6))
    basis = orthonormal(torch.from_numpy(images).float()).numpy()
    assert basis.shape == (40, rank)
    np.testing.assert_allclose(basis.T @ basis, np.eye(rank), atol=1e-5)
    np.testing.assert_allclose(basis @ (basis.T @ images), images, atol=1e-4)


def test_each_image_keeps_its_direction_but_for_those_before(rng):
    images = rng.normal(size=(30, 4))
    basis = orthonormal(torch.from_numpy(images)).numpy()
    products = basis.T @ images
    np.testing.assert_allclose(np.tril(products, -1), 0, atol=1e-12)
    assert (products.diagonal() > 0).all()
