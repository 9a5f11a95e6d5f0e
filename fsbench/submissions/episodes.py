"""The episodes of a manifest as truth for masks that came from outside, and their means."""

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fsbench.errors import RunError
from fsbench.protocol import Protocol
from fsbench.scores.aggregation import fold_scores
from fsbench.scores.measuring import Measure
from fsbench.scores.results import mean_score
from fsbench.scores.results import Score
from fsbench.scores.rows import score_schema
from fsbench.splits.benchmark import Benchmark
from fsbench.submissions.asked import asked_episodes
from fsbench.submissions.inventory import sequence_name
from fsbench.submissions.problems import Problem
from fsbench.submissions.reference import EpisodeTruth
from fsbench.submissions.reference import SequenceKey
from fsbench.submissions.reference import signed_subset
from fsbench.submissions.reference import TrueMask
from fsbench.submissions.reference import Videos
from fsbench.submissions.reference import VideoTask
from fsbench.submissions.sentences import true_masks
from fsbench.submissions.tally import ObjectScores

__all__ = ["EpisodeReference", "episode_means", "open_reference"]

SUPPORT_REMEDY = "Leave the draw's support videos out, or pass such masks over with --extra ignore."


class EpisodeReference:
    """The episodes of a manifest's folds, with the masks of the local dataset."""

    def __init__(
        self,
        benchmark: Benchmark,
        folds: Sequence[int],
        draws: Sequence[int],
        videos: Videos | None = None,
        *,
        predicted: Collection[SequenceKey] = (),
    ) -> None:
        """Lists the sequences.

        Args:
            benchmark: The episodes and their masks.
            folds, draws: Which to score; empty for those that the predictions are of.
            videos: Which to score; None for all.
            predicted: What there are predictions of. Where none has a draw, they count for every draw.

        Raises:
            ManifestError: There is no such fold or draw, or nothing is asked in them.
            SubmissionError: There is no such video.
        """
        self.manifest = manifest = benchmark.manifest
        self._dataset = benchmark.dataset
        self.has_target_free = benchmark.has_target_free
        asked = asked_episodes(benchmark, folds, draws, predicted)
        self.notes, self._draws = asked.notes, asked.draws
        episodes = asked.episodes
        known_videos = {episode.video_id for episode in episodes}
        chosen = known_videos if videos is None else videos.among(known_videos, {key.video for key in predicted})
        self.signature = signed_subset(chosen, known_videos)
        self.left_out = known_videos - chosen
        self._supports = _support_videos(benchmark)
        self._objects_of: dict[str, dict[str, list[int]]] = {}
        self.episode_of: dict[SequenceKey, list[str]] = {}
        self._annotated = manifest.annotated()
        for episode in (episode for episode in episodes if episode.video_id in chosen):
            key = SequenceKey(episode.draw if asked.tells_draws else None, episode.video_id, episode.expression_id)
            self.episode_of.setdefault(key, []).append(episode.episode_id)
            self._objects_of.setdefault(episode.video_id, {})[episode.expression_id] = episode.object_ids
        frames_of = {row["video_id"]: tuple(row["frames"]) for row in manifest.rows("videos")}
        by_video: dict[str, list[SequenceKey]] = {}
        for key in self.episode_of:
            by_video.setdefault(key.video, []).append(key)
        self.tasks = tuple(
            VideoTask(video, frames_of[video], tuple(sorted(keys, key=_none_first)))
            for video, keys in sorted(by_video.items())
        )

    def truth(self, task: VideoTask) -> Iterator[Mapping[str | None, TrueMask]]:
        """Yields for each frame the truth by expression."""
        return true_masks(self._dataset, task, self._objects_of[task.video], self._annotated[task.video])

    def kind(self, key: SequenceKey) -> str:
        """Returns nothing: a manifest does not say."""
        return ""

    def explain(self, key: SequenceKey) -> Problem | None:
        """Returns that a video belongs to the draw's support set, if it does."""
        draws = self._draws if key.draw is None else [key.draw]
        if any((draw, key.video) not in self._supports for draw in draws):
            return None
        listed = ", ".join(map(str, draws))
        what = f"the video belongs to the support set of draw {listed}, so nobody asks for it there"
        return Problem("extra-sentence", sequence_name(key), what, SUPPORT_REMEDY)


def _support_videos(benchmark: Benchmark) -> set[tuple[int | None, str]]:
    rows = benchmark.manifest.rows("supports")
    return {(row["draw"], shot["video_id"]) for row in rows for shot in row["shots"]}


def _none_first(key: SequenceKey) -> tuple[int, str, str]:
    return -1 if key.draw is None else key.draw, key.video, key.expression or ""


def open_reference(
    truth: EpisodeTruth, protocol: Protocol, predicted: Collection[SequenceKey], videos: Videos | None
) -> EpisodeReference:
    """Opens the episodes that a user means; see `EpisodeReference`.

    Raises:
        FsbenchError: Something is not there, or the protocol scores folders alone.
    """
    if protocol.chain is None:
        raise RunError(f"Protocol {protocol.name!r} scores folders of masks, not episodes. Give --truth DIR.")
    return EpisodeReference(truth.benchmark, truth.folds, truth.draws, videos, predicted=predicted)


def episode_means(objects: Sequence[ObjectScores], reference: EpisodeReference, measure: Measure) -> dict[str, Any]:
    """Averages the scores of sentences as a run's are.

    Args:
        objects: Scores of every sequence.
        reference: Says which episodes each answers.
        measure: Gives the metrics and the chain.

    Returns:
        The headline and the mean of each metric over folds, None for one that does not apply; the same for each fold,
        with its spread over draws and its classes.

    Raises:
        PluginError: See `Measure.require_episodes`.
    """
    measure.require_episodes()
    protocol = measure.protocol
    frames_of = {task.video: task.frames[protocol.counted(len(task.frames))] for task in reference.tasks}
    parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in score_schema(protocol.metrics).names}
    for scores in objects:
        names = np.array(frames_of[scores.key.video], object)
        values = measure.columns(scores.scores, len(names))
        for episode_id in reference.episode_of[scores.key]:
            episode = {"episode_id": np.full(len(names), episode_id, object), "frame": names, **values}
            for name, column in episode.items():
                parts[name].append(column)
    columns = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    by_fold = fold_scores(columns, reference.manifest, protocol)
    folds = {}
    for fold, result in by_fold.items():
        spread = result.score.sd_draws
        folds[str(fold)] = {
            **_named(result.score.mean, measure),
            "sd_draws": None if spread is None else _named(spread, measure),
            "classes": {entry.name: _named(entry.score.mean, measure) for entry in result.classes},
        }
    return {**_named(mean_score([result.score.mean for result in by_fold.values()]), measure), "folds": folds}


def _named(score: Score, measure: Measure) -> dict[str, float | None]:
    labels = {metric.label: metric.mean_label for metric in measure.metrics}
    values = score.model_dump()
    return {labels.get(name, name): values[name] for name in (score.headline_name, *score.names[:-1])}
