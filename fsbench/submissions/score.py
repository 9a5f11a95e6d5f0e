"""`fsbench score` and `fsbench validate`: from what a user asks for to numbers, or to everything that is wrong."""

from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fsbench.errors import DataError
from fsbench.errors import SubmissionError
from fsbench.metrics import decay
from fsbench.metrics import mean
from fsbench.metrics import recall
from fsbench.protocol import Level
from fsbench.protocol import Protocol
from fsbench.submissions.forms import Arrays
from fsbench.submissions.forms import open_submission
from fsbench.submissions.forms import Submission
from fsbench.submissions.passing import PassOptions
from fsbench.submissions.passing import score_submission
from fsbench.submissions.passing import Scored
from fsbench.submissions.problems import Problem
from fsbench.submissions.problems import report
from fsbench.submissions.reference import EpisodeTruth
from fsbench.submissions.reference import FolderReference
from fsbench.submissions.reference import Reference
from fsbench.submissions.reference import Truth
from fsbench.submissions.report import Scores
from fsbench.submissions.tally import ObjectScores

__all__ = ["score", "validate"]


def score(
    predictions: Path | Arrays, truth: Truth, protocol: Protocol, options: PassOptions, *, uint8_decay: bool = False
) -> Scores:
    """Scores predictions.

    Args:
        predictions: A run, a folder, a zip, a file of run-length codes, or masks in memory.
        truth: What they are held against.
        protocol: How.
        options: How to go over them.
        uint8_decay: Wrap the frame ids at the edges of decay's bins at 8 bits, as davis2017-evaluation does.

    Raises:
        SubmissionError: There is any problem; the message is the whole report.
        FsbenchError: The truth cannot be read.
    """
    with ExitStack() as stack:
        submission, reference = _open(stack, predictions, truth, protocol)
        scored = score_submission(submission, reference, protocol, options)
    if scored.problems:
        raise SubmissionError(f"{submission.path}: not scored.\n{report(scored.problems)}")
    if not scored.objects:
        where = f"{truth}: " if isinstance(truth, Path) else ""
        raise DataError(f"{where}no label map of the truth shows an object that counts. Is it the right one?")
    extras = ["missing=empty"] if options.missing_is_empty else []
    extras += ["decay=uint8"] if uint8_decay and protocol.has_decay else []
    notes = _notes(scored, protocol)
    rows = [_row(scores, protocol, uint8_decay) for scores in scored.objects]
    if not isinstance(truth, EpisodeTruth):
        chain = protocol.folder_chain
        return Scores(protocol.signed(chain, *extras), rows, _means(scored.objects, rows, chain), notes)
    from fsbench.submissions.episodes import episode_means
    from fsbench.submissions.episodes import EpisodeReference

    assert isinstance(reference, EpisodeReference), "_open makes one where there is no folder of truth"
    means = episode_means(scored.objects, reference, protocol)
    return Scores(protocol.signed(protocol.chain or (), *extras), rows, means, notes)


def validate(predictions: Path | Arrays, truth: Truth, protocol: Protocol, options: PassOptions) -> list[Problem]:
    """Returns everything that is wrong with predictions, without scoring them."""
    with ExitStack() as stack:
        submission, reference = _open(stack, predictions, truth, protocol)
        return score_submission(submission, reference, protocol, replace(options, count=False)).problems


def _open(
    stack: ExitStack, predictions: Path | Arrays, truth: Truth, protocol: Protocol
) -> tuple[Submission, Reference]:
    submission = stack.enter_context(open_submission(predictions))
    if not isinstance(truth, EpisodeTruth):
        return submission, FolderReference(stack.enter_context(open_submission(truth)))
    from fsbench.submissions.episodes import open_reference  # pandas and pyarrow, which a folder of truth does without

    return submission, open_reference(truth, protocol, submission.has_draws)


def _row(scores: ObjectScores, protocol: Protocol, uint8_decay: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"video": scores.key.video, "object_id": scores.object_id}
    if scores.key.expression is not None:
        row = {"video": scores.key.video, "expression": scores.key.expression, "object_id": scores.object_id}
    if scores.key.draw is not None:
        row["draw"] = scores.key.draw
    row["frames"] = len(scores.J)
    for name, values in (("J", scores.J), ("F", scores.F)):
        row[f"{name}_mean"] = mean(values)
        if protocol.has_decay:
            row[f"{name}_recall"] = recall(values)
            row[f"{name}_decay"] = decay(values, uint8_bins=uint8_decay)
    return row


def _means(
    objects: Sequence[ObjectScores], rows: Sequence[Mapping[str, Any]], chain: Sequence[Level]
) -> dict[str, float]:
    """Averages per object first, then over objects, or over videos in between; or over all frames at once."""
    if chain == ("frame",):
        means = {f"{n}_mean": float(np.mean(np.concatenate([getattr(o, n) for o in objects]))) for n in ("J", "F")}
    else:
        columns = [name for name in rows[0] if name.startswith(("J_", "F_"))]
        table = np.array([[row[name] for name in columns] for row in rows])
        if "video" in chain:
            videos = [row["video"] for row in rows]
            table = np.array(
                [
                    [np.mean(column) for column in table[[v == video for v in videos]].T]
                    for video in dict.fromkeys(videos)
                ]
            )
        means = {name: float(np.mean(table[:, i].copy())) for i, name in enumerate(columns)}
    return {"J&F": (means["J_mean"] + means["F_mean"]) / 2, **means}


def _notes(scored: Scored, protocol: Protocol) -> list[str]:
    notes = [protocol.differs] if protocol.differs else []
    if scored.full_frames:
        notes.append(
            f"{scored.full_frames} masks have J = 0 and F = 1: one side fills the frame, the other is empty, and "
            "neither has a boundary (the DAVIS rule)."
        )
    return notes
