"""The page on which any two methods of a board are compared, episode by episode."""

from collections.abc import Mapping
from typing import Any

from fsbench.leaderboard.site.addresses import episode_page
from fsbench.leaderboard.site.addresses import picture_file
from fsbench.leaderboard.site.boards import Board
from fsbench.leaderboard.site.environment import LinkedAssets
from fsbench.leaderboard.site.environment import render_page
from fsbench.leaderboard.site.episodes import code
from fsbench.leaderboard.site.episodes import middle_frame
from fsbench.leaderboard.site.values import rounded
from fsbench.leaderboard.site.views import EpisodeView

__all__ = ["compare_page_text"]

_Json = Mapping[str, Any]  # Any: what json.dumps takes
_ROOT = "../"


def compare_page_text(board: Board) -> str:
    """Returns the page of a board of at least two methods."""
    scores = board.scores
    data = {
        "methods": board.methods,
        "ids": scores.index.tolist(),
        "scores": [{name: rounded(scores[i, name]) for name in ("J", "F")} for i in range(len(board.methods))],
        "pairs": {},
        "gallery": {view.episode_id: _seen(board, view) for view in board.gallery},
    }
    shown = {"title": board.table.title, "subtitle": board.table.subtitle, "methods": board.methods}
    has_pictures = any(view.query.has_pixels for view in board.gallery)
    return render_page("compare", LinkedAssets(_ROOT), _ROOT, data, board=shown, has_pictures=has_pictures)


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
        "masks": {numbers[track.title]: code(track.masks[t]) for track in view.tracks if track.masks is not None},
    }
