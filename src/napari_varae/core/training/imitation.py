"""A warm start of the convolutional network: it imitates a fit with footprints before its training begins.

For that, the places of a fit with the same number of latents are assigned to the sites of the latent map, so
that the sum of squared distances is smallest (Hungarian algorithm). Then encoder and decoder learn apart, on windows
of frames: the encoder to give the latents of that fit, the decoder to draw the frames from them.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from napari_varae.core.autoencoder.convolutional import ConvolutionalNetwork
from napari_varae.core.compute.checkpoint import Check, go_on
from napari_varae.core.fit.fit import Fit
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.training.compress import Progress
from napari_varae.core.training.end_to_end import EndToEnd, Numerics
from napari_varae.core.training.trainer import Trainer

__all__ = ["make_trainer", "sites"]

STEPS = 240
"""Gradient steps of the imitation."""


def make_trainer(stack: Stack, config: FitConfig, check: Check = go_on, progress: Progress | None = None) -> EndToEnd:
    """Make the trainer of a convolutional network, with the initial weights that the settings name."""
    progress = progress or (lambda _phase, _share: None)
    trainer = EndToEnd(stack, config, check)
    if config.initial == "footprints":
        _imitate(trainer, _footprints(stack, trainer.config, check, progress), progress)
    return trainer


def _footprints(stack: Stack, config: FitConfig, check: Check, progress: Progress) -> Fit:
    """Make the fit that is imitated, before its first epoch; its VAR is of no use."""
    changes = {"network": "footprints", "window": None, "sparsity": "fixed"}
    first = Trainer(stack, config.model_copy(update=changes), check, progress)
    return first.finish(first.assess(), ())


def sites(network: ConvolutionalNetwork, places: NDArray[np.float64]) -> NDArray[np.intp]:
    """Assign places (K, 2) in pixels, NaN where a latent has none, to sites of the flattened latent map; shape (K,)."""
    channels, h, w = network.map
    y, x = ((np.arange(n) + 0.5) * size / n for n, size in zip((h, w), network.image, strict=True))
    centres = np.stack(np.meshgrid(y, x, indexing="ij"), -1).reshape(-1, 2)
    distance = np.nan_to_num(cdist(places, np.tile(centres, (channels, 1)), "sqeuclidean"))
    found: NDArray[np.intp] = linear_sum_assignment(distance)[1]
    return found


def _imitate(trainer: EndToEnd, model: Fit, progress: Progress) -> None:
    """Train the network to encode and draw frames as a fit of another network does, latent by latent."""
    network, data = trainer.network, trainer.data
    places = model.places.copy()
    places[list(model.whole_image)] = np.nan
    network.site.copy_(torch.from_numpy(sites(network, places)))
    latents = torch.from_numpy(model.encode(data.stack, (data.start, data.stop)))
    windows = itertools.chain.from_iterable(trainer.windows() for _ in itertools.count())
    for step, window in enumerate(itertools.islice(windows, STEPS)):
        progress("imitating footprints", step / STEPS)
        frames, good = data.read(*window)
        d = network.reduce(torch.from_numpy(frames[good]).to(trainer.device))
        z = latents[window[0] - data.start : window[1] - data.start][torch.from_numpy(good)].to(trainer.device)
        encoded, drawn = network.encode_reduced(trainer.hide(d)), network.decode_reduced(z, network.context())
        trainer.descend((encoded - z).square().mean() + (drawn - d).square().mean(), 0)
    trainer.numerics = Numerics()  # what is counted there is the training that follows
