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
from fsbench.metrics import means_of_runs
from fsbench.metrics import or_none
from fsbench.metrics import recall
from fsbench.metrics.table import Metric
from fsbench.protocol import mean_of_metrics
from fsbench.protocol import Protocol
from fsbench.scores.measuring import Measure
from fsbench.submissions.forms import Known
from fsbench.submissions.forms import open_submission
from fsbench.submissions.forms import open_truth
from fsbench.submissions.forms import Source
from fsbench.submissions.forms import Submission
from fsbench.submissions.passing import PassOptions
from fsbench.submissions.passing import score_submission
from fsbench.submissions.passing import Scored
from fsbench.submissions.problems import Findings
from fsbench.submissions.problems import printable
from fsbench.submissions.problems import report
from fsbench.submissions.reference import EpisodeTruth
from fsbench.submissions.reference import FolderReference
from fsbench.submissions.reference import Reference
from fsbench.submissions.reference import SequenceKey
from fsbench.submissions.reference import Truth
from fsbench.submissions.reference import Videos
from fsbench.submissions.report import Scores
from fsbench.submissions.tally import ObjectScores

__all__ = ["score", "validate"]


def score(
    predictions: Source,
    truth: Truth,
    protocol: Protocol,
    options: PassOptions,
    *,
    videos: Videos | None = None,
    uint8_decay: bool = False,
) -> Scores:
    """Scores predictions.

    Args:
        predictions: A run, a folder, a zip, a file of run-length codes, or masks in memory.
        truth: What they are held against.
        protocol: How.
        options: How to go over them.
        videos: Which to score; None for all.
        uint8_decay: Wrap the frame ids at the edges of decay's bins at 8 bits, as davis2017-evaluation does.

    Raises:
        SubmissionError: There is any problem; the message is the whole report.
        FsbenchError: The truth cannot be read.
    """
    with ExitStack() as stack:
        submission, reference = _open(stack, predictions, truth, protocol, videos, options.min_score)
        protocol = protocol.on(has_target_free=reference.has_target_free)
        measure = Measure(protocol)
        scored = score_submission(submission, reference, measure, options)
        ranked = protocol.has_ranking and not scored.problems
        precision = _precision(submission, reference, protocol) if ranked else None
    notes = _notes(submission, reference, scored, protocol)
    if scored.problems:
        raise SubmissionError(f"{submission.path}: not scored.\n{report(scored.problems, notes)}")
    if not scored.objects:
        where = f"{truth}: " if isinstance(truth, Path) else ""
        raise DataError(f"{where}no label map of the truth shows an object that counts. Is it the right one?")
    extras = [*reference.signature]
    extras += ["missing=empty"] if options.missing_is_empty or submission.absent_is_empty else []
    extras += [] if options.min_score is None else [f"min-score={options.min_score:g}"]
    extras += ["decay=uint8"] if uint8_decay and protocol.has_decay else []
    notes += [protocol.differs] if protocol.differs else []
    rows = [_row(scores, reference.kind(scores.key), measure, uint8_decay) for scores in scored.objects]
    if not isinstance(truth, EpisodeTruth):
        signature = protocol.signed(protocol.folder_chain, *extras)
        means = _means(scored.objects, rows, measure) | ({"mAP": precision} if protocol.has_ranking else {})
        kinds = _kinds(scored.objects, rows, measure)
        means |= {"kinds": kinds} if kinds else {}
        return Scores(signature, rows, means, notes)
    from fsbench.submissions.episodes import episode_means
    from fsbench.submissions.episodes import EpisodeReference

    assert isinstance(reference, EpisodeReference), "_open makes one where there is no folder of truth"
    means = episode_means(scored.objects, reference, measure)
    return Scores(protocol.signed(protocol.chain or (), *extras), rows, means, notes)


