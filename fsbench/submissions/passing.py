"""Scoring and validating submissions: one pass over the masks, video by video, for every protocol."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import field

import numpy as np

from fsbench.errors import DataError
from fsbench.errors import FsbenchError
from fsbench.masks.labels import NotLabelsError
from fsbench.progress import track
from fsbench.protocol import Protocol
from fsbench.submissions.forms import MaskKey
from fsbench.submissions.forms import Submission
from fsbench.submissions.problems import Problem
from fsbench.submissions.reference import Reference
from fsbench.submissions.reference import SequenceKey
from fsbench.submissions.reference import VideoTask
from fsbench.submissions.tally import ObjectScores
from fsbench.submissions.tally import Refused
from fsbench.submissions.tally import Tally

__all__ = ["PassOptions", "Scored", "score_submission"]


@dataclass(frozen=True)
class PassOptions:
    """How to go over a submission.

    Attributes:
        missing_is_empty: A mask that is not there counts as empty, instead of being a problem.
        ignore_extra: A mask that nobody asked for is ignored, instead of being a problem.
        count: Score; False only checks.
        workers: Threads; decoding and counting run outside of Python's lock.
        progress: Show a progress bar.
    """

    missing_is_empty: bool = False
    ignore_extra: bool = False
    count: bool = True
    workers: int = 1
    progress: bool = False


@dataclass
class Scored:
    """What a pass found: scores of every object, every problem, and frames that are easily misread."""

    objects: list[ObjectScores] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    full_frames: int = 0


def score_submission(
    submission: Submission, reference: Reference, protocol: Protocol, options: PassOptions = PassOptions()
) -> Scored:
    """Goes over all masks once.

    Args:
        submission: The predictions.
        reference: The truth.
        protocol: The policy.
        options: See `PassOptions`.

    Returns:
        Scores in the order of videos, sequences, objects, and all problems. With a problem, the scores of its video
        are not to be used.

    Raises:
        DataError: A video has no frame that counts, or a file of the truth cannot be read.
    """
    for task in reference.tasks:
        if not task.frames[protocol.counted(len(task.frames))]:
            raise DataError(
                f"Video {task.video!r} has {len(task.frames)} frames, and protocol {protocol.name!r} leaves out the "
                "first and the last. Score it with another protocol, or remove the video from the truth."
            )
    scored = Scored(problems=[*submission.problems, *_inventory(submission, reference, protocol, options)])
    with ThreadPoolExecutor(options.workers) as pool:
        work = pool.map(lambda task: _score_video(task, submission, reference, protocol, options), reference.tasks)
        for video in track(work, "score", len(reference.tasks), unit="video", show=options.progress):
            scored.objects += video.objects
            scored.problems += video.problems
            scored.full_frames += video.full_frames
    return scored


def _inventory(
    submission: Submission, reference: Reference, protocol: Protocol, options: PassOptions
) -> Iterator[Problem]:
    """Yields what is missing and what is there in excess, each at the highest level that explains it."""
    there = set(submission.keys())
    videos = {key.video for key in there}
    sequences = {SequenceKey(key.draw, key.video, key.expression) for key in there}
    wanted = {key: task for task in reference.tasks for key in task.sequences}
    if not options.missing_is_empty:
        for task in reference.tasks:
            if task.video not in videos:
                yield Problem("missing-video", task.video, f"all {len(task.frames)} frames are missing")
                continue
            for key in task.sequences:
                if key not in sequences:
                    yield Problem("missing-sentence", _name(key), "no mask of it")
                    continue
                names = task.frames[protocol.counted(len(task.frames))]
                if absent := [name for name in names if MaskKey(*key, name) not in there]:
                    yield Problem("missing-frame", _name(key), f"{len(absent)} of {len(names)}, e.g. {absent[0]}")
    if not options.ignore_extra:
        known_videos = {task.video for task in reference.tasks}
        for video in sorted(videos - known_videos):
            yield Problem("extra-video", video, "nobody asks for it")
        for sequence in sorted(sequences - set(wanted), key=_name):
            if sequence.video in known_videos:
                yield Problem("extra-sentence", _name(sequence), "nobody asks for it")
        frames = {key: set(task.frames) for key, task in wanted.items()}
        for mask in sorted(there, key=lambda mask: (_name(SequenceKey(*mask[:3])), mask.frame)):
            names_of = frames.get(SequenceKey(*mask[:3]))
            if names_of is not None and mask.frame not in names_of:
                yield Problem("extra-frame", submission.name(mask), "the truth has no such frame")


def _score_video(
    task: VideoTask, submission: Submission, reference: Reference, protocol: Protocol, options: PassOptions
) -> Scored:
    scored = Scored()
    there = submission.keys()
    tallies = {key: Tally(key, protocol) for key in task.sequences}
    counted = range(len(task.frames))[protocol.counted(len(task.frames))]
    for index, truths in enumerate(reference.truth(task)):
        for key in task.sequences:
            truth = truths[key.expression]
            if index == 0:
                tallies[key].see_first(truth)
            mask = MaskKey(*key, task.frames[index])
            if index not in counted or (mask not in there and not options.missing_is_empty):
                continue
            try:
                pred = submission.read(mask) if mask in there else np.zeros_like(truth)
                tallies[key].add(pred, truth, submission.name(mask) if mask in there else "", options.count)
            except Refused as refused:
                scored.problems.append(Problem(refused.kind, submission.name(mask), refused.what))
            except NotLabelsError as error:
                scored.problems.append(Problem("not-labels", submission.name(mask), str(error)))
            except FsbenchError as error:
                scored.problems.append(Problem("unreadable", submission.name(mask), str(error)))
    for key, tally in tallies.items():
        scored.problems += [Problem("unknown-id", _name(key), what) for what in tally.unknown_ids()]
        if options.count and not scored.problems:
            scored.objects += tally.scores()
        scored.full_frames += tally.full_frames
    return scored


def _name(key: SequenceKey) -> str:
    parts = ["" if key.draw is None else f"draw-{key.draw}", key.video, key.expression or ""]
    return "/".join(filter(None, parts))
