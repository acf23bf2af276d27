"""What a session holds goes into an analysis folder, and comes back to the same numbers."""

import numpy as np
import pytest

import napari_varae as nv
from napari_varae.core.training.choice import Choice
from napari_varae.session.analysis import save_analysis, use_analysis, write_analysis
from napari_varae.session.session import Session
from napari_varae.session.snapshot import Snapshot


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
    assert other.comparison.as_dict() == result.as_dict()  # the null distributions and the table as well
    assert other.is_current
    assert other.frame_sets == session.frame_sets
    assert other.frames == session.frames
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


def test_what_was_compared_is_not_current_with_other_bad_frames(made, tmp_path):
    stack, fit, result = made
    analysis = nv.Analysis.begin(tmp_path / "a", stack)
    analysis.keep_fit(fit)
    analysis.keep_comparison(result)
    session = Session()
    session.use_movie(stack.replace(bad_frames=[20]))
    use_analysis(session, analysis)
    assert session.comparison.p_value == result.p_value
    assert not session.is_current


def test_saving_again_replaces_what_changed_and_keeps_maps_and_other_files(made, tmp_path):
    stack, fit, result = made
    session = Session()
    session.use_movie(stack)
    session.use_fit(fit, fit.encode(stack))
    session.set_frame_sets({"go": [(0, 50)], "stop": [(60, 90)]}, ("go", "stop"))
    session.set_comparison(result)
    analysis = save_analysis(session, tmp_path / "a")
    analysis.keep_map(np.eye(32), "mine")
    (tmp_path / "a" / "notes.txt").write_text("read these", encoding="utf-8")
    session.remove_frame_set("stop")
    session.forget_comparisons()
    again = save_analysis(session, tmp_path / "a", overwrite=True)
    assert list(again.frame_sets) == ["go"]
    assert not again.comparisons
    assert list(again.maps) == ["mine"]
    assert (tmp_path / "a" / "notes.txt").exists()
    assert (tmp_path / "a" / "log.txt").read_text(encoding="utf-8").count("began") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    session.use_movie(stack)
    save_analysis(session, tmp_path / "a", overwrite=True)
    assert not again.has_fit
    assert not again.maps  # of another fit


def test_comparisons_that_a_command_added_are_not_removed(made, tmp_path):
    stack, fit, result = made
    session = Session()
    session.use_movie(stack)
    session.use_fit(fit, fit.encode(stack))
    session.set_comparison(result)
    analysis = save_analysis(session, tmp_path / "a")
    (tmp_path / "a" / "comparisons" / "robustness.csv").write_text("change\n", encoding="utf-8")
    save_analysis(session, tmp_path / "a", overwrite=True)
    assert (tmp_path / "a" / "comparisons" / "robustness.csv").exists()
    analysis.keep_comparison(result, "by command")
    with pytest.raises(nv.DataError, match=r"added to it since, such as 'by command\.json'"):
        save_analysis(session, tmp_path / "a", overwrite=True)
    assert len(nv.open_analysis(tmp_path / "a").comparisons) == 2
    save_analysis(session, tmp_path / "b")
    again = Session()
    again.use_movie(stack)
    use_analysis(again, nv.open_analysis(tmp_path / "a"))
    assert len(save_analysis(again, tmp_path / "a", overwrite=True).comparisons) == 2
    again.forget_comparisons()
    assert not save_analysis(again, tmp_path / "a", overwrite=True).comparisons  # what the user removed goes


def test_a_comparison_that_is_added_while_an_analysis_opens_is_not_removed(made, tmp_path):
    stack, fit, result = made
    session = Session()
    session.use_movie(stack)
    session.use_fit(fit, fit.encode(stack))
    other = save_analysis(session, tmp_path / "a")
    again = Session()
    again.use_movie(stack)
    added = []

    def add():
        if not added:
            added.append(other.keep_comparison(result, "by command"))

    again.fit_changed.connect(add)
    use_analysis(again, nv.open_analysis(tmp_path / "a"))
    assert not again.results
    with pytest.raises(nv.DataError, match=r"added to it since, such as 'by command"):
        save_analysis(again, tmp_path / "a", overwrite=True)


