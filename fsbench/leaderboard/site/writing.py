"""The files of a site."""

from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path

from fsbench.errors import RunError
from fsbench.files import whole_folder
from fsbench.files import write_files
from fsbench.leaderboard.reported import Reported
from fsbench.leaderboard.site.addresses import compare_page
from fsbench.leaderboard.site.addresses import entry_files
from fsbench.leaderboard.site.addresses import episode_page
from fsbench.leaderboard.site.addresses import gallery_page
from fsbench.leaderboard.site.addresses import method_page
from fsbench.leaderboard.site.addresses import picture_file
from fsbench.leaderboard.site.boards import Board
from fsbench.leaderboard.site.compare import compare_page_text
from fsbench.leaderboard.site.environment import ASSETS
from fsbench.leaderboard.site.environment import read_asset
from fsbench.leaderboard.site.episodes import episode_page_text
from fsbench.leaderboard.site.episodes import gallery_page_text
from fsbench.leaderboard.site.index import index_page
from fsbench.leaderboard.site.method import method_page_text

__all__ = ["site_files", "write_site"]

_MARK = "fsbench-site.txt"
_MARK_TEXT = "Written by 'fsbench leaderboard --format html'; written anew as a whole.\n"


def site_files(boards: Sequence[Board], reported: Sequence[Reported] = ()) -> Iterator[tuple[str, str | bytes]]:
    """Yields path and content of every file of a site; pictures more than once if boards share them."""
    yield _MARK, _MARK_TEXT
    for name in ASSETS:
        yield f"assets/{name}", read_asset(name)
    yield "index.html", index_page(boards, reported)
    places: dict[str, list[tuple[Board, int]]] = {}
    for board in boards:
        for index, row in enumerate(board.table.rows):
            places.setdefault(row.entry.title, []).append((board, index))
    for title, found in places.items():
        yield method_page(title), method_page_text(title, found)
    for board in boards:
        yield from _board_files(board)


def write_site(out: Path, boards: Sequence[Board], reported: Sequence[Reported] = ()) -> Path:
    """Writes a site of boards, and of what papers print; whole or not at all, in place of an earlier one.

    Returns:
        Its first page.

    Raises:
        RunError: The folder holds something else.
    """
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / _MARK).is_file())):
        raise RunError(f"{out}: holds something that is no site (no {_MARK}). Give another --out, or remove it.")
    with whole_folder(out, replaces=True) as fresh:
        write_files(fresh, site_files(boards, reported))
    return out / "index.html"


def _board_files(board: Board) -> Iterator[tuple[str, str | bytes]]:
    for number in range(len(board.table.rows)):
        for path, entry in entry_files(board, number).items():
            yield path, entry.model_dump_json(indent=1) + "\n"
    if board.is_compared:
        yield compare_page(board), compare_page_text(board)
    if not board.gallery:
        return
    yield gallery_page(board), gallery_page_text(board)
    shown: set[tuple[str, str]] = set()
    for number, view in enumerate(board.gallery):
        yield episode_page(board, view.episode_id), episode_page_text(board, number)
        for frames in (view.query, *view.support):
            if frames.has_pixels:
                shown.update((frames.video_id, name) for name in frames.names)
    for video_id, name in sorted(shown):
        assert board.pictures is not None, "frames with pixels come from pictures"
        yield picture_file(board, video_id, name), board.pictures.jpeg(video_id, name)
