"""The static site of a leaderboard."""

from fsbench.leaderboard.site.boards import Board
from fsbench.leaderboard.site.boards import Contribution
from fsbench.leaderboard.site.boards import make_boards
from fsbench.leaderboard.site.sources import contributions_from_entries
from fsbench.leaderboard.site.sources import contributions_from_runs
from fsbench.leaderboard.site.writing import write_site

__all__ = [
    "Board",
    "Contribution",
    "contributions_from_entries",
    "contributions_from_runs",
    "make_boards",
    "write_site",
]
