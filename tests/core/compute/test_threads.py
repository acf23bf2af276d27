"""The limit of BLAS threads: in force from any thread, and lifted by the last one."""

import threading
from contextlib import ExitStack

from threadpoolctl import threadpool_info

from napari_varae.core.compute.threads import one_blas_thread


def blas():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_overlapping_limits_hold_until_the_last_one_ends_whichever_thread_ends_it():
    before, first, second = blas(), ExitStack(), ExitStack()

    def elsewhere(action):
        thread = threading.Thread(target=action)
        thread.start()
        thread.join()

    first.enter_context(one_blas_thread())
    assert set(blas()) == {1}
    elsewhere(lambda: second.enter_context(one_blas_thread()))
    first.close()
    assert set(blas()) == {1}
    elsewhere(second.close)
    assert blas() == before
    elsewhere(lambda: first.enter_context(one_blas_thread()))
    assert set(blas()) == {1}
    first.close()
    assert blas() == before
