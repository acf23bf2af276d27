"""Follow the whole path of sparse models, from none to all links, and choose one."""

import numpy as np

import napari_varae as nv

recording = nv.SimulationConfig(frames=800, cells=8, density=0.2, seed=0)
traces = nv.simulate(recording).traces  # (T, K): any latents will do, those of a fit too

var = nv.estimate_var(traces, order=1, penalty="bic", weights="links")  # own past is not penalised
off_diagonal = ~np.eye(traces.shape[1], dtype=bool)
print(f"BIC chooses penalty {var.penalty:.3f}")

# Between its knots the path is linear, so another penalty costs nothing.
for penalty in (0.3, 0.1, 0.03, 0.01, 0.0):
    links = np.count_nonzero(var.at(penalty).coefficients[0][off_diagonal])
    print(f"penalty {penalty:<4}: {links:>2} links")

# Other rules: EBIC is sparser, cross-validation judges on later frames.
for rule in ("bic", "ebic", "cv"):
    found = nv.estimate_var(traces, order=1, penalty=rule, weights="links")
    print(f"{rule:<4}: {np.count_nonzero(found.coefficients[0][off_diagonal])} links")
