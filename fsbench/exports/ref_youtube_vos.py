"""The zip that the server of Ref-YouTube-VOS takes, checked against the official lists of videos and sentences."""

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fsbench.datasets.kept_back import no_server_lists
from fsbench.datasets.kept_back import Part
from fsbench.datasets.kept_back import server_part
from fsbench.datasets.kept_back import server_root
from fsbench.datasets.metadata import AskedOfVideo
from fsbench.datasets.reading import indices_in
from fsbench.errors import FsbenchError
from fsbench.errors import SubmissionError
from fsbench.exports.folders import mask_name
from fsbench.exports.folders import png
from fsbench.exports.writing import write_out
from fsbench.progress import track
from fsbench.protocol import STANDARD
from fsbench.submissions.forms import Known
from fsbench.submissions.forms import MaskKey
from fsbench.submissions.forms import open_submission
from fsbench.submissions.forms import Submission
from fsbench.submissions.inventory import extra_masks
from fsbench.submissions.inventory import missing_masks
from fsbench.submissions.problems import Problem
from fsbench.submissions.problems import problem_of
from fsbench.submissions.problems import report
from fsbench.submissions.reference import SequenceKey
from fsbench.submissions.reference import VideoTask

__all__ = ["export_for_server"]

_MISSING = "Write a mask for every frame of every sentence, empty ones too: the server asks for all."
_EXTRA = "Remove what the server does not ask for, or give it the name that its list has."


def export_for_server(
    predictions: Path, out: Path, data_root: Path, *, part: Part | None = None, draw: int | None = None
) -> str:
    """Writes masks as `Annotations/<video>/<expression>/<frame>.png`, grey PNG of 0 and 255, as the server takes them.

    Args:
        predictions: Masks of sentences in any form: a run, a folder, a zip, run-length codes.
        out: The zip to make, or a folder. It appears when it is complete.
        data_root: Ref-YouTube-VOS, or a folder that holds it.
        part: What is wanted; see `server_part`.
        draw: Which of several support draws.

    Returns:
        What was written, in a line.

    Raises:
        DataError: A list is missing or damaged, or `out` is there already.
        SubmissionError: A mask is missing, nobody asks for it, or it is of no use; the message is the whole report.
    """
    root = server_root(data_root)
    if root is None:
        raise no_server_lists(data_root)
    asked, known, title, _ = server_part(root, part)
    with open_submission(predictions, Known(asked, levels=2)) as submission:
        draw = _draw(submission, draw)
        tasks = [_task(video, item, draw) for video, item in sorted(asked.items())]
        questions = _Questions(tasks, known - asked.keys())
        problems = list(submission.problems)
        problems += [each._replace(remedy=_MISSING) for each in missing_masks(submission, questions, STANDARD)]
        extra = (each for each in extra_masks(submission, questions) if each.kind != "extra-draw")
        problems += [each._replace(remedy=_EXTRA) for each in extra]
        _refuse(submission, problems)
        write_out(out, _checked(submission, tasks))
    sentences = sum(len(task.sequences) for task in tasks)
    masks = sum(len(task.sequences) * len(task.frames) for task in tasks)
    return f"{out}: {title}: {len(tasks)} videos, {sentences} sentences, {masks} masks"


class _Questions(NamedTuple):
    """What the server asks; see `Questions`."""

    tasks: Sequence[VideoTask]
    left_out: Collection[str]

    def explain(self, key: SequenceKey) -> None:
        """Returns None: a list has no more to say."""


def _task(video: str, item: AskedOfVideo, draw: int | None) -> VideoTask:
    sequences = sorted(SequenceKey(draw, video, expression) for expression in item["expressions"])
    return VideoTask(video, tuple(item["frames"]), tuple(sequences))


def _draw(submission: Submission, draw: int | None) -> int | None:
    keys = submission.keys()
    there = {key.draw for key in keys}
    if draw is None and len(there) == 1:
        return next(iter(there))
    if draw not in there:
        listed = ", ".join(str(each) for each in sorted(each for each in there if each is not None))
        raise SubmissionError(f"{submission.path}: has the support draws {listed}. Name one of them with --draw.")
    return draw


def _refuse(submission: Submission, problems: Sequence[Problem]) -> None:
    if problems:
        raise SubmissionError(f"{submission.path}: not written.\n{report(problems, submission.notes)}")


def _checked(submission: Submission, tasks: Sequence[VideoTask]) -> Iterator[tuple[str, bytes]]:
    """Yields the name and the content of each mask. Raises SubmissionError at the end if some are of no use."""
    problems: list[Problem] = []
    for task in track(tasks, "write", len(tasks), unit="video"):
        size: tuple[int, ...] | None = None
        for mask in (MaskKey(*key, frame) for key in task.sequences for frame in task.frames):
            try:
                labels = submission.labels(mask)
            except FsbenchError as error:
                problems.append(problem_of("unreadable", submission.name(mask), error))
                continue
            size = size or labels.shape
            if labels.shape != size:
                what = f"{labels.shape[0]} x {labels.shape[1]}, and the video's first mask is {size[0]} x {size[1]}"
                problems.append(Problem("wrong-size", submission.name(mask), what))
            elif len(values := sorted(indices_in(labels) - {0})) > 1:
                problems.append(Problem("not-binary", submission.name(mask), f"values {values} beside 0"))
            yield mask_name(mask), png(labels != 0, grey=True)
    _refuse(submission, problems)
