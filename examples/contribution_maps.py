"""Map which pixels drive the dynamics and which are driven, for the whole VAR and for one link, and save them."""

import numpy as np
import tifffile

import napari_varae as nv

recording = nv.SimulationConfig(frames=300, height=32, width=32, cells=4, density=0.3, seed=0)
stack = nv.simulate(recording).stack
fit = nv.fit(stack, nv.FitConfig(latents=6, epochs=2))

drivers = nv.contribution_map(fit, stack, kind="driver")  # pixels on which the predictions rest
driven = nv.contribution_map(fit, stack, kind="effect")  # pixels that the predictions change
tifffile.imwrite("drivers.tif", drivers)
tifffile.imwrite("driven.tif", driven)

# The strongest link: lag counted from 1, then target and source.
size = np.abs(fit.var.coefficients)
size[:, np.arange(fit.latents), np.arange(fit.latents)] = 0  # own past is not a link
lag, target, source = map(int, np.unravel_index(size.argmax(), size.shape))
one = nv.contribution_map(fit, stack, kind="driver", edge=(lag + 1, target, source))
tifffile.imwrite("one-link.tif", one)
value = fit.var.coefficients[lag, target, source]
print(f"strongest link: latent {source} drives latent {target}, coefficient {value:.2f}")
