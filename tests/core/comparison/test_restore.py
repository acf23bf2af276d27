"""A comparison that was written as JSON comes back whole."""

import json

import numpy as np
import pytest

import napari_varae as nv

QUICK = nv.ComparisonConfig(resamples=19, power_draws=0, blocks=4, halves=False)


@pytest.fixture(scope="module")
def results():
    stack = nv.simulate(nv.SimulationConfig(frames=300, height=32, width=32, cells=4, seed=2)).stack
    stack = stack.replace(bad_frames=[7, 40])
    fit = nv.fit(stack, nv.FitConfig(latents=5, epochs=0, threads=1))
    z = fit.encode(stack)
    return {
        "movie": nv.compare(fit, stack, (0, 130), [(160, 200), (210, 300)], QUICK).with_placebo([0.1, 0.9]),
        "latents": nv.compare_latents(z[:150], z[150:], order=2, config=QUICK),
        "one latent": nv.compare_latents(z[:150, :1], z[150:, :1], config=QUICK),
    }


def test_halves_of_an_earlier_version_are_refused(results, tmp_path):
    """Without one test for both ranges, a verdict that was withheld would be given."""
    results["movie"].to_json(tmp_path / "c.json")
    plain = json.loads((tmp_path / "c.json").read_text()) | {"halves": {"a": 0.01, "b": 0.3}}
    (tmp_path / "c.json").write_text(json.dumps(plain))
    with pytest.raises(nv.DataError, match=r"not compared by one test for both ranges.*Compare again"):
        nv.open_comparison(tmp_path / "c.json")


@pytest.mark.parametrize("which", ["movie", "latents", "one latent"])
def test_everything_comes_back(results, tmp_path, which):
    result = results[which]
    result.to_json(tmp_path / "c.json")
    found = nv.open_comparison(tmp_path / "c.json")
    assert found.as_dict() == result.as_dict()
    assert found.frames == result.frames
    assert found.edges.tobytes() == result.edges.tobytes()
    for name in result.test.__dataclass_fields__:
        assert type(getattr(found.test, name)) is type(getattr(result.test, name)), name
    np.testing.assert_array_equal(found.test.known, result.test.known)
    np.testing.assert_array_equal(found.coupling.null, result.coupling.null)
    assert found.differing.tobytes() == result.differing.tobytes()
    assert found.methods_text() == result.methods_text()


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"settings": 3}'])
def test_what_is_not_a_comparison_is_refused(tmp_path, damage):
    (tmp_path / "c.json").write_text(damage, encoding="utf-8")
    with pytest.raises(nv.DataError, match=r"Choose a comparison|Compare again"):
        nv.open_comparison(tmp_path / "c.json")


def test_one_of_another_version_is_refused(results, tmp_path):
    plain = results["latents"].as_dict()
    plain["settings"]["steps"] = 3
    (tmp_path / "c.json").write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(nv.DataError, match="Compare again"):
        nv.open_comparison(tmp_path / "c.json")
