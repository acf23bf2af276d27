"""How well coarse maps can draw footprints, with and without features of the static image.

    python -m benchmarks.autoencoder.static_features MOVIE.tif --train 0 1600 --test 1600 2000

Footprints are smoothed principal components of the training frames. Each network is fitted to them by least squares,
not trained. Printed: the fraction of the variance of the test frames that remains when they are read and drawn by it.
"""

from __future__ import annotations

import argparse

import torch

import napari_varae as nv
from napari_varae.core.autoencoder.footprints import Autoencoder
from napari_varae.core.training.components import components, localise
from napari_varae.core.training.initialise import set_footprints


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movie")
    parser.add_argument("--train", type=int, nargs=2, required=True)
    parser.add_argument("--test", type=int, nargs=2, required=True)
    parser.add_argument("--latents", type=int, default=64)
    parser.add_argument("--smoothing", type=float, default=0.85)
    options = parser.parse_args()
    torch.manual_seed(0)
    movie = nv.open_stack(options.movie).read()
    static = movie[slice(*options.train)].mean(0)
    scale = (movie[slice(*options.train)] - static).std()
    d = (movie - static) / scale
    test = torch.from_numpy(d[slice(*options.test)]).flatten(1)
    basis = localise(components(d[slice(*options.train)], options.latents, options.smoothing))
    footprints = basis.T.reshape(-1, *d.shape[1:]).numpy()

    def remains(drawn: torch.Tensor) -> float:
        basis = torch.linalg.qr(drawn.T)[0]
        return 1 - float((test - test @ basis @ basis.T).square().sum() / test.square().sum())

    print(f"{'images at full resolution':<46} {remains(torch.from_numpy(footprints).flatten(1)):.4f}")
    for step in (2, 4, 8):
        for name, channels, skip in (
            ("constant only", 1, True),
            ("8 patterns, the same everywhere", 8, False),
            ("5 derivatives of the static image", 5, True),
            ("these and 3 random convolutions", 8, True),
        ):
            network = Autoencoder(d.shape[1:], options.latents, step, channels, skip)
            image = torch.from_numpy(static / scale)
            set_footprints(network, torch.from_numpy(footprints), image, steps=60)
            with torch.no_grad():
                drawn = network.banks(image)[1]
            print(f"grid of {step} px, {name:<34} {remains(drawn):.4f}", flush=True)


if __name__ == "__main__":
    main()
