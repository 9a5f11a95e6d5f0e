import time
from collections import namedtuple
from functools import partial
from multiprocessing import active_children
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fsbench_baselines.training.course import Course
from fsbench_baselines.training.course import moved
from fsbench_baselines.training.course import open_batches
from tests.baselines.training.toy import collate
from tests.baselines.training.toy import ToyBatch
from tests.baselines.training.toy import ToyEpisodes

_counts = st.integers(1, 7)


@given(_counts, st.integers(1, 30), _counts, _counts)
def test_processes_share_what_one_process_would_take(epochs: int, episodes: int, batch: int, processes: int) -> None:
    shared, alone = Course(epochs, episodes, batch, processes), Course(epochs, episodes, batch * processes, 1)
    assert shared.steps == alone.steps
    for step in range(shared.steps):
        shares = [shared.share(step, process) for process in range(processes)]
        assert [len(share) for share in shares] == [batch] * processes
        assert [key for share in shares for key in share] == alone.share(step, 0)


@given(_counts, st.integers(1, 30), _counts)
def test_an_epoch_has_all_episodes_in_order_and_fills_up_with_the_first(epochs: int, episodes: int, batch: int) -> None:
    course = Course(epochs, episodes, batch, 1)
    for epoch in range(epochs):
        steps = range(epoch * course.steps_per_epoch, (epoch + 1) * course.steps_per_epoch)
        taken = [key for step in steps for key in course.share(step, 0)]
        assert taken == [(epoch, index % episodes) for index in range(len(taken))]
        assert episodes <= len(taken) < episodes + batch
    assert course.steps == epochs * course.steps_per_epoch


def test_batches_start_at_any_step_and_run_over_the_ends_of_epochs() -> None:
    episodes, course = ToyEpisodes(5), Course(2, 5, 2, 2)
    for start in range(course.steps + 1):
        with open_batches(episodes, collate, course, start, process=1, workers=0) as batches:
            found = list(batches)
        wanted = [collate([episodes[key] for key in course.share(step, 1)]) for step in range(start, course.steps)]
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            assert torch.equal(one["clips"][0].frames, other["clips"][0].frames)


class NeverRead:
    """What a worker does not come to the end of when it reads it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return time.sleep, (600,)


def test_a_block_that_raises_ends_workers_that_still_start() -> None:
    held = []  # what would wait for the workers when it is deleted

    def interrupt() -> None:
        with open_batches(
            ToyEpisodes(5), partial(collate, NeverRead()), Course(1, 5, 1, 1), 0, 0, workers=2
        ) as batches:
            held.append(batches)
            assert len(active_children()) == 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert not active_children()


def test_tensors_are_moved_wherever_they_are() -> None:
    pair = namedtuple("pair", "first second")
    tensor = torch.zeros(2)
    batch = {
        "a": (tensor, [tensor, 3]),
        "b": pair(tensor, None),
        "c": ToyBatch(tensor, tensor, tensor, tensor),
        "d": "x",
    }
    there = moved(batch, torch.device("meta"))
    assert isinstance(there["c"], ToyBatch)
    assert isinstance(there["b"], pair)
    assert (there["a"][1][1], there["b"].second, there["d"]) == (3, None, "x")
    tensors = [there["a"][0], there["a"][1][0], there["b"].first, there["c"].frames, there["c"].broken]
    assert {t.device.type for t in tensors} == {"meta"}
    assert tensor.device.type == "cpu"