def test_stopped_while_it_saves_nothing_changes(made, tmp_path):
    stack, fit, _ = made
    session = Session()
    session.use_movie(stack)
    session.use_fit(fit, fit.encode(stack))
    first = save_analysis(session, tmp_path / "a").record
    session.set_range("a", (0, 20))

    def stop():
        raise nv.StoppedError("stopped")

    with pytest.raises(nv.StoppedError):
        write_analysis(Snapshot.of(session), tmp_path / "a", overwrite=True, check=stop)
    assert nv.open_analysis(tmp_path / "a").record == first
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_is_saved_and_what_would_be_lost(made, tmp_path):
    stack, fit, result = made
    session = Session()
    session.use_movie(stack)
    assert session.is_kept(Snapshot.of(session))  # nothing to keep yet
    session.use_fit(fit, fit.encode(stack))
    assert not session.is_kept(Snapshot.of(session))
    save_analysis(session, tmp_path / "a")
    assert session.is_kept(Snapshot.of(session))
    session.set_range("a", (0, 20))
    assert not session.is_kept(Snapshot.of(session))
    session.undo()
    assert session.is_kept(Snapshot.of(session))
    session.set_comparison(result)
    assert not session.is_kept(Snapshot.of(session))


def test_all_comparisons_come_back_and_the_one_of_another_fit_is_not_shown(made, tmp_path):
    stack, fit, result = made
    session = Session()
    session.use_movie(stack)
    session.use_fit(fit, fit.encode(stack))
    other = nv.compare(fit, stack, (0, 100), (150, 250), result.config)
    for each in (other, result):
        session.set_comparison(each)
    session.reopen(session.results[0])
    save_analysis(session, tmp_path / "a")
    again = Session()
    again.use_movie(stack)
    use_analysis(again, nv.open_analysis(tmp_path / "a"))
    assert [done.comparison.ranges["a"] for done in again.results] == [((0, 130),), ((0, 100),)]
    assert again.comparison.as_dict() == other.as_dict()  # the one that was shown
    new = nv.fit(stack, nv.FitConfig(latents=4, epochs=0, threads=1))
    again.use_fit(new, new.encode(stack))
    save_analysis(again, tmp_path / "a", overwrite=True)
    third = Session()
    third.use_movie(stack)
    use_analysis(third, nv.open_analysis(tmp_path / "a"))
    assert third.comparison is None
    assert len(third.results) == 2


def test_the_choice_of_latents_and_order_is_saved_and_opened_again(made, tmp_path):
    stack, fit, _ = made
    session = Session()
    session.use_movie(stack)
    choice = Choice(
        latents=np.array([2, 5]),
        orders=np.array([1, 2]),
        reconstruction=np.array([0.2, 0.3]),
        prediction=np.array([[0.1, 0.11], [0.2, np.nan]]),
        behind=np.zeros((2, 2)),
        error=np.full((2, 2), 0.01),
        best=(5, 1),
        suggested=(5, 1),
        automatic=5,
        automatic_reconstruction=0.28,
        automatic_prediction=np.array([0.19, np.nan]),
        n_frames=60,
        n_pieces=3,
    )
    before = Snapshot.of(session).content
    session.set_choice(choice)
    assert Snapshot.of(session).content != before  # it is work that is not saved yet
    session.use_fit(fit, fit.encode(stack))  # trained after it
    assert session.followed_choice is choice
    save_analysis(session, tmp_path / "a")
    other = Session()
    other.use_movie(stack)
    use_analysis(other, nv.open_analysis(tmp_path / "a"))
    assert other.choice.as_dict() == choice.as_dict()
    np.testing.assert_array_equal(other.choice.prediction, choice.prediction)
    np.testing.assert_array_equal(other.choice.automatic_prediction, choice.automatic_prediction)
    assert other.choice.automatic_reconstruction == 0.28
    assert other.followed_choice is other.choice
    (tmp_path / "a" / "choice.json").write_text('{"latents": [2]}')
    with pytest.raises(nv.DataError, match=r"choice\.json is damaged, or of another version"):
        use_analysis(Session(), nv.open_analysis(tmp_path / "a"))


