"""Compare the dynamics of two conditions that take turns, and of two in which nothing changes."""

import napari_varae as nv

recording = nv.SimulationConfig(frames=800, height=40, width=40, cells=5, density=0.3, change_at=400, seed=0)
stack = nv.simulate(recording).stack  # half of the links are others from frame 400 on
fit = nv.fit(stack, nv.FitConfig(latents=6, epochs=1))

# Frame ranges are half-open (start, stop). A condition may have several segments; leave at least the order of the VAR
# between A and B.
before = [(0, 190), (200, 390)]
after = [(400, 590), (600, 800)]

changed = nv.compare(fit, stack, before, after, resamples=99, seed=0)
same = nv.compare(fit, stack, before[0], before[1], resamples=99, seed=0)
for name, result in (("before and after the change", changed), ("twice before it", same)):
    low, high = result.effect_interval
    print(f"{name}: p = {result.p_value:.2f}, largest difference {result.effect_size:.2f} ({low:.2f} to {high:.2f})")
    for warning in result.warnings:
        print(f"  caution: {warning}")
