"""What a session holds goes into an analysis folder, and comes back to the same numbers."""

import numpy as np
import pytest

import napari_varae as nv
from napari_varae.session.analysis import save_analysis, use_analysis
from napari_varae.session.session import Session


@pytest.fixture(scope="module")
def made():
    stack = nv.simulate(nv.SimulationConfig(frames=300, height=32, width=32, cells=4, seed=2)).stack
    fit = nv.fit(stack, nv.FitConfig(latents=5, epochs=0, threads=1))
    config = nv.ComparisonConfig(resamples=39, power_draws=0, halves=False, blocks=4)
    return stack, fit, nv.compare(fit, stack, (0, 130), [(160, 200), (210, 300)], config)


def test_a_session_is_saved_and_opened_again(made, tmp_path):
    stack, fit, result = made
    session = Session()
    session.use_movie(stack)
    session.use_fit(fit, fit.encode(stack))
    session.set_range("a", (0, 130))
    session.set_range("b", [(160, 200), (210, 300)])
    session.use_trials(nv.Trials([0.0, 17.0], [14.0, 29.0], ["go", "nogo"], "s", frame_rate=10.0))
    session.set_comparison(result)
    save_analysis(session, tmp_path / "a")
    with pytest.raises(nv.DataError, match="already"):
        save_analysis(session, tmp_path / "a")

    analysis = nv.open_analysis(tmp_path / "a")
    assert analysis.settings.fit == fit.config
    assert analysis.comparisons["comparison"]["p_value"] == result.p_value
    other = Session()
    other.use_movie(stack)  # an array: the folder cannot open it
    use_analysis(other, analysis)
    assert other.fit.id == fit.id
    assert other.ranges == session.ranges
    assert other.trials.conditions == ("go", "nogo")
    np.testing.assert_array_equal(other.latents, session.latents)


def test_a_session_with_a_movie_alone(made, tmp_path):
    session = Session()
    with pytest.raises(nv.StackError, match="no movie"):
        save_analysis(session, tmp_path / "a")
    session.use_movie(made[0])
    assert not save_analysis(session, tmp_path / "a").has_fit
    use_analysis(session, nv.open_analysis(tmp_path / "a"))
    assert session.fit is None


def test_the_ranges_of_the_last_comparison_are_taken(made, tmp_path):
    stack, _, result = made
    analysis = nv.Analysis.begin(tmp_path / "a", stack)
    analysis.keep_comparison(result)
    session = Session()
    session.use_movie(stack)
    use_analysis(session, analysis)
    assert session.ranges == {"a": ((0, 130),), "b": ((160, 200), (210, 300))}
