"""The static site of a leaderboard, and its page of an episode."""

from fsbench.leaderboard.site.boards import Board
from fsbench.leaderboard.site.boards import make_boards
from fsbench.leaderboard.site.episodes import standalone_page
from fsbench.leaderboard.site.writing import write_site

__all__ = ["Board", "make_boards", "standalone_page", "write_site"]
