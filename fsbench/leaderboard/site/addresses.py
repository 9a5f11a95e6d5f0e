"""Where each page of a site lies, from its root."""

from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.site.boards import Board
from fsbench.leaderboard.site.slugs import slug

__all__ = ["compare_page", "entry_files", "episode_page", "gallery_page", "method_page", "picture_file"]


def method_page(title: str) -> str:
    """Returns the page of a method; `title` is its entries'."""
    return f"methods/{slug(title)}.html"


def compare_page(board: Board) -> str:
    """Returns the page that compares two methods of a board."""
    return f"compare/{board.slug}.html"


def entry_files(board: Board, number: int) -> dict[str, Entry]:
    """Returns the files of a row's entries: one, or one for each of the trainings that it joins."""
    row = board.table.rows[number]
    found = {each.title: each for each in row.entry.trainings} or {row.method: row.entry}
    return {f"entries/{board.slug}/{slug(label)}.json": entry for label, entry in found.items()}


def gallery_page(board: Board) -> str:
    """Returns the page that lists the episodes of a board."""
    return f"episodes/{board.slug}/index.html"


def episode_page(board: Board, episode_id: str) -> str:
    """Returns the page of an episode."""
    return f"episodes/{board.slug}/{slug(episode_id.replace('/', '_'))}.html"


def picture_file(board: Board, video_id: str, frame: str) -> str:
    """Returns the picture of a frame, which boards of one dataset share."""
    return f"pictures/{slug(board.table.dataset)}/{slug(video_id)}/{slug(frame)}.jpg"
