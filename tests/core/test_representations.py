"""What a notebook shows of an object is one line with what matters."""

import pytest

import napari_varae as nv

FEW = {"resamples": 19, "power_draws": 0, "halves": False}


@pytest.fixture(scope="module")
def objects():
    sim = nv.simulate(nv.SimulationConfig(frames=300, height=32, width=32, cells=4, seed=1))
    fit = nv.fit(sim.stack, nv.FitConfig(latents=4, epochs=0))
    sets = {"go": [(0, 90)], "stop": [(100, 190)], "rest": [(200, 300)]}
    result = nv.compare(fit, sim.stack, sets["go"], sets["stop"], **FEW)
    conditions = nv.compare_conditions(fit, sim.stack, sets, **FEW)
    choice = nv.choose(sim.stack, latents=[2, 4], orders=[1])
    return {
        "Choice": choice, "Robustness": nv.Robustness((), 0), "Simulation": sim, "Stack": sim.stack, "Fit": fit,
        "VAR": fit.var, "Comparison": result, "TwoSampleTest": result.test, "Answer": result.coupling,
        "Conditions": conditions, "Omnibus": conditions.omnibus,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("Simulation", "300 frames of 32 x 32, 4 cells"),
        ("Stack", "300 frames of 32 x 32"),
        ("Fit", "4 latents, order 1, 32 x 32 pixels, frames 0 to 300"),
        ("VAR", "4 latents, order 1"),
        ("Comparison", "coupling p ="),
        ("TwoSampleTest", "19 resamples"),
        ("Answer", "of 12 differ"),
        ("Conditions", "go, stop, rest"),
        ("Omnibus", "19 resamples"),
        ("Choice", "2 to 4 latents, orders 1 to 1 tried"),
        ("Robustness", "Nothing was compared"),
    ],
)
def test_one_line(objects, kind, words):
    text = repr(objects[kind])
    assert text.startswith(f"{kind}(")
    assert words in text
    assert "\n" not in text
    assert len(text) < 160
