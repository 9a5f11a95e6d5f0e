"""The episodes of a manifest as truth for masks that came from outside, and their means."""

import logging
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from fsbench.datasets.reading import LabelCheck
from fsbench.errors import ManifestError
from fsbench.errors import RunError
from fsbench.protocol import Protocol
from fsbench.scores.aggregation import fold_scores
from fsbench.scores.results import mean_score
from fsbench.scores.results import Score
from fsbench.splits.benchmark import Benchmark
from fsbench.submissions.reference import EpisodeTruth
from fsbench.submissions.reference import Labels
from fsbench.submissions.reference import SequenceKey
from fsbench.submissions.reference import VideoTask
from fsbench.submissions.tally import ObjectScores

__all__ = ["EpisodeReference", "episode_means", "open_reference"]

logger = logging.getLogger(__name__)


class EpisodeReference:
    """The episodes of a manifest's folds, with the masks of the local dataset."""

    def __init__(self, benchmark: Benchmark, folds: Sequence[int], draws: Sequence[int | None]) -> None:
        """Lists the sequences.

        Args:
            benchmark: The episodes and their masks.
            folds: Folds to score.
            draws: Draws to score; (None,) for a submission whose masks do not depend on the support.

        Raises:
            ManifestError: There is no such fold or draw.
        """
        self.manifest = manifest = benchmark.manifest
        self._dataset = benchmark.dataset
        self._object_ids: dict[tuple[str, str], list[int]] = {}
        self.episode_of: dict[SequenceKey, list[str]] = {}
        self._annotated = manifest.annotated()
        frames_of = {row["video_id"]: tuple(row["frames"]) for row in manifest.rows("videos")}
        if unknown := sorted(set(folds) - set(manifest.folds)):
            raise ManifestError(f"{manifest.path}: there is no fold {unknown[0]}; its folds are {manifest.folds}.")
        for row in manifest.rows("episodes"):
            draw = None if None in draws else row["draw"]
            if row["fold"] in folds and draw in draws:
                key = SequenceKey(draw, row["video_id"], row["expression_id"])
                self.episode_of.setdefault(key, []).append(row["episode_id"])
                self._object_ids[row["video_id"], row["expression_id"]] = row["object_ids"]
        found = {key.draw for key in self.episode_of}
        if missing := [draw for draw in draws if draw not in found]:
            raise ManifestError(f"{manifest.path}: there is no draw {missing[0]}.")
        by_video: dict[str, list[SequenceKey]] = {}
        for key in self.episode_of:
            by_video.setdefault(key.video, []).append(key)
        self.tasks = tuple(
            VideoTask(video, frames_of[video], tuple(sorted(keys, key=_none_first)))
            for video, keys in sorted(by_video.items())
        )

    def truth(self, task: VideoTask) -> Iterator[Mapping[str | None, Labels]]:
        """Yields for each frame the truth by expression, as 0 and 1."""
        tables = {}
        for expression in dict.fromkeys(key.expression for key in task.sequences):
            assert expression is not None, "an episode asks about a sentence"
            table = np.zeros(2**16, np.uint8)
            table[self._object_ids[task.video, expression]] = 1
            tables[expression] = table
        check = LabelCheck(self._dataset, task.video, self._annotated[task.video])
        for frame in task.frames:
            labels = self._dataset.label_map(task.video, frame)
            check.see(frame, labels)
            if frame == task.frames[-1]:
                check.finish()
            yield {expression: table[labels] for expression, table in tables.items()}


def _none_first(key: SequenceKey) -> tuple[int, str, str]:
    return -1 if key.draw is None else key.draw, key.video, key.expression or ""


def open_reference(truth: EpisodeTruth, protocol: Protocol, has_draws: bool) -> EpisodeReference:
    """Opens the episodes that a user means.

    Args:
        truth: What the user said.
        protocol: Must score episodes.
        has_draws: Whether the predictions tell support draws apart; otherwise they count for every draw.

    Raises:
        FsbenchError: Something is not there, or the protocol scores folders alone.
    """
    if protocol.chain is None:
        raise RunError(f"Protocol {protocol.name!r} scores folders of masks, not episodes. Give --truth DIR.")
    draws: Sequence[int | None] = truth.draws or truth.benchmark.draws
    if not has_draws:
        logger.warning("The predictions have no draw-<d> level: the same masks count for every support draw.")
        draws = (None,)
    return EpisodeReference(truth.benchmark, truth.folds or truth.benchmark.folds, draws)


def episode_means(objects: Sequence[ObjectScores], reference: EpisodeReference, protocol: Protocol) -> dict[str, Any]:
    """Averages the scores of sentences as a run's are.

    Args:
        objects: Scores of every sequence.
        reference: Says which episodes each answers.
        protocol: Gives the chain.

    Returns:
        J&F, J_mean, F_mean over folds; the same for each fold, with its spread over draws and its classes.
    """
    frames_of = {task.video: task.frames[protocol.counted(len(task.frames))] for task in reference.tasks}
    columns: dict[str, list[Any]] = {name: [] for name in ("episode_id", "frame", "J", "F")}
    for scores in objects:
        names = frames_of[scores.key.video]
        for episode_id in reference.episode_of[scores.key]:
            columns["episode_id"] += [episode_id] * len(names)
            columns["frame"] += names
            columns["J"] += scores.J.tolist()
            columns["F"] += scores.F.tolist()
    by_fold = fold_scores(pd.DataFrame(columns), reference.manifest, protocol.chain or ())
    folds = {}
    for fold, result in by_fold.items():
        spread = result.score.sd_draws
        folds[str(fold)] = {
            **_named(result.score.mean),
            "sd_draws": None if spread is None else _named(spread),
            "classes": {entry.name: _named(entry.score.mean) for entry in result.classes},
        }
    return {**_named(mean_score([result.score.mean for result in by_fold.values()])), "folds": folds}


def _named(score: Score) -> dict[str, float]:
    return {"J&F": score.JF, "J_mean": score.J, "F_mean": score.F}
