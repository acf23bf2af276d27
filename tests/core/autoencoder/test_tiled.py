"""Maps between latents and tiles: the same as with whole images, and transposes of each other."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_varae.core.autoencoder.tiled import draw, gather, gram, project

sizes = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 9), st.integers(1, 6))


def case(n: int, most: int, pixels: int, latents: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images (N, L, P), members (N, L), and the same as one matrix (K, N P)."""
    random = torch.Generator().manual_seed(seed)
    members = torch.full((n, most), -1)
    images = torch.zeros(n, most, pixels, dtype=torch.float64)
    dense = torch.zeros(latents, n, pixels, dtype=torch.float64)
    for tile in range(n):
        some = torch.randperm(latents, generator=random)[: int(torch.randint(most + 1, (), generator=random))]
        for row, k in enumerate(some.tolist()):
            members[tile, row] = k
            images[tile, row] = dense[k, tile] = torch.randn(pixels, generator=random, dtype=torch.float64)
    return images, members, dense.flatten(1)


@given(size=sizes, batch=st.integers(1, 3), seed=st.integers(0, 99))
def test_they_are_those_of_whole_images(size, batch, seed):
    (n, _, pixels, latents), (images, members, dense) = size, case(*size, seed)
    z = torch.randn(batch, latents, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    tiles = torch.randn(n, batch, pixels, generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64)
    flat = tiles.transpose(0, 1).flatten(1)
    torch.testing.assert_close(draw(z, images, members).transpose(0, 1).flatten(1), z @ dense)
    torch.testing.assert_close(project(tiles, images, members, latents), flat @ dense.T)
    torch.testing.assert_close(gram(images, members, latents), dense @ dense.T)


def test_where_there_is_no_latent_there_is_nothing():
    found = gather(torch.tensor([[5.0, 7.0]]), torch.tensor([[1, -1], [-1, -1]]))
    assert found[:, 0].tolist() == [[7, 0], [0, 0]]


def test_a_latent_that_reaches_into_no_tile_has_no_products():
    images, members = torch.tensor([[[1.0, 1, 1], [0, 0, 0]]]), torch.tensor([[0, -1]])
    assert gram(images, members, 3).tolist() == [[3, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert project(torch.ones(1, 1, 3), images, members, 3).tolist() == [[3, 0, 0]]
