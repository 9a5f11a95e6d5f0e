import threading

import pytest

from fsbench.lanes import Lane


@pytest.mark.parametrize("is_beside", [False, True])
def test_calls_are_done_in_order_and_tell_what_they_come_to(is_beside):
    done = []
    with Lane("lane", is_beside=is_beside) as lane:
        futures = [lane.do(done.append, n) for n in range(5)]
        bad = lane.do(divmod, 1, 0)
        assert lane.do(max, 3, 4).result() == 4
        assert [future.result() for future in futures] == [None] * 5
        with pytest.raises(ZeroDivisionError):
            bad.result()
    assert done == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("is_beside", [False, True])
def test_a_lane_has_one_thread_or_none(is_beside):
    with Lane("lane", is_beside=is_beside) as lane:
        threads = {lane.do(threading.get_ident).result() for _ in range(3)}
    assert len(threads) == 1
    assert (threads == {threading.get_ident()}) is not is_beside


def test_what_has_not_begun_is_given_up_at_the_end_and_what_has_is_waited_for():
    begun, go_on, done = threading.Event(), threading.Event(), []

    def work():
        begun.set()
        go_on.wait(10)
        done.append(lane.is_ending)

    with Lane("lane", is_beside=True) as lane:
        first, second = lane.do(work), lane.do(done.append, "second")
        begun.wait(10)
        threading.Timer(0.05, go_on.set).start()
    assert first.done()
    assert second.cancelled()
    assert done == [True]


def test_nothing_begins_while_a_lane_is_paused():
    with Lane("lane", is_beside=True) as lane:
        before, done = lane.do(int), []
        with lane.paused():
            assert before.done()
            after = lane.do(done.append, 1)
            assert not done
            assert after.cancel(), "it waits, and may be taken back"
            last = lane.do(done.append, 2)
        last.result()
        assert done == [2]


def test_a_pause_ends_with_an_error():
    with Lane("lane", is_beside=True) as lane:
        with pytest.raises(KeyError), lane.paused():
            raise KeyError
        assert lane.do(int).result() == 0
