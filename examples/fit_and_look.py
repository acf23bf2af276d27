"""Train on the first part of a recording, judge the fit on the rest, and look at what it found."""

import napari_varae as nv

recording = nv.SimulationConfig(frames=300, height=32, width=32, cells=4, density=0.4, seed=0)
stack = nv.simulate(recording).stack  # or: nv.open_stack("my_movie.tif", frame_rate=30.0)

config = nv.FitConfig(latents=6, epochs=2, frames=(0, 240))
fit = nv.fit(stack, config)

# On frames that the fit has not seen: how much of the variance around the static image is explained,
# by the reconstruction and by the prediction one frame ahead.
for name, value in nv.evaluate(fit, stack, frames=(240, 300)).items():
    print(f"{name:<20} {value:.3f}")

latents = fit.encode(stack)  # (T, K), one column for each latent
movie = fit.reconstruct(stack, frames=(240, 300))  # (60, Y, X), in the movie's units
print(f"latents {latents.shape}, reconstruction {movie.shape}, static image {fit.static.shape}")

# The VAR: coefficients [lag, target, source]. A link is a nonzero one between two different latents.
coefficients = fit.var.coefficients
links = [(t, s) for _, t, s in zip(*coefficients.nonzero(), strict=True) if t != s]
print(f"{len(links)} links between {fit.latents} latents at penalty {fit.var.penalty:.3f}")
