"""Save a fit, load it again later, and apply it to its movie."""

import numpy as np

import napari_varae as nv

recording = nv.SimulationConfig(frames=300, height=32, width=32, cells=4, seed=0)
stack = nv.simulate(recording).stack

# Yesterday.
fit = nv.fit(stack, nv.FitConfig(latents=6, epochs=1))
fit.save("yesterday.varae")  # numbers and text, no code: a fit from a stranger is safe to open

# Today: the file holds everything but the movie.
again = nv.load_fit("yesterday.varae")
print(f"loaded {again.latents} latents of a VAR of order {again.var.order}, trained with {again.config.epochs} epochs")
assert np.array_equal(again.encode(stack), fit.encode(stack))
