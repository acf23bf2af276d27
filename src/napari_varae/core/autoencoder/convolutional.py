r"""A convolutional autoencoder whose latents are a map (C, h, w), with a skip from the static image.

Encoder: a strided convolution takes the image to a grid, further ones halve it, and the last gives the latent map,
flattened to K = C h w for the VAR. Decoder: the way back, resampled and convolved at each size up to the grid, whose
coefficient maps are drawn as

.. math:: h(z_t, s)(y, x) = \sum_f \mathrm{up}(A_f(z_t))(y, x) \; g_f(y, x),

bilinear upsampling times feature images. With the skip these are features of the static image s, which also scales and
shifts the maps of the decoder at every size, and those of the encoder at its first (as in Perez et al. 2018): what the
same latent draws depends on what lies at its place. All this is computed once per batch and not once per frame. Without
the skip g repeats a learned pattern at every place, which makes the drawing a transposed convolution, and the latents
have to carry the static image too.

Memory traffic decides the speed: no map of full resolution is ever made of a frame but the image itself. Drawing is
one small matrix product per patch: its pixels are 9 neighbouring coefficient vectors times hat functions and features.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_varae.core.autoencoder.network import Network

if TYPE_CHECKING:
    from napari_varae.core.settings import FitConfig

__all__ = ["ConvolutionalNetwork", "latent_map"]

LARGEST = 256
"""Longest edge, in pixels, of the images the network works on; larger ones are binned."""
FINE = 64
"""Longest edge up to which the grid has 4 pixels a step, and 8 beyond."""


def latent_map(latents: int, image: tuple[int, int]) -> tuple[int, int, int]:
    """Choose a latent map (C, h, w) with C h w = K for an image of (Y, X) pixels.

    Sites as square as can be come first, then few channels: a latent is to look at one place.

    Raises
    ------
    ValueError
        When every map of this many latents has sites more than 2.5 times as long as wide, or finer than 4 pixels.
    """
    found = _maps(latents, image)
    if not found:
        below, above = (
            next((k for k in numbers if _maps(k, image)), None)
            for numbers in (range(latents - 1, 0, -1), range(latents + 1, (image[0] // 4) * (image[1] // 4) + 1))
        )
        choices = " or ".join(str(k) for k in (below, above) if k is not None) or "the footprints network"
        raise ValueError(
            f"{latents} latents cannot be arranged as channels x rows x columns over an image of {image[0]} x "
            f"{image[1]} pixels: choose {choices}."
        )
    return min(found)[1:]


def _maps(latents: int, image: tuple[int, int]) -> list[tuple[float, int, int, int]]:
    """Possible latent maps, each as (cost, C, h, w)."""
    found = []
    for h in range(1, min(latents, image[0] // 4) + 1):
        for w in range(1, min(latents // h, image[1] // 4) + 1):
            elongated = abs(math.log(image[0] / h * w / image[1]))
            if latents % (h * w) == 0 and elongated < math.log(2.5):
                channels = latents // (h * w)
                found.append((elongated + 0.2 * math.log(channels), channels, h, w))
    return found


class Context(NamedTuple):
    """What the decoder needs of the static image.

    `joined`: factors and terms (1, 2 W, h, w) for each size; `drawing`: a matrix (9 F, step^2) for each patch.
    """

    joined: list[Tensor | None]
    drawing: Tensor


class StaticPathway(nn.Module):
    """Features of the static image at full resolution, on the grid, and at each size of the decoder."""

    def __init__(self, width: int, features: int, step: int, sizes: int) -> None:
        super().__init__()
        self.fine = nn.Sequential(nn.Conv2d(1, 8, 5, padding=2, padding_mode="replicate"), nn.GELU(),
                                  nn.Conv2d(8, features - 2, 3, padding=1, padding_mode="replicate"))  # fmt: skip
        self.patches = nn.Conv2d(1, width, 2 * step, stride=step)
        self.read = nn.Conv2d(width, 2 * width, 1)
        self.join = nn.ModuleList(nn.Conv2d(width, 2 * width, 3, padding=1) for _ in range(sizes))


class ConvolutionalNetwork(Network):
    """Convolutional encoder and decoder around a latent map; see the module.

    Parameters
    ----------
    image : (int, int)
        Image size (Y, X) in pixels.
    latents : int
        Number of latents K, for which :func:`latent_map` finds a map.
    channels : int
        Feature images F of the drawing; the convolutions have 4 F channels.
    static_skip : bool
        Whether the static image joins encoder and decoder.
    random : torch.Generator, optional
        Draws the weights of the start.
    """

    origin: Tensor
    gain: Tensor
    site: Tensor
    hats: Tensor

    def __init__(
        self,
        image: tuple[int, int],
        latents: int,
        channels: int = 8,
        static_skip: bool = True,
        random: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.image, self.latents, self.static_skip = image, latents, static_skip
        self.features, width = max(channels, 3), 4 * channels
        self.bin = -(-max(image) // LARGEST)
        self.binned = (-(-image[0] // self.bin), -(-image[1] // self.bin))
        self.step = 4 if max(self.binned) <= FINE else 8
        self.map = latent_map(latents, image)
        self.sizes = self._sizes()
        with torch.random.fork_rng(devices=[]):  # torch draws weights that are drawn again below
            halvings = len(self.sizes) - 2
            self.patches = nn.Conv2d(1, width, 2 * self.step, stride=self.step)
            self.down = nn.ModuleList(nn.Conv2d(width, width, 3, stride=2, padding=1) for _ in range(halvings))
            self.to_map = nn.Conv2d(width, self.map[0], 3, padding=1)
            self.from_map = nn.Conv2d(self.map[0], width, 3, padding=1)
            self.up = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in self.sizes[1:])
            self.to_drawing = nn.Conv2d(width, self.features, 1)
            if static_skip:
                self.pathway = StaticPathway(width, self.features, self.step, len(self.sizes))
            else:
                self.patterns = nn.Parameter(torch.empty(self.features, self.step, self.step))
        self.register_buffer("static", torch.zeros(image))
        self.register_buffer("origin", torch.zeros(latents))
        self.register_buffer("gain", torch.ones(latents))
        self.register_buffer("site", torch.arange(latents, dtype=torch.float32))
        self.register_buffer("hats", _hats(self.step), persistent=False)
        self.reset(random or torch.Generator().manual_seed(0))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a step takes 15 % less

    @classmethod
    def build(cls, config: FitConfig, image: tuple[int, int], random: torch.Generator | None = None) -> Self:
        """Make a network for given settings, with a number of latents, and an image size (Y, X)."""
        if config.latents == "auto":
            raise ValueError("The settings name no number of latents.")
        return cls(image, config.latents, config.channels, config.static_skip, random)

    @classmethod
    def from_state(cls, config: FitConfig, image: tuple[int, int], state: dict[str, Tensor]) -> ConvolutionalNetwork:
        """Make a network for given settings with a state, as :meth:`state_dict` gives it."""
        network = cls.build(config, image)
        network.load_state_dict(state)
        return network

    @classmethod
    def tensors(cls, config: FitConfig, image: tuple[int, int]) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the state of a network for given settings and an image size (Y, X)."""
        with torch.device("meta"):
            state = cls.build(config, image).state_dict()
        return {name: tuple(value.shape) for name, value in state.items()}

    def _sizes(self) -> list[tuple[int, int]]:
        """Sizes of the maps from the latent map up to the grid."""
        _, h, w = self.map
        grid = (-(-self.binned[0] // self.step), -(-self.binned[1] // self.step))
        sizes = [grid]
        while sizes[-1][0] >= 2 * h and sizes[-1][1] >= 2 * w:
            sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
        return [(h, w), *reversed(sizes)]

    @torch.no_grad()
    def reset(self, random: torch.Generator) -> None:
        """Draw the weights of a random start (He et al. 2015), those of what is drawn small."""
        if self.static.is_meta:
            return
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_in = module.weight[0].numel()
                module.weight.copy_(torch.randn(module.weight.shape, generator=random) * math.sqrt(2 / fan_in))
                module.bias.zero_()  # type: ignore[union-attr]  # all have a bias
        self.to_drawing.weight.mul_(0.05)
        if not self.static_skip:
            self.patterns.copy_(torch.randn(self.patterns.shape, generator=random))
            self.patterns[0] = 1

    def reduce(self, frames: Tensor) -> Tensor:
        """Bin frames (B, Y, X) to the images the network works on."""
        if self.bin == 1:
            return frames
        y, x = (size * self.bin - full for size, full in zip(self.binned, self.image, strict=True))
        return F.avg_pool2d(F.pad(frames[:, None], (0, x, 0, y), mode="replicate"), self.bin)[:, 0]

    def expand(self, frames: Tensor) -> Tensor:
        """Interpolate what :meth:`reduce` gives back to the full image."""
        if self.bin == 1:
            return frames
        full = F.interpolate(frames[:, None], scale_factor=self.bin, mode="bilinear", align_corners=False)
        return full[:, 0, : self.image[0], : self.image[1]]

    def _level(self) -> tuple[Tensor, Tensor]:
        """Give what is subtracted and divided by before convolving; without a skip frames hold the static image."""
        if self.static_skip:
            return self.static.new_zeros(()), self.static.new_ones(())
        return self.static.mean(), (1 + self.static.var()).sqrt()

    def _grid(self, images: Tensor, convolution: nn.Conv2d) -> Tensor:
        """Convolve images (B, 1, Y, X) to the grid; each step sees twice its own pixels."""
        (y, x), (h, w), step = self.binned, self.sizes[-1], self.step
        before = step // 2
        edges = (before, (w + 1) * step - x - before, before, (h + 1) * step - y - before)
        return convolution(F.pad(images, edges))  # type: ignore[no-any-return]  # torch: a module returns Any

    def _static_image(self) -> Tensor:
        """Give the static image as convolutions take it, shape (1, 1, Y, X)."""
        static = self.reduce(self.static[None])[None]
        return (static - static.mean()) / static.std().clamp(min=1e-6)

    def context(self) -> Context:
        """Compute what the decoder needs of the static image, once per batch."""
        gh, gw = self.sizes[-1]
        if not self.static_skip:
            drawing = torch.einsum("fij,nij->fnij", self.patterns, self.hats).reshape(1, -1, self.step**2)
            return Context([None] * len(self.sizes), drawing.expand(gh * gw, -1, -1))
        image = self._static_image()
        fine = torch.cat([torch.ones_like(image), image, self.pathway.fine(image)], 1)[0]
        y, x = self.binned
        fine = F.pad(fine, (0, gw * self.step - x, 0, gh * self.step - y))
        fine = fine.view(-1, gh, self.step, gw, self.step).permute(1, 3, 0, 2, 4).flatten(0, 1)
        drawing = torch.einsum("pfij,nij->pfnij", fine, self.hats).flatten(1, 2).flatten(2)
        coarse = F.gelu(self._grid(image, self.pathway.patches))
        joined = [
            join(F.adaptive_avg_pool2d(coarse, size)) for join, size in zip(self.pathway.join, self.sizes, strict=True)
        ]
        return Context(joined, drawing)

    def encode(self, frames: Tensor) -> Tensor:
        """Latents (B, K) of dynamic frames (B, Y, X)."""
        return self.encode_reduced(self.reduce(frames))

    def encode_reduced(self, frames: Tensor) -> Tensor:
        """Latents (B, K) of frames that are binned already."""
        level, contrast = self._level()
        x = self._grid(((frames - level) / contrast)[:, None], self.patches)
        if self.static_skip:
            x = _modulate(x, self.pathway.read(F.gelu(self._grid(self._static_image(), self.pathway.patches))))
        x = F.gelu(x)
        for convolution in self.down:
            x = F.gelu(convolution(x))
        if x.shape[2:] != self.sizes[0]:
            x = F.adaptive_avg_pool2d(x, self.sizes[0])
        flat: Tensor = self.to_map(x).flatten(1)[:, self.site.long()]
        return (flat - self.origin) / self.gain

    def decode(self, latents: Tensor, context: Context | None = None) -> Tensor:
        """Dynamic frames (B, Y, X) from latents (B, K); computes the context itself when there is none."""
        return self.expand(self.decode_reduced(latents, context))

    def decode_reduced(self, latents: Tensor, context: Context | None = None) -> Tensor:
        """Frames as the network works on them, before they are interpolated to the full image."""
        joined, drawing = self.context() if context is None else context
        flat = (latents * self.gain + self.origin)[:, self.site.argsort()]
        x = self.from_map(flat.view(-1, *self.map))
        x = F.gelu(_modulate(x, joined[0]))
        for convolution, size, term in zip(self.up, self.sizes[1:], joined[1:], strict=True):
            if x.shape[2:] != size:
                x = F.interpolate(x, size, mode="bilinear", align_corners=False)
            x = convolution(x)
            x = F.gelu(_modulate(x, term))
        level, contrast = self._level()
        return self._draw(self.to_drawing(x), drawing) * contrast + level

    def _draw(self, maps: Tensor, drawing: Tensor) -> Tensor:
        """Draw coefficient maps (B, F, h, w) as images: one matrix product per patch."""
        (gh, gw), step = self.sizes[-1], self.step
        padded = F.pad(maps, (1, 1, 1, 1), mode="replicate").permute(2, 3, 0, 1)
        around = [padded[i : i + gh, j : j + gw] for i in range(3) for j in range(3)]
        near = torch.stack(around, -1).flatten(3).flatten(0, 1)  # (patches, B, 9 F)
        images = torch.bmm(near, drawing).view(gh, gw, -1, step, step).permute(2, 0, 3, 1, 4)
        return images.reshape(-1, gh * step, gw * step)[:, : self.binned[0], : self.binned[1]]

    @torch.no_grad()
    def centre(self, means: Tensor) -> None:
        """Subtract `means` (K,) from the latents; what is decoded stays the same."""
        self.origin += self.gain * means

    @torch.no_grad()
    def rescale(self, factors: Tensor, order: Tensor) -> None:
        """Divide latent k by `factors` (K,), draw it as much stronger, and put latents into a new `order` (K,)."""
        self.gain.copy_((self.gain * factors)[order])
        self.origin.copy_(self.origin[order])
        self.site.copy_(self.site[order])


def _modulate(x: Tensor, joined: Tensor | None) -> Tensor:
    """Let the static image scale and shift maps (B, W, h, w): the same latent draws different things at each place."""
    if joined is None:
        return x
    factor, term = joined.chunk(2, 1)
    return torch.addcmul(x + term, x, factor)


def _hats(step: int) -> Tensor:
    """Weights (9, step, step) of the 3 x 3 nearest grid points at each pixel of a patch: bilinear interpolation."""
    t = (torch.arange(step) + 0.5) / step - 0.5
    line = torch.stack([(-t).clamp(min=0), 1 - t.abs(), t.clamp(min=0)])
    return torch.einsum("ai,bj->abij", line, line).flatten(0, 1)
