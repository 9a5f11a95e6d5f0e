"""Answers to several annotators' sentences, as Ref-DAVIS17 has them: label maps, each annotator's in a folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from fsbench.errors import SubmissionError
from fsbench.lists import read_ids
from fsbench.submissions.forms import Arrays
from fsbench.submissions.problems import Findings
from fsbench.submissions.reference import EpisodeTruth
from fsbench.submissions.reference import Truth
from fsbench.submissions.reference import Videos
from fsbench.submissions.report import Scores

__all__ = ["Answers", "all_findings", "annotator_answers", "over_annotators"]


class Answers(NamedTuple):
    """Answers that tell annotators apart.

    Attributes:
        folders: The label maps of each annotator, by the folder's name.
        truth: What each is held against.
        videos: Which are scored; None for all.
        protocol: Name of the protocol by which the field scores them; None where the field does not say.
    """

    folders: Mapping[str, Path]
    truth: Path
    videos: Videos | None
    protocol: str | None


def annotator_answers(predictions: Path | Arrays, truth: Truth) -> Answers | None:
    """Returns answers that come in folders `anno_0`, `anno_1`, ..., or None if they do not.

    Args:
        predictions: The folder of these folders, or one that holds it, such as `valid/`.
        truth: A folder of label maps, or the episodes of a dataset that the field scores in this form: then its own
            label maps are the truth, of the videos that the field scores.

    Raises:
        SubmissionError: An annotator is missing, or there is one too many.
        DataError: The dataset's list of videos cannot be read.
    """
    if not isinstance(predictions, Path) or not isinstance(truth, Path | EpisodeTruth):
        return None
    if isinstance(truth, Path):
        folders = _folders(predictions)
        return Answers(folders, truth, None, None) if folders else None
    from fsbench.datasets.folder import FolderDataset  # which a folder of truth does without
    from fsbench.datasets.spec import spec_of

    dataset = truth.benchmark.dataset
    scored = spec_of(dataset).answers
    if scored is None or not isinstance(dataset, FolderDataset):
        return None
    folders = _folders(predictions, scored.count)
    videos = Videos(read_ids(dataset.root / scored.videos)) if folders else None
    return Answers(folders, dataset.label_maps_folder, videos, scored.protocol) if folders else None


def all_findings(findings: Mapping[str, Findings]) -> Findings:
    """Returns what is wrong with the answers to all annotators, by name, as one list."""
    problems = [each._replace(where=f"{name}/{each.where}") for name, found in findings.items() for each in found]
    return Findings(problems, list(dict.fromkeys(note for found in findings.values() for note in found.notes)))


def over_annotators(scores: Mapping[str, Scores]) -> Scores:
    """Returns the scores of all annotators, by name, as one: their mean, and each annotator's beside it."""
    first = next(iter(scores.values()))
    notes = dict.fromkeys(note for one in scores.values() for note in one.notes)
    mean = {name: sum(one.mean[name] for one in scores.values()) / len(scores) for name in first.mean}
    return Scores(
        f"{first.protocol}|annotators={len(scores)}",
        [{"annotator": name, **row} for name, one in scores.items() for row in one.objects],
        {**mean, "annotators": {name: dict(one.mean) for name, one in scores.items()}},
        list(notes),
    )


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
