"""Which episodes predictions are held against: those that a user names, or those that the predictions answer."""

from collections.abc import Collection
from collections.abc import Sequence
from typing import NamedTuple

from fsbench.errors import ManifestError
from fsbench.splits.benchmark import Benchmark
from fsbench.submissions.reference import SequenceKey

__all__ = ["Asked", "AskedEpisode", "asked_episodes"]


class AskedEpisode(NamedTuple):
    """A row of the manifest's table of episodes.

    Attributes:
        episode_id, fold, draw: The episode, its fold and its support draw.
        video_id, expression_id: What is asked about.
        object_ids: The objects that the sentence names; the truth is their union.
    """

    episode_id: str
    fold: int
    draw: int
    video_id: str
    expression_id: str
    object_ids: list[int]


class Asked(NamedTuple):
    """The episodes to score.

    Attributes:
        episodes: The episodes, in the manifest's order.
        draws: Their draws.
        tells_draws: Whether the predictions tell support draws apart; else the same masks count for every draw.
        notes: What was left out, and why.
    """

    episodes: list[AskedEpisode]
    draws: Sequence[int]
    tells_draws: bool
    notes: list[str]


def asked_episodes(
    benchmark: Benchmark, folds: Sequence[int], draws: Sequence[int], predicted: Collection[SequenceKey]
) -> Asked:
    """Returns the episodes to score.

    Args:
        benchmark: All episodes.
        folds, draws: Which; empty for those that the predictions are of.
        predicted: What there are predictions of.

    Raises:
        ManifestError: There is no such fold or draw, or nothing is asked in them.
    """
    path = benchmark.manifest.path
    for what, named, known in (("fold", folds, benchmark.folds), ("draw", draws, benchmark.draws)):
        if unknown := sorted(set(named) - set(known)):
            listed = ", ".join(map(str, known))
            raise ManifestError(f"{path}: there is no {what} {unknown[0]}; its {what}s are {listed}.")
    rows = benchmark.manifest.rows("episodes")
    episodes = [AskedEpisode(**{name: row[name] for name in AskedEpisode._fields}) for row in rows]
    chosen_folds = folds or _folds_of(predicted, episodes) or benchmark.folds
    episodes = [episode for episode in episodes if episode.fold in chosen_folds]
    chosen_draws = draws or _draws_of(predicted, episodes) or benchmark.draws
    episodes = [episode for episode in episodes if episode.draw in chosen_draws]
    if not episodes:
        raise ManifestError(f"{path}: nothing is asked in folds {chosen_folds} and draws {chosen_draws}.")
    notes = [] if folds else _alone("fold", "--fold", chosen_folds, benchmark.folds)
    notes += [] if draws else _alone("draw", "--draws", chosen_draws, benchmark.draws)
    tells_draws = any(key.draw is not None for key in predicted)
    if not tells_draws and len(chosen_draws) > 1:
        notes.append("The predictions have no draw-<d> level: the same masks count for every support draw.")
    return Asked(episodes, chosen_draws, tells_draws, notes)


def _alone(what: str, option: str, chosen: Sequence[int], known: Sequence[int]) -> list[str]:
    if len(chosen) == len(known):
        return []
    listed = ", ".join(map(str, chosen))
    there = f"the benchmark has {len(known)} {what}s"
    return [f"Of {what} {listed} alone, as the predictions are; {there}. {option} asks for others."]


def _folds_of(predicted: Collection[SequenceKey], episodes: Sequence[AskedEpisode]) -> tuple[int, ...]:
    """Returns the folds that ask for anything that was predicted."""
    answered = {(key.video, key.expression) for key in predicted}
    return tuple(sorted({e.fold for e in episodes if (e.video_id, e.expression_id) in answered}))


def _draws_of(predicted: Collection[SequenceKey], episodes: Sequence[AskedEpisode]) -> tuple[int, ...]:
    """Returns the draws that predictions are of: those that they name, or else those that ask for just these masks."""
    by_draw: dict[int, set[tuple[str, str | None]]] = {}
    for episode in episodes:
        by_draw.setdefault(episode.draw, set()).add((episode.video_id, episode.expression_id))
    named = {key.draw for key in predicted if key.draw is not None}
    if not named:
        # A video that supports one draw is asked for in others, so the masks of a draw are not those of all.
        answered = {(key.video, key.expression) for key in predicted}
        return tuple(sorted(draw for draw, asked in by_draw.items() if asked == answered))
    return tuple(sorted(named & by_draw.keys()))
