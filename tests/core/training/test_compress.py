"""Compression: exact static image, orthonormal bases, traces that are projections, and flashes that enter nothing."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from napari_varae.core.components.compressed import CompressedMovie
from napari_varae.core.movie.normalisation import Normalisation
from napari_varae.core.movie.stack import Stack
from napari_varae.core.settings import FitConfig
from napari_varae.core.training import compress as module
from napari_varae.core.training.compress import compress, compression_key, n_components
from napari_varae.core.training.sample import Sample
from napari_varae.core.training.split import Split
from napari_varae.errors import StackError

IMAGES = {"one tile": (40, 36), "several tiles": (70, 150)}
BAD = (20, 21, 150)


def go_on() -> None:
    pass


def movie(image: tuple[int, int] = (40, 36), n_frames: int = 260, noise: float = 1.0) -> np.ndarray:
    """Cells that follow their past on a static image that moves a little and bleaches, (T, Y, X)."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[: image[0], : image[1]]
    places = rng.uniform((6, 6), np.subtract(image, 6), (max(4, image[0] * image[1] // 800), 2))
    cells = np.stack([np.exp(-((y - a) ** 2 + (x - b) ** 2) / 12) for a, b in places])
    traces = rng.gamma(0.5, 2, (n_frames, len(places)))
    for t in range(1, n_frames):
        traces[t] += 0.8 * traces[t - 1]
    static = 40 + 20 * np.sin(y / 5) * np.cos(x / 7) + 25 * cells.sum(0)
    frames = static * np.linspace(1.05, 0.95, n_frames)[:, None, None] + np.tensordot(traces, cells, 1)
    return (frames + noise * rng.normal(size=frames.shape)).astype(np.float32)


def compressed(stack: Stack, **settings) -> tuple[CompressedMovie, Split, FitConfig]:
    config = FitConfig(**settings)
    split = Split(stack, config)
    return compress(stack, split, config, lambda _phase, _share: None), split, config


@pytest.fixture(scope="module", params=IMAGES)
def case(request) -> tuple[Stack, CompressedMovie, Split]:
    stack = Stack(movie(IMAGES[request.param]), bad_frames=BAD)
    return stack, *compressed(stack, frames=(10, 250))[:2]


def used(split: Split) -> np.ndarray:
    return np.flatnonzero(split.trained) + split.start


def test_the_static_image_is_the_mean_of_the_trained_frames(case):
    stack, found, split = case
    expected = stack.array[used(split)].mean(0, dtype=np.float64)
    np.testing.assert_allclose(found.normalisation.static, expected, rtol=1e-6)
    np.testing.assert_array_equal(found.normalisation.baseline, found.normalisation.static)


def test_the_scale_is_that_of_the_dynamic_part(case):
    stack, found, split = case
    frames = stack.array[used(split)]
    assert found.normalisation.scale == pytest.approx(
        np.square(frames - found.normalisation.static).mean(dtype=np.float64) ** 0.5, rel=1e-3
    )


def test_the_basis_is_orthonormal(case):
    _, found, _ = case
    products = torch.bmm(found.basis.mT, found.basis)
    eye = torch.eye(found.basis.shape[2]).expand_as(products)
    torch.testing.assert_close(products, eye, atol=1e-4, rtol=0)


def test_the_basis_keeps_within_the_image(case):
    _, found, _ = case
    beyond = found.tiles.cut(torch.ones(1, *found.tiles.image))[:, 0] == 0
    assert not found.basis[beyond].abs().gt(1e-4).any()


def test_traces_are_projections_of_the_frames(case):
    stack, found, _ = case
    d = torch.from_numpy(found.normalisation.apply(stack.array))
    expected = torch.bmm(found.tiles.cut(d), found.basis).transpose(0, 1)
    good = stack.good_frames()
    torch.testing.assert_close(found.traces[good], expected[good], atol=2e-3, rtol=1e-4)
    assert not found.traces[~good].any()
    assert found.flat.shape == (stack.n_frames, found.basis.shape[0] * found.basis.shape[2])


def test_expanding_draws_what_lies_in_the_span(case):
    stack, found, _ = case
    rows = [30, 100]
    d = torch.from_numpy(found.normalisation.apply(stack.array[rows]))
    cut = found.tiles.cut(d)
    projected = torch.bmm(torch.bmm(cut, found.basis), found.basis.mT)
    torch.testing.assert_close(found.expand(found.traces[rows]), found.tiles.join(projected), atol=2e-3, rtol=1e-3)


def test_little_but_noise_lies_outside(case):
    stack, found, split = case
    d = torch.from_numpy(found.normalisation.apply(stack.array[used(split)]))
    left = d - found.expand(found.traces[used(split)])
    assert float(left.square().mean()) * found.normalisation.scale**2 < 1.05  # the variance of the noise is 1


def test_images_of_the_whole_are_orthonormal_and_come_first(case):
    _, found, _ = case
    flat = found.common.flatten(1)
    assert found.n_common == 5
    torch.testing.assert_close(flat @ flat.T, torch.eye(5), atol=1e-4, rtol=0)
    assert not found.common[:, :, 5:].abs().gt(1e-4).any()
    static = torch.from_numpy(found.normalisation.static - found.normalisation.static.mean()).flatten()
    drawn = found.expand(found.common).flatten(1)
    torch.testing.assert_close((drawn @ static).norm(), static.norm(), rtol=1e-4, atol=0)


def test_variance_is_what_the_whole_image_does_not_explain(case):
    stack, found, split = case
    d = torch.from_numpy(found.normalisation.apply(stack.array[used(split)])).flatten(1)
    common = found.expand(found.common).flatten(1)
    d = d - (d @ common.T) @ common
    expected = found.tiles.cut(d.square().mean(0).view(1, *found.tiles.image))[:, 0]
    torch.testing.assert_close(found.variance, expected, rtol=0.02, atol=0.02)
    assert found.bins == len(d)


def same(a: CompressedMovie, b: CompressedMovie, but: tuple[str, ...] = ()) -> bool:
    def equal(x, y) -> bool:
        if isinstance(x, torch.Tensor):
            return torch.equal(x, y)
        if isinstance(x, Normalisation):
            return np.array_equal(x.static, y.static) and (x.scale, x.skip) == (y.scale, y.skip)
        return bool(np.array_equal(x, y)) if isinstance(x, np.ndarray) else x == y

    return all(
        equal(getattr(a, field.name), getattr(b, field.name))
        for field in fields(a)
        if field.name not in (*but, "tiles")
    )


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
def test_a_flash_is_found_and_changes_nothing_else(image):
    """As if the frame had been marked as bad, wherever the sample looks."""
    frames, odd = movie(image), 77
    frames[odd] *= 1000
    found = compressed(Stack(frames, bad_frames=BAD))[0]
    frames[odd] /= 1000
    calm = compressed(Stack(frames, bad_frames=BAD))[0]
    assert found.odd == (odd,)
    assert calm.odd == ()
    assert not found.traces[odd].any()
    for name, close in (("static", 1e-2), ("scale", 1e-2)):  # one frame of 230 more or less
        np.testing.assert_allclose(getattr(found.normalisation, name), getattr(calm.normalisation, name), rtol=close)
    frames[odd] *= 7
    dimmer = compressed(Stack(frames, bad_frames=BAD))[0]
    assert same(found, dimmer)


def test_a_flash_in_held_out_frames_changes_no_trace_of_others():
    frames = movie()
    stack = Stack(frames, bad_frames=BAD)
    odd = int(np.flatnonzero(Split(stack, FitConfig()).held_out)[4])
    calm = compressed(stack)[0]
    frames[odd] += 5000
    found = compressed(Stack(frames, bad_frames=BAD), smoothing=calm.smoothing)[0]
    assert found.odd == (odd,)
    expected = calm.traces.clone()
    expected[odd] = 0
    assert same(found, replace(calm, traces=expected), but=("odd",))


@pytest.mark.parametrize("size", [3, 17])
def test_flashes_and_dark_frames_are_all_found(size):
    frames = movie()
    odd = np.linspace(5, 250, size).astype(int)
    frames[odd[::2]] *= 30
    frames[odd[1::2]] = 0
    assert compressed(Stack(frames))[0].odd == tuple(odd.tolist())


def test_activity_of_many_cells_is_not_odd():
    frames, calm = movie(), movie(noise=0.0)
    event = calm[np.argmax(calm.mean((1, 2)))] - calm.mean(0)
    frames[60:64] += 8 * event.clip(0)
    assert compressed(Stack(frames))[0].odd == ()


def test_what_bad_frames_hold_changes_nothing():
    frames = movie()
    found = compressed(Stack(frames, bad_frames=BAD))[0]
    frames[list(BAD)] = 1e14
    assert same(found, compressed(Stack(frames, bad_frames=BAD))[0])


def test_frames_outside_the_range_have_traces_and_change_nothing():
    frames = movie()
    found = compressed(Stack(frames), frames=(30, 230))[0]
    assert found.traces[:30].any()
    frames[:30], frames[230:] = frames[:30] + 1, frames[230:] * 1.01
    other = compressed(Stack(frames), frames=(30, 230))[0]
    assert same(found, other, but=("traces",))
    assert torch.equal(found.traces[30:230], other.traces[30:230])


@pytest.mark.parametrize("parts", [2, 5])
def test_memory_for_parts_changes_the_components_little(monkeypatch, parts):
    """Components of parts of the movie are merged; the span explains as much."""
    stack = Stack(movie())
    whole = compressed(stack, smoothing=0.85)[0]
    pixels = whole.tiles.pixels
    monkeypatch.setattr(module, "PART_BYTES", 4 * pixels * 260 // parts)
    monkeypatch.setattr("napari_varae.core.movie.stack.BLOCK_BYTES", 4 * 40 * 36 * 32)
    merged = compressed(stack, smoothing=0.85)[0]
    np.testing.assert_allclose(merged.normalisation.static, whole.normalisation.static, rtol=1e-6)
    explained = [float(movie.traces.square().sum()) for movie in (whole, merged)]
    assert explained[1] == pytest.approx(explained[0], rel=0.01)


def test_neighbours_of_long_movies_are_averaged(monkeypatch):
    monkeypatch.setattr(module, "ENOUGH", 100)
    found, split, _ = compressed(Stack(movie()))
    size = -(-int(split.trained.sum()) // 100)
    assert found.bins == int(split.trained.sum()) // size
    assert len(found.traces) == 260  # at the full rate


def test_the_median_is_that_of_the_trained_frames():
    stack = Stack(movie(), bad_frames=BAD)
    found, split, _ = compressed(stack, static="median")
    np.testing.assert_allclose(found.normalisation.static, np.median(stack.array[used(split)], axis=0), rtol=1e-6)
    np.testing.assert_array_equal(found.normalisation.baseline, found.normalisation.static)


def test_without_a_skip_nothing_is_subtracted():
    found, split, _ = compressed(Stack(movie()), static_skip=False)
    assert not found.normalisation.baseline.any()
    assert found.n_common == 1  # the static image
    np.testing.assert_allclose(found.normalisation.static, movie()[used(split)].mean(0), rtol=1e-5)
    # The static image is the strongest component.
    drawn = found.expand(found.traces.mean(0, keepdim=True))[0].numpy() * found.normalisation.scale
    np.testing.assert_allclose(drawn, found.normalisation.static, rtol=0.05)


def test_without_a_skip_cells_are_still_described():
    stack = Stack(movie())
    found = compressed(stack, static_skip=False, smoothing=0.85)[0]
    left = torch.from_numpy(stack.array / np.float32(found.normalisation.scale)) - found.expand(found.traces)
    assert float(left.square().mean()) * found.normalisation.scale**2 < 1.5  # the variance of the noise is 1


def test_more_latents_than_components_get_more_components():
    stack = Stack(movie())
    many = compressed(stack, latents=60)[0]
    assert many.basis.shape[2] == n_components(many.tiles, FitConfig(latents=60)) + many.n_common == 125


def test_a_movie_that_does_not_vary_is_refused():
    still = np.full((50, 8, 8), 300, np.uint16)
    still[17] = 9999
    with pytest.raises(StackError, match="do not vary"):
        compressed(Stack(still, bad_frames=[17]), latents=4)


def test_it_asks_whether_it_is_wanted_and_reports_its_phases():
    stack, config = Stack(movie()), FitConfig()
    asked, phases = [], []
    compress(
        stack, Split(stack, config), config, lambda *report: phases.append(report), lambda: asked.append(len(phases))
    )
    assert list(dict.fromkeys(phase for phase, _ in phases)) == ["reading", "compressing", "projecting"]
    assert all(0 <= share < 1 for _, share in phases)
    assert len(asked) > 200  # before each frame of the sample

    class Unwanted(Exception):
        pass

    def refuse() -> None:
        raise Unwanted

    with pytest.raises(Unwanted):
        compress(stack, Split(stack, config), config, lambda _phase, _share: None, refuse)


def test_the_key_is_that_of_all_that_counts():
    stack = Stack(movie(), bad_frames=BAD)

    def key(stack: Stack = stack, movie: str = "movie", **settings) -> str:
        config = FitConfig(**settings)
        return compression_key(movie, Split(stack, config), config)

    alike = {key(), key(epochs=1), key(mode="two_stage"), key(learning_rate=0.1), key(order=1), key(latents=4)}
    assert len(alike) == 1
    others = [
        key(movie="another"), key(Stack(movie(), bad_frames=(20, 21, 22))), key(frames=(10, 250)), key(held_out=0.2),
        key(static="median"), key(static_skip=False), key(smoothing=0.5), key(seed=1), key(latents=100),
    ]  # fmt: skip
    assert len({*alike, *others}) == 1 + len(others)


@pytest.mark.parametrize(("noise", "wide"), [(0.02, False), (12.0, True)])
def test_the_noisier_the_movie_the_wider_the_smoothing(noise, wide):
    """Single bright pixels need none; cells that drown in noise need it."""
    frames = movie(noise=noise)
    if not wide:
        rng = np.random.default_rng(1)
        frames = frames.mean(0) + noise * rng.normal(size=frames.shape)
        frames[:, 5::6, 5::6] += 5 * rng.normal(size=frames[:, 5::6, 5::6].shape)
    stack, config = Stack(frames.astype(np.float32)), FitConfig()
    sample = Sample(stack, Split(stack, config), config, go_on)
    chosen = sample.choose_smoothing(compressed(stack, smoothing=0.0)[0].tiles, go_on)
    assert chosen >= 0.85 if wide else chosen == 0