@pytest.fixture
def with_cells(made, tmp_path):
    """A session with cells from an array, behaviour from a file, a trace regressed out, and a comparison."""
    stack, fit, result = made
    session = Session()
    session.use_movie(stack)
    session.use_fit(fit, fit.encode(stack))
    session.set_frame_sets({"go": result.ranges["a"], "stop": result.ranges["b"]}, ("go", "stop"))
    image = np.zeros((32, 32), dtype=int)
    image[2:9, 2:9], image[10:20, 20:28] = 4, 9
    session.use_cells(nv.open_cells(image))
    (tmp_path / "running.csv").write_text("speed,licks\n" + "".join(f"{t % 11},{t % 3}\n" for t in range(300)))
    session.use_behaviour(nv.open_behaviour(tmp_path / "running.csv"))
    session.set_covariates(["licks"], 1)
    regressed = nv.compare(fit, stack, (0, 130), [(160, 200), (210, 300)], result.config, **session.regressed_out())
    session.set_comparison(regressed)
    return session


def opened(stack, folder):
    session = Session()
    session.use_movie(stack)
    return session, use_analysis(session, nv.open_analysis(folder))


def test_cells_and_behaviour_come_back_with_the_names_of_latents(made, with_cells, tmp_path):
    save_analysis(with_cells, tmp_path / "a")
    assert with_cells.is_kept(Snapshot.of(with_cells))
    session, cautions = opened(made[0], tmp_path / "a")
    assert cautions == ()
    assert session.cells.fingerprint() == with_cells.cells.fingerprint()
    assert session.cell_table().equals(with_cells.cell_table())
    assert [session.name_latent(k) for k in range(5)] == [with_cells.name_latent(k) for k in range(5)]
    assert session.behaviour.fingerprint() == with_cells.behaviour.fingerprint()
    assert (session.covariates, session.covariate_lags) == (("licks",), 1)
    np.testing.assert_array_equal(session.regressed_out()["covariates"], with_cells.regressed_out()["covariates"])
    assert session.is_current
    assert session.is_kept(Snapshot.of(session))
    session.use_cells(None)
    assert not session.is_kept(Snapshot.of(session))


def test_a_comparison_without_the_traces_that_are_chosen_is_not_current(made, with_cells, tmp_path):
    with_cells.set_comparison(made[2])
    save_analysis(with_cells, tmp_path / "a")
    session, _ = opened(made[0], tmp_path / "a")
    assert session.comparison.as_dict() == made[2].as_dict()
    assert not session.is_current
    session.reopen(session.results[0])
    assert session.is_current  # this one is of the traces


def test_what_cannot_be_opened_is_returned_and_the_rest_is_there(made, with_cells, tmp_path):
    save_analysis(with_cells, tmp_path / "a")
    (tmp_path / "running.csv").unlink()
    session, cautions = opened(made[0], tmp_path / "a")
    assert len(cautions) == 2
    assert "moved or deleted" in cautions[0]
    assert "No longer regressed out" in cautions[1]
    assert session.behaviour is None
    assert session.cells.ids == (4, 9)
    assert session.comparison.test.n_covariates == 2
    assert not session.is_current  # of traces that are not there
    (tmp_path / "running.csv").write_text("time,speed,licks\n900,1,1\n901,2,0\n")
    session, cautions = opened(made[0], tmp_path / "a")
    assert "have changed since" in cautions[0]
    assert "frame rate" in cautions[1] or "no value at any" in cautions[1]
    assert session.behaviour is None


def test_what_was_drawn_is_work_and_what_lies_in_files_is_not(made, tmp_path):
    session = Session()
    session.use_movie(made[0])
    np.save(tmp_path / "cells.npy", np.eye(32, dtype=int))
    session.use_cells(nv.open_cells(tmp_path / "cells.npy"))
    assert not Snapshot.of(session).is_work
    session.use_cells(nv.open_cells(np.eye(32, dtype=int)))
    assert Snapshot.of(session).is_work
    assert not session.is_kept(Snapshot.of(session))
    save_analysis(session, tmp_path / "a")
    assert session.is_kept(Snapshot.of(session))
