"""Simulate a recording of which everything is known, and see what a fit recovers of it."""

import numpy as np

import napari_varae as nv

recording = nv.SimulationConfig(frames=400, height=40, width=40, cells=5, seed=0)
sim = nv.simulate(recording)
print(f"movie {sim.stack.shape}, traces {sim.traces.shape}, footprints {sim.footprints.shape}")
print(
    f"true links: {np.count_nonzero(sim.coefficients[0]) - sim.traces.shape[1]}, driving cells: {sim.drivers.tolist()}"
)

fit = nv.fit(sim.stack, nv.FitConfig(latents=10, epochs=2))
latents = fit.encode(sim.stack)

# For each cell, the latent that follows it best.
cells = sim.traces.shape[1]
related = np.abs(np.corrcoef(latents, sim.traces, rowvar=False)[:-cells, -cells:])
for cell, (latent, r) in enumerate(zip(related.argmax(0), related.max(0), strict=True)):
    print(f"cell {cell}: latent {latent}, correlation {r:.2f}")
