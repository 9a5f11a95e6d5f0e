"""Answers to several annotators' sentences, as Ref-DAVIS17 has them: label maps, each annotator's apart."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fsbench.errors import SubmissionError
from fsbench.lists import read_ids
from fsbench.protocol import STANDARD
from fsbench.submissions.forms import Arrays
from fsbench.submissions.forms import Found
from fsbench.submissions.forms import Known
from fsbench.submissions.forms import MaskKey
from fsbench.submissions.forms import open_submission
from fsbench.submissions.forms import Source
from fsbench.submissions.forms import Submission
from fsbench.submissions.inventory import missing_masks
from fsbench.submissions.problems import Findings
from fsbench.submissions.problems import report
from fsbench.submissions.reference import EpisodeTruth
from fsbench.submissions.reference import SequenceKey
from fsbench.submissions.reference import Truth
from fsbench.submissions.reference import Videos
from fsbench.submissions.report import Scores

if TYPE_CHECKING:
    from fsbench.datasets.folder import FolderDataset

__all__ = ["Answers", "all_findings", "annotator_answers", "over_annotators"]


class Answers(NamedTuple):
    """Answers that tell annotators apart.

    Attributes:
        by_name: The label maps of each annotator, by what they are called.
        truth: What each is held against.
        videos: Which are scored; None for all.
        protocol: Name of the protocol by which the field scores them; None where the field does not say.
    """

    by_name: Mapping[str, Source]
    truth: Path
    videos: Videos | None
    protocol: str | None


@contextmanager
def annotator_answers(predictions: Path | Arrays, truth: Truth, protocol: str | None) -> Iterator[Answers | None]:
    """Opens answers to several annotators; gives None where predictions are no such answers.

    Args:
        predictions: A folder of folders `anno_0`, `anno_1`, ..., or one that holds it, such as `valid/`. Or, for a
            dataset whose answers the field scores in this form, masks of all sentences in any form, which are merged as
            the field merges them: where two masks overlap, the object that comes first has the pixel.
        truth: A folder of label maps, or the episodes of such a dataset: then its own label maps are the truth, of the
            videos that the field scores.
        protocol: Name of the protocol that is asked for; masks of sentences are merged for the dataset's alone.

    Raises:
        SubmissionError: An annotator or a mask is missing, or there is an annotator too many.
        DataError: The dataset's list of videos cannot be read.
    """
    if isinstance(predictions, Path) and isinstance(truth, Path):
        folders = _folders(predictions)
        yield Answers(folders, truth, None, None) if folders else None
        return
    if not isinstance(predictions, Path) or not isinstance(truth, EpisodeTruth):
        yield None
        return
    from fsbench.datasets.folder import FolderDataset  # which a folder of truth does without
    from fsbench.datasets.spec import spec_of

    dataset = truth.benchmark.dataset
    scored = spec_of(dataset).answers
    if scored is None or not isinstance(dataset, FolderDataset):
        yield None
        return
    folders = _folders(predictions, scored.count)
    if not folders and protocol != scored.protocol:
        yield None
        return
    videos = Videos(read_ids(dataset.root / scored.videos))
    if folders:
        yield Answers(folders, dataset.label_maps_folder, videos, scored.protocol)
        return
    with open_submission(predictions, Known(videos.ids or (), levels=2)) as sentences:
        _refuse_gaps(sentences, dataset, videos)
        merged = {f"anno_{k}": _Merged(sentences, k, scored.count) for k in range(scored.count)}
        yield Answers(merged, dataset.label_maps_folder, videos, scored.protocol)


def all_findings(findings: Mapping[str, Findings]) -> Findings:
    """Returns what is wrong with the answers to all annotators, by name, as one list."""
    problems = [each._replace(where=f"{name}/{each.where}") for name, found in findings.items() for each in found]
    return Findings(problems, list(dict.fromkeys(note for found in findings.values() for note in found.notes)))


def over_annotators(scores: Mapping[str, Scores]) -> Scores:
    """Returns the scores of all annotators, by name, as one: their mean, and each annotator's beside it."""
    first = next(iter(scores.values()))
    notes = dict.fromkeys(note for one in scores.values() for note in one.notes)
    mean = {name: _mean([one.mean[name] for one in scores.values()]) for name in first.mean}
    return Scores(
        f"{first.protocol}|annotators={len(scores)}",
        [{"annotator": name, **row} for name, one in scores.items() for row in one.objects],
        {**mean, "annotators": {name: dict(one.mean) for name, one in scores.items()}},
        list(notes),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


class _Merged(Submission):
    """The label maps of one annotator, merged from masks of sentences; expression `count * i + k` is object i + 1."""

    def __init__(self, sentences: Submission, annotator: int, count: int) -> None:
        found = Found()
        self._sentences = sentences
        self._annotator = annotator
        keys = sentences.keys()
        for key in keys:
            if key.expression and key.expression.isdecimal() and int(key.expression) % count == annotator:
                merged = MaskKey(None, key.video, None, key.frame)
                found.places.setdefault(merged, []).append((int(key.expression) // count + 1, key))
        super().__init__(sentences.path, found)
        self.problems = [*sentences.problems, *self.problems]
        self.notes = sentences.notes

    def name(self, key: MaskKey) -> str:
        """Returns video and frame."""
        return f"{key.video}/{key.frame}"

    def read(self, key: MaskKey) -> npt.NDArray[np.unsignedinteger]:
        """Returns the label map of a frame, unsigned [H, W]."""
        labels: npt.NDArray[np.unsignedinteger] | None = None
        for number, part in sorted(self._places[key], reverse=True):
            mask = self._sentences.labels(part)
            if labels is None:
                labels = np.zeros(mask.shape, np.uint8)
            if mask.shape != labels.shape:
                raise self._error(key, f"the masks of its sentences are {mask.shape} and {labels.shape} pixels")
            labels[mask != 0] = number
        assert labels is not None, "a label map has at least one sentence"
        return labels


def _refuse_gaps(sentences: Submission, dataset: "FolderDataset", videos: Videos) -> None:
    """Raises SubmissionError where a sentence has no mask: merged, it would be an object that nobody saw."""
    from fsbench.submissions.sentences import SentenceReference

    keys = sentences.keys()
    predicted = {SequenceKey(key.draw, key.video, key.expression) for key in keys}
    reference = SentenceReference(dataset, videos, predicted)
    if problems := list(missing_masks(sentences, reference, STANDARD)):
        raise SubmissionError(f"{sentences.path}: not scored.\n{report(problems, sentences.notes)}")


def _folders(predictions: Path, count: int | None = None) -> dict[str, Path]:
    """Returns each annotator's folder by its name; none if there is no `anno_0`."""
    tops = [path.parent for path in (*predictions.glob("anno_0"), *predictions.glob("*/anno_0")) if path.is_dir()]
    if not tops:
        return {}
    names = {path.name for path in tops[0].glob("anno_*") if path.is_dir()}
    expected = [f"anno_{k}" for k in range(len(names) if count is None else count)]
    if names != set(expected):
        raise SubmissionError(
            f"{tops[0]}: has {', '.join(sorted(names))}; expected {', '.join(expected)}, a folder of label maps for "
            "each annotator."
        )
    return {name: tops[0] / name for name in expected}
