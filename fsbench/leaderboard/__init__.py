"""Leaderboards: committed entries, and the tables that follow from them."""

from fsbench.leaderboard.breakdown import breakdowns
from fsbench.leaderboard.breakdown import render_breakdowns
from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.entries import entry_from_results
from fsbench.leaderboard.entries import FoldEntry
from fsbench.leaderboard.rendering import readme
from fsbench.leaderboard.rendering import render
from fsbench.leaderboard.reported import read_reported
from fsbench.leaderboard.runs import entries_from_runs
from fsbench.leaderboard.runs import manifest_folds
from fsbench.leaderboard.shelf import read_entries
from fsbench.leaderboard.shelf import write_entries
from fsbench.leaderboard.shelf import write_entry
from fsbench.leaderboard.tables import leaderboard_tables
from fsbench.leaderboard.tables import Table
from fsbench.running.runs import find_runs

__all__ = [
    "Entry",
    "FoldEntry",
    "Table",
    "breakdowns",
    "entries_from_runs",
    "entry_from_results",
    "find_runs",
    "leaderboard_tables",
    "manifest_folds",
    "read_entries",
    "read_reported",
    "readme",
    "render",
    "render_breakdowns",
    "write_entries",
    "write_entry",
]
