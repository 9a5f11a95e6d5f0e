"""The static site of a leaderboard."""

from fsbench.leaderboard.site.boards import Board
from fsbench.leaderboard.site.boards import make_boards
from fsbench.leaderboard.site.writing import write_site

__all__ = ["Board", "make_boards", "write_site"]