def validate(
    predictions: Source,
    truth: Truth,
    protocol: Protocol,
    options: PassOptions,
    *,
    videos: Videos | None = None,
) -> Findings:
    """Returns everything that is wrong with predictions, without scoring them; see `score`."""
    with ExitStack() as stack:
        submission, reference = _open(stack, predictions, truth, protocol, videos, options.min_score)
        scored = score_submission(submission, reference, Measure(protocol), replace(options, count=False))
    return Findings(scored.problems, _notes(submission, reference, scored, protocol))


def _open(
    stack: ExitStack,
    predictions: Source,
    truth: Truth,
    protocol: Protocol,
    videos: Videos | None,
    min_score: float | None,
) -> tuple[Submission, Reference]:
    """Opens both sides. What each is known to hold says where in a folder or zip its masks lie."""
    if isinstance(truth, EpisodeTruth):
        from fsbench.submissions.episodes import open_reference  # pyarrow: a folder of truth does without

        frames = {row["video_id"]: row["frames"] for row in truth.benchmark.manifest.rows("videos")}
        known = Known(frames, levels=2, frames=frames, min_score=min_score)
        submission = stack.enter_context(open_submission(predictions, known))
        return submission, open_reference(truth, protocol, _sequences(submission), videos)

    if isinstance(truth, Path) and (truth.is_dir() or truth.suffix == ".json"):
        from fsbench.datasets.opening import sentence_dataset  # the datasets: masks as truth do without
        from fsbench.submissions.sentences import has_label_maps
        from fsbench.submissions.sentences import SentenceReference
        from fsbench.submissions.sentences import video_paths

        dataset = sentence_dataset(truth)
        if dataset is not None and (not has_label_maps(dataset) or _are_of_sentences(predictions)):
            frames = {video.video_id: video.frames for video in dataset.videos()}
            asked = frozenset(said.video_id for said in dataset.expressions())
            ids = {path: video_id for video_id, path in video_paths(dataset).items()}
            known = Known(asked, levels=2, frames=frames, min_score=min_score, ids=ids)
            submission = stack.enter_context(open_submission(predictions, known))
            return submission, SentenceReference(dataset, videos, _sequences(submission))

    def named() -> set[str]:
        with open_submission(predictions) as plain:
            return {part for key in _sequences(plain) for part in (key.video, key.expression) if part}

    source = stack.enter_context(open_truth(truth, protocol.truth_folder, named))
    held = _sequences(source)
    levels = 1 if all(key.expression is None for key in held) else 2
    names: dict[str, set[str]] = {}
    for _, video, _, frame in source.keys():  # noqa: SIM118 - a submission is no mapping
        names.setdefault(video, set()).add(frame)
    frames = {video: sorted(of) for video, of in names.items()}
    known = Known(frames, levels, frames=frames, min_score=min_score)
    submission = stack.enter_context(open_submission(predictions, known))
    return submission, FolderReference(source, protocol, videos, _sequences(submission))


def _are_of_sentences(predictions: Source) -> bool:
    with open_submission(predictions) as plain:
        return any(key.expression is not None for key in _sequences(plain))


def _sequences(submission: Submission) -> set[SequenceKey]:
    keys = submission.keys()
    return {SequenceKey(key.draw, key.video, key.expression) for key in keys}


def _precision(submission: Submission, reference: Reference, protocol: Protocol) -> float | None:
    from fsbench.submissions.ranking import mean_average_precision  # COCO's tool, which other scores do without

    return mean_average_precision(submission, reference, protocol)


def _row(scores: ObjectScores, kind: str, measure: Measure, uint8_decay: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"video": scores.key.video, "object_id": scores.object_id}
    if scores.key.expression is not None:
        row = {"video": scores.key.video, "expression": scores.key.expression, "object_id": scores.object_id}
    if scores.key.draw is not None:
        row["draw"] = scores.key.draw
    row |= {"kind": kind} if kind else {}
    row["frames"] = scores.frames
    for metric in measure.metrics:
        values = scores.scores.values[metric.label]
        found = [mean(values)]
        if metric.scope == "frame" and measure.protocol.has_decay:
            found += [recall(values), decay(values, uint8_bins=uint8_decay)]
        row |= zip(_summaries(metric, measure.protocol), map(or_none, found), strict=True)
    return row


