"""What a fit is estimated to need, in the phases that it then reports."""

import pytest

import napari_varae as nv


@pytest.fixture(scope="module")
def stack() -> nv.Stack:
    return nv.simulate(nv.SimulationConfig(frames=200, height=32, width=48, cells=4)).stack


@pytest.mark.parametrize("latents", ["auto", 4])
def test_the_phases_are_those_that_a_training_reports_in_their_order(stack, latents):
    config, seen = nv.FitConfig(latents=latents, epochs=1), []
    for _report in nv.train(stack, config, progress=lambda phase, _share: seen.append(phase)):
        pass
    needs = nv.estimate(stack, config)
    assert list(dict.fromkeys(seen)) == list(needs.phases)
    assert all(seconds > 0 for seconds in needs.phases.values())
    assert needs.minutes == pytest.approx(sum(needs.phases.values()) / 60)


def test_more_frames_and_more_latents_need_more(stack):
    long = nv.Stack(stack.read().repeat(40, 0))
    assert nv.estimate(long).disk > nv.estimate(stack).disk
    few, many = (nv.estimate(stack, nv.FitConfig(latents=k)).phases["training"] for k in (4, 40))
    assert few < many


def test_what_does_not_fit_comes_with_advice(stack, monkeypatch):
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 10_000_000})())
    needs = nv.estimate(stack)
    assert "will not fit" in needs.advice
    assert "bin or crop" in str(needs)
