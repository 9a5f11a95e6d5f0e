"""What of the masks that are asked for is there, and what is there besides."""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Protocol

from fsbench.protocol import Protocol as ScoringProtocol
from fsbench.submissions.forms import MaskKey
from fsbench.submissions.forms import Submission
from fsbench.submissions.problems import Problem
from fsbench.submissions.reference import SequenceKey
from fsbench.submissions.reference import VideoTask

__all__ = ["Questions", "extra_masks", "missing_masks", "sequence_name"]


class Questions(Protocol):
    """What is asked, of a `Reference` or of a list that has no truth."""

    @property
    def left_out(self) -> Collection[str]:
        """Videos that are not asked for; predictions of them are passed over."""

    @property
    def tasks(self) -> Sequence[VideoTask]:
        """All videos that are asked for, sorted."""

    def explain(self, key: SequenceKey) -> Problem | None:
        """Returns why a sequence of a video that is asked for is not, if there is more to say than that."""


def sequence_name(key: SequenceKey) -> str:
    """Returns what a report calls a sequence."""
    parts = ["" if key.draw is None else f"draw-{key.draw}", key.video, key.expression or ""]
    return "/".join(filter(None, parts))


def missing_masks(submission: Submission, reference: Questions, protocol: ScoringProtocol) -> Iterator[Problem]:
    """Yields what is asked for and not there, each at the highest level that explains it."""
    there = submission.keys()
    draws = {key.draw for key in there}
    videos = {key.video for key in there}
    sequences = _sequences(there)
    for draw in sorted({key.draw for task in reference.tasks for key in task.sequences} - draws, key=_none_first):
        yield Problem("missing-draw", _draw_name(draw), f"there are masks of {_listed(draws)} only")
    for task in reference.tasks:
        asked = [key for key in task.sequences if key.draw in draws]
        if asked and task.video not in videos:
            yield Problem("missing-video", task.video, f"all {len(task.frames)} frames are missing")
            continue
        for key in asked:
            if key not in sequences:
                yield Problem("missing-sentence", sequence_name(key), "no mask of it", _other_form(key, sequences))
                continue
            names = task.counted(key, protocol)
            if absent := [name for name in names if MaskKey(*key, name) not in there]:
                yield Problem("missing-frame", sequence_name(key), f"{len(absent)} of {len(names)}, e.g. {absent[0]}")


def extra_masks(submission: Submission, reference: Questions) -> Iterator[Problem]:
    """Yields what is there and not asked for, each at the highest level that explains it."""
    every = submission.keys()
    there = [key for key in every if key.video not in reference.left_out]
    frames = {key: set(task.frames_of(key)) for task in reference.tasks for key in task.sequences}
    draws = {key.draw for key in frames}
    known_videos = {task.video for task in reference.tasks}
    sequences = _sequences(there)
    for draw in sorted({key.draw for key in there} - draws, key=_none_first):
        yield Problem("extra-draw", _draw_name(draw), f"{_listed(draws)} is asked for")
    for video in sorted({key.video for key in there if key.draw in draws} - known_videos):
        why = reference.explain(SequenceKey(None, video, None))
        yield Problem("extra-video", video, why.what if why else "nobody asks for it", why.remedy if why else "")
    for sequence in sorted(sequences - frames.keys(), key=sequence_name):
        if sequence.video in known_videos and sequence.draw in draws:
            yield reference.explain(sequence) or Problem(
                "extra-sentence", sequence_name(sequence), "nobody asks for it"
            )
    asked = ((mask, frames.get(SequenceKey(*mask[:3]))) for mask in there)
    extra = [mask for mask, names in asked if names is not None and mask.frame not in names]
    for mask in sorted(extra, key=lambda mask: (sequence_name(SequenceKey(*mask[:3])), mask.frame)):
        yield Problem("extra-frame", submission.name(mask), "the truth has no such frame")


def _sequences(keys: Iterable[MaskKey]) -> set[SequenceKey]:
    return {SequenceKey(key.draw, key.video, key.expression) for key in keys}


def _other_form(key: SequenceKey, there: set[SequenceKey]) -> str:
    """Returns what to do where the predictions are label maps and the truth is masks of sentences, or the other way."""
    is_map = key.expression is None
    if any(is_map == (other.expression is None) for other in there):
        return ""
    if is_map:
        return (
            "Hand in what the truth has: label maps <video>/<frame>.png. Sentences are asked for by --dataset, or by a "
            "dataset's root as --truth."
        )
    return (
        "Hand in what the truth has: masks of sentences, <video>/<expression>/<frame>.png. A folder of label maps is a "
        "--truth, too."
    )


def _none_first(draw: int | None) -> int:
    return -1 if draw is None else draw


def _draw_name(draw: int | None) -> str:
    return "no draw" if draw is None else f"draw-{draw}"


def _listed(draws: Iterable[int | None]) -> str:
    return ", ".join(map(_draw_name, sorted(draws, key=_none_first)))
