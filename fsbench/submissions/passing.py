"""Scoring and validating submissions: one pass over the masks, video by video, for every protocol."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace

import numpy as np

from fsbench.errors import DataError
from fsbench.errors import FsbenchError
from fsbench.masks.labels import NotLabelsError
from fsbench.progress import track
from fsbench.scores.measuring import Measure
from fsbench.submissions.forms import MaskKey
from fsbench.submissions.forms import Submission
from fsbench.submissions.inventory import extra_masks
from fsbench.submissions.inventory import missing_masks
from fsbench.submissions.inventory import sequence_name
from fsbench.submissions.problems import Problem
from fsbench.submissions.problems import problem_of
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
        min_score: Of masklets, those with a score above it count; None for all.
    """

    missing_is_empty: bool = False
    ignore_extra: bool = False
    count: bool = True
    workers: int = 1
    progress: bool = False
    min_score: float | None = None


@dataclass
class Scored:
    """What a pass found.

    Attributes:
        objects: Scores of every object.
        problems: Every problem.
        full_frames: Masks whose score is easily misread, see `_notes`.
        target_free: Sentences that name nothing that the truth shows, likewise.
        recoloured: What shows an index in another colour than the truth does, one line each.
        is_void: Whether the truth shows index 255, which the protocol takes for void, and no object.
    """

    objects: list[ObjectScores] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    full_frames: int = 0
    target_free: int = 0
    recoloured: list[str] = field(default_factory=list)
    is_void: bool = False


def score_submission(
    submission: Submission, reference: Reference, measure: Measure, options: PassOptions = PassOptions()
) -> Scored:
    """Goes over all masks once.

    Args:
        submission: The predictions.
        reference: The truth.
        measure: The metrics and the protocol.
        options: See `PassOptions`.

    Returns:
        Scores in the order of videos, sequences, objects, and all problems. With a problem, the scores of its video
        are not to be used.

    Raises:
        DataError: A video has no frame that counts, or a file of the truth cannot be read.
    """
    protocol = measure.protocol
    options = replace(options, missing_is_empty=options.missing_is_empty or submission.absent_is_empty)
    for task in reference.tasks:
        for key in task.sequences:
            if not task.counted(key, protocol):
                raise DataError(
                    f"Video {task.video!r} has {len(task.frames_of(key))} frames, and protocol {protocol.name!r} "
                    "leaves out the first and the last. Score it with another protocol, or leave the video out with "
                    "--videos."
                )
    scored = Scored(problems=list(_opened(submission, options)))
    if not options.missing_is_empty:
        scored.problems += missing_masks(submission, reference, protocol)
    if not options.ignore_extra:
        scored.problems += extra_masks(submission, reference)
    # Where something is missing there is nothing to score, but what else is wrong is to be said all the same.
    options = replace(options, count=options.count and not scored.problems)
    void = []
    with ThreadPoolExecutor(options.workers) as pool:
        each = map if options.workers == 1 else pool.map  # to hand a video over takes as long as to score a small one
        work = each(lambda task: _score_video(task, submission, reference, measure, options), reference.tasks)
        for video in track(work, "score", len(reference.tasks), unit="video", show=options.progress):
            scored.objects += video.objects
            scored.problems += video.problems
            scored.full_frames += video.full_frames
            scored.target_free += video.target_free
            scored.recoloured += video.recoloured
            void.append(video.is_void)
    if void and all(void):
        raise DataError(
            f"The truth shows nothing but index 255, which protocol {protocol.name!r} takes for void: there is no "
            "object to score. Where 255 is the object, as in DAVIS-2016, say so with --void object, or save it as 1."
        )
    return scored


def _opened(submission: Submission, options: PassOptions) -> Iterator[Problem]:
    """Yields what was found when the submission was opened, less what is ignored."""
    for problem in submission.problems:
        if not (options.ignore_extra and problem.kind in ("stray", "nested-archive")):
            yield problem


def _score_video(
    task: VideoTask, submission: Submission, reference: Reference, measure: Measure, options: PassOptions
) -> Scored:
    scored = Scored()
    there = submission.keys()
    tallies = {key: Tally(key, measure) for key in task.sequences}
    counted = {key: frozenset(task.counted(key, measure.protocol)) for key in task.sequences}
    begun: set[SequenceKey] = set()
    for frame, truths in zip(task.frames, reference.truth(task), strict=True):
        foreground = measure.foreground(truth.labels for truth in truths.values())
        for key, tally in tallies.items():
            if (truth := truths.get(key.expression)) is None:
                continue
            if key not in begun:
                tally.see_first(truth)
                begun.add(key)
            if frame not in counted[key]:
                continue
            tally.see(truth)
            mask = MaskKey(*key, frame)
            if mask not in there and not options.missing_is_empty:
                continue
            try:
                pred = submission.read(mask) if mask in there else np.zeros_like(truth.labels)
                tally.add(pred, truth, foreground, submission.name(mask) if mask in there else "", options.count)
            except Refused as refused:
                scored.problems.append(Problem(refused.kind, submission.name(mask), refused.what, refused.remedy))
            except NotLabelsError as error:
                scored.problems.append(problem_of("not-labels", submission.name(mask), error))
            except FsbenchError as error:
                scored.problems.append(problem_of("unreadable", submission.name(mask), error))
    for key, tally in tallies.items():
        scored.problems += [Problem("unknown-id", sequence_name(key), *what) for what in tally.unknown_ids()]
        if options.count and not scored.problems:
            scored.objects += tally.scores()
        scored.full_frames += tally.full_frames
        scored.target_free += tally.is_target_free
        scored.recoloured += tally.recoloured
    scored.is_void = all(tally.is_void for tally in tallies.values())
    return scored
