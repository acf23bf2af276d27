"""Keep everything about one recording in an analysis folder, and hand the results on as NWB."""

import importlib.util
from pathlib import Path

import tifffile

import napari_varae as nv

simulated = nv.simulate(nv.SimulationConfig(frames=600, height=40, width=40, cells=5, seed=0)).stack
tifffile.imwrite("movie.tif", simulated.read(), metadata={"axes": "TYX"})

stack = nv.open_stack("movie.tif", frame_rate=10.0)
settings = nv.AnalysisSettings(fit=nv.FitConfig(latents=6, epochs=1), comparison=nv.ComparisonConfig(resamples=99))
analysis = nv.Analysis.begin("analysis", stack, settings)

fit = nv.fit(stack, settings.fit)
analysis.keep_fit(fit)
analysis.keep_latents(fit.encode(stack))
analysis.keep_map(nv.contribution_map(fit, stack, kind="driver"), "drivers")
analysis.keep_comparison(nv.compare(fit, stack, (0, 280), (320, 600), settings.comparison), "early and late")

# Later, in another session or on another computer
again = nv.open_analysis("analysis")
print("Maps:", ", ".join(again.maps))
print("Frame sets:", again.frame_sets)
print("p =", again.comparisons["early and late"]["p_value"])
if importlib.util.find_spec("pynwb"):
    print("NWB:", nv.export_nwb(again, Path("results.nwb")))
