"""A window used at random by mouse and keyboard, in a process of its own; an hour of it is in the benchmarks."""

import pytest

from benchmarks.widgets.random_use import run_once


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [7, 8])
def test_nothing_crashes_and_nothing_of_the_users_is_changed(seed):
    problems, steps = run_once(seed, 20)
    assert not problems
    assert len(steps) > 10