def _summaries(metric: Metric, protocol: Protocol) -> tuple[str, ...]:
    """Returns what the numbers of an object by a metric are called; the first is its mean."""
    has_decay = metric.scope == "frame" and protocol.has_decay
    return (metric.mean_label, *((f"{metric.label}_recall", f"{metric.label}_decay") if has_decay else ()))


def _means(
    objects: Sequence[ObjectScores], rows: Sequence[Mapping[str, Any]], measure: Measure
) -> dict[str, Any]:  # Any: floats, None where one does not apply
    """Averages per object first, then over objects, or over videos or kinds in between; or over all frames at once."""
    protocol = measure.protocol
    means = {}
    for metric in measure.metrics:
        names = _summaries(metric, protocol)
        if metric.scope == "set":
            sources = (np.concatenate([each.scores.sources[need] for each in objects]) for need in metric.needs)
            means[metric.label] = float(metric.function(*sources)[0])
        elif protocol.folder_chain == ("frame",):
            means[metric.mean_label] = mean(np.concatenate([each.scores.values[metric.label] for each in objects]))
        else:
            by = next((level for level in ("video", "kind") if level in protocol.folder_chain), None)
            means |= {name: _mean_of_rows(rows, name, by) for name in names}
    headline = mean_of_metrics(protocol.headline, {m.label: means[m.mean_label] for m in measure.metrics})
    return {name: or_none(value) for name, value in {protocol.headline: headline, **means}.items()}


def _kinds(
    objects: Sequence[ObjectScores], rows: Sequence[Mapping[str, Any]], measure: Measure
) -> dict[str, dict[str, float | None]]:
    """Returns the means of each kind of sentence; none where nothing is said of kinds."""
    return {
        kind: _means([objects[i] for i in places], [rows[i] for i in places], measure)
        for kind, places in sorted(_places(rows, "kind").items())
        if kind
    }


def _mean_of_rows(rows: Sequence[Mapping[str, Any]], name: str, by: str | None) -> float:
    """Returns the mean of a number of all rows, or the mean over what stands under another name of the means there."""
    values = np.array([row[name] for row in rows], np.float64)
    if by is None:
        return mean(values)
    places = list(_places(rows, by).values())
    starts = np.cumsum([0, *map(len, places[:-1])])
    return mean(means_of_runs(values[np.concatenate(places)], starts))


def _places(rows: Sequence[Mapping[str, Any]], by: str) -> dict[str, list[int]]:
    """Returns where the rows of each value are, which is empty for a row without one; in the order of rows."""
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(row.get(by, ""), []).append(place)
    return places


def _notes(submission: Submission, reference: Reference, scored: Scored, protocol: Protocol) -> list[str]:
    """Returns what a reader of scores or problems should know besides."""
    notes = [*submission.notes, *reference.notes]
    if reference.left_out:
        notes.append(f"{len(reference.left_out)} videos of the truth are left out, as asked.")
    if scored.recoloured:
        notes.append(
            f"{len(scored.recoloured)} label maps paint an index otherwise than the truth, e.g. "
            f"{printable(scored.recoloured[0])}. If scores are near 0, an optimiser or a conversion may have "
            "renumbered the objects: indices count here, colours do not."
        )
    if scored.target_free and "N_acc" not in protocol.metrics:
        notes.append(
            f"{scored.target_free} sentences name nothing that the truth shows: there an empty answer has J = F = 1, "
            "and any other 0. Protocol 'mevis-v2' leaves them out of J and F, and counts them apart."
        )
    if protocol.has_ranking and submission.ranked is None:
        notes.append(
            "mAP is of results that are ranked by a score: hand in COCO results (image_id, segmentation, score)."
        )
    if scored.full_frames:
        notes.append(
            f"{scored.full_frames} masks have J = 0 and F = 1: one side fills the frame, the other is empty, and "
            "neither has a boundary (the DAVIS rule)."
        )
    return notes
