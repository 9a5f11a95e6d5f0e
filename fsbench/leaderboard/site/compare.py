"""The page on which any two methods of a board are compared, episode by episode."""

import math
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from hashlib import sha256
from itertools import combinations
from typing import Any

from fsbench.errors import RunError
from fsbench.leaderboard.compare import compare_means
from fsbench.leaderboard.compare import OF_TRAININGS
from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.entries import has_chain
from fsbench.leaderboard.power import plan
from fsbench.leaderboard.site.addresses import episode_page
from fsbench.leaderboard.site.addresses import picture_file
from fsbench.leaderboard.site.attributes import attribute_data
from fsbench.leaderboard.site.boards import Board
from fsbench.leaderboard.site.environment import LinkedAssets
from fsbench.leaderboard.site.environment import render_page
from fsbench.leaderboard.site.episodes import code
from fsbench.leaderboard.site.episodes import middle_frame
from fsbench.leaderboard.site.values import metric_choices
from fsbench.leaderboard.site.values import rounded
from fsbench.metrics import or_none
from fsbench.scores.metrics import Column
from fsbench.scores.power import LEVERS
from fsbench.splits.ids import episode_columns
from fsbench.viewing.views import EpisodeView

__all__ = ["compare_page_text"]

_Json = Mapping[str, Any]  # Any: what json.dumps takes
_ROOT = "../"
_MOST_EPISODES = 25_000  # a page has the scores of each by every method


def compare_page_text(board: Board) -> str:
    """Returns the page of a board of at least two methods."""
    chosen = _told([*board.scores.index], {view.query.video_id for view in board.gallery})
    scores = board.scores.iloc[chosen]
    left_out = len(board.scores) - len(scores)
    data = {
        "methods": board.methods,
        "colours": board.colours,
        "ids": scores.index.tolist(),
        "isPart": left_out > 0,
        "scores": [
            {name: rounded(scores[i, name], board.table.about[name]) for name in board.metrics}
            for i in range(len(board.methods))
        ],
        "pairs": _pairs(board),
        "attributes": attribute_data(board, board.table.names),
        "gallery": {view.episode_id: _seen(board, view) for view in board.gallery},
    }
    shown = {
        "title": board.table.title,
        "subtitle": board.table.subtitle,
        "methods": board.methods,
        "chosen": board.real[:2] if len(board.real) > 1 else [0, 1],
        "metrics": metric_choices(board.table),
        "attributes": [found.attribute.name for found in board.breakdowns],
        "episodes": len(scores),
        "left_out": left_out,
    }
    has_pictures = any(view.query.has_pixels for view in board.gallery)
    return render_page("compare", LinkedAssets(_ROOT), _ROOT, data, board=shown, has_pictures=has_pictures)


def _told(ids: Sequence[str], seen: Collection[str]) -> list[int]:
    """Returns which episodes the page tells one by one: all, or, where these are many, those of some videos.

    Args:
        ids: Of all episodes.
        seen: Videos in the gallery, which come first; then those whose ids have the smallest SHA-256.
    """
    if len(ids) <= _MOST_EPISODES:
        return [*range(len(ids))]
    of_video: dict[str, list[int]] = {}
    for place, video_id in enumerate(episode_columns(ids)["video"].to_pylist()):
        of_video.setdefault(video_id, []).append(place)
    chosen: list[int] = []
    for video_id in sorted(of_video, key=lambda video_id: (video_id not in seen, sha256(video_id.encode()).digest())):
        if len(chosen) + len(of_video[video_id]) > _MOST_EPISODES:
            break
        chosen += of_video[video_id]
    return sorted(chosen)


def _pairs(board: Board) -> _Json:
    """Returns the tested mean differences of all pairs of methods on the same episodes, "first-second" by number."""
    if not has_chain(board.table.protocol):
        return {}
    entries = [row.entry for row in board.table.rows]
    return {
        f"{i}-{j}": _differences(entries[i], entries[j], board.table.about)
        for i, j in combinations(range(len(entries)), 2)
        if entries[i].episodes_digest == entries[j].episodes_digest is not None
    }


def _differences(one: Entry, other: Entry, about: Mapping[str, Column]) -> _Json:
    """Returns for each value that both have the mean difference, its interval and p, and how trainings come into it."""
    found = compare_means(one, other)
    assert found.p is not None, "a mean is tested"
    records = {"difference": found.mean, "p": found.p}
    if found.interval is not None:
        records |= {"low": found.interval.low, "high": found.interval.high}
    values = {
        name: {
            key: or_none(score[name] * (1 if key == "p" else about[name].scale / 100)) for key, score in records.items()
        }
        for name in found.mean.names
        if not math.isnan(found.mean[name])
    }
    return {**values, "trainings": OF_TRAININGS[found.trainings], "power": _power(one, other, found.mean.headline)}


def _power(one: Entry, other: Entry, lead: float) -> _Json | None:
    """Returns the smallest lead that the evaluation finds, and how much of one thing alone would find this one.

    None where it is not known: of other things than shares, and of too few classes or videos.
    """
    try:
        found = plan(one, other, abs(lead))
    except RunError:
        return None
    more = {lever: found.rows[f"more {lever} alone"] for lever in LEVERS if f"more {lever} alone" in found.rows}
    needed = {lever: getattr(design, lever) for lever, design in more.items() if design is not None}
    return {"smallest": found.smallest if math.isfinite(found.smallest) else None, "needed": needed}


def _seen(board: Board, view: EpisodeView) -> _Json:
    """Returns what the page shows of an episode: a link, and one frame with the masks of all methods."""
    query = view.query
    seen: dict[str, Any] = {"href": _ROOT + episode_page(board, view.episode_id), "sentence": query.sentence}
    if query.masks is None:
        return seen
    t = middle_frame(query)
    numbers = {label: i for i, label in enumerate(board.methods)}
    return seen | {
        "src": _ROOT + picture_file(board, query.video_id, query.names[t]),
        "size": query.size,
        "truth": code(query.masks[t]),
        "masks": {numbers[answer.title]: code(answer.masks[t]) for answer in view.answers if answer.masks is not None},
    }
