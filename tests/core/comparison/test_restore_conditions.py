"""A comparison of several conditions comes back from its file as it was."""

import json

import numpy as np
import pytest

import napari_varae as nv
from napari_varae.core.comparison.restore_conditions import open_conditions


@pytest.fixture(scope="module")
def found():
    stack = nv.simulate(nv.SimulationConfig(frames=400, height=24, width=24, cells=3, seed=0)).stack
    fit = nv.fit(stack, nv.FitConfig(latents=3, epochs=0))
    trials = {name: [(s + 22 * i, s + 22 * i + 20) for s in range(0, 396, 66)] for i, name in enumerate("abc")}
    return nv.compare_conditions(fit, stack, trials, resamples=19, power_draws=0)


def test_all_of_it_comes_back(found, tmp_path):
    found.to_json(tmp_path / "conditions.json")
    again = open_conditions(tmp_path / "conditions.json")
    assert again.names == found.names
    assert again.p_adjusted == found.p_adjusted
    assert again.config == found.config
    assert list(again.pairs) == list(found.pairs)
    for pair, comparison in found.pairs.items():
        assert again.pairs[pair].ranges == comparison.ranges
        assert again.verdict(*pair) == found.verdict(*pair)
        np.testing.assert_array_equal(again.pairs[pair].null, comparison.null)
    for name, null in found.omnibus.nulls.items():
        np.testing.assert_array_equal(again.omnibus.nulls[name], null)
    assert again.omnibus.largest == found.omnibus.largest
    assert again.methods_text() == found.methods_text()
    again.to_json(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "conditions.json").read_bytes()


@pytest.mark.parametrize("damage", ["{", "[]", '{"conditions": ["a"]}', None])
def test_a_damaged_file_is_reported(found, tmp_path, damage):
    path = tmp_path / "conditions.json"
    if damage is None:
        plain = found.as_dict()
        del plain["omnibus"]["nulls"]
        damage = json.dumps(plain)
    path.write_text(damage)
    with pytest.raises(nv.DataError, match="Compare again"):
        open_conditions(path)
