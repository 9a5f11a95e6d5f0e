"""The front page: which method is best, a table for each board, bars by class, draws by class."""

from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from fsbench.datasets.shapes import NEEDED
from fsbench.leaderboard.intervals import class_interval
from fsbench.leaderboard.intervals import fold_interval
from fsbench.leaderboard.intervals import mean_interval
from fsbench.leaderboard.leads import fold_ranks
from fsbench.leaderboard.leads import FoldRank
from fsbench.leaderboard.leads import Lead
from fsbench.leaderboard.leads import lead_of
from fsbench.leaderboard.names import is_web_address
from fsbench.leaderboard.rendering import printed
from fsbench.leaderboard.rendering import REPORTED_LEGEND
from fsbench.leaderboard.reported import Reported
from fsbench.leaderboard.site.addresses import compare_page
from fsbench.leaderboard.site.addresses import entry_files
from fsbench.leaderboard.site.addresses import gallery_page
from fsbench.leaderboard.site.addresses import method_page
from fsbench.leaderboard.site.attributes import attribute_data
from fsbench.leaderboard.site.boards import Board
from fsbench.leaderboard.site.boards import draw_means
from fsbench.leaderboard.site.environment import LinkedAssets
from fsbench.leaderboard.site.environment import render_page
from fsbench.leaderboard.site.values import hosts
from fsbench.leaderboard.site.values import MANY_CLASSES
from fsbench.leaderboard.site.values import metric_choices
from fsbench.leaderboard.site.values import number
from fsbench.leaderboard.site.values import rounded
from fsbench.leaderboard.site.values import scale_top
from fsbench.leaderboard.site.values import seconds
from fsbench.leaderboard.tables import Row
from fsbench.leaderboard.tables import Table

__all__ = ["index_page"]

_Json = Mapping[str, Any]  # Any: what json.dumps takes


def index_page(boards: Sequence[Board], reported: Sequence[Reported] = ()) -> str:
    """Returns the front page: a section for each board, and one for what papers print."""
    shown = [_board(board) for board in boards]
    leads = sorted((found for board in boards if (found := _lead(board))), key=lambda found: not found["is_needed"])
    data = {"boards": [_board_data(board) for board in boards]}
    papers = {"legend": REPORTED_LEGEND, "tables": reported, "printed": printed} if reported else None
    return render_page("index", LinkedAssets(""), "", data, leads=leads, boards=shown, papers=papers)


def _lead(board: Board) -> _Json | None:
    """Returns who leads where the support is needed, as far as the sentences tell, or else on all episodes."""
    kind = board.by_need
    found = lead_of(board.table, board.slicer, kind.attribute, NEEDED) if kind else lead_of(board.table)
    return None if found is None else {"is_needed": kind is not None, "slug": board.slug, **_told(found, board)}


def _told(found: Lead, board: Board) -> _Json:
    rows, difference = board.table.rows, found.difference
    ends = None
    if difference is not None and difference.interval is not None:
        low, high = difference.interval.low.headline, difference.interval.high.headline
        ends = (low, high) if low == low else None
    return {
        "set": f"{board.table.dataset} {board.table.manifest_version}",
        "protocol": board.table.protocol.split("|", 1)[0],
        "headline": board.table.names[-1],
        "episodes": found.episodes,
        "best": rows[found.best].method,
        "href": method_page(rows[found.best].entry.title),
        "score": found.score,
        "next": None if found.next is None else rows[found.next].method,
        "next_score": found.next_score,
        "by": None if difference is None else difference.mean.headline,
        "interval": ends,
        "is_separated": found.is_separated,
        "compare": f"{compare_page(board)}#a={found.best}&b={found.next}" if board.is_compared else None,
    }


def _board(board: Board) -> _Json:
    table = board.table
    folds = [group for group in table.groups if group is not None]
    ranks = fold_ranks(table)
    rows = [_row(board, i, ranks.get(i, ())) for i in range(len(table.rows))]
    ends = [row["headline"].interval[1] if row["headline"].interval else row["headline"].value for row in rows]
    classes = class_scores(table.rows)
    return {
        "slug": board.slug,
        "title": table.title,
        "chosen": board.real[:4],
        "subtitle": table.subtitle,
        "folds": folds,
        "headline": table.about[table.names[-1]],
        "metrics": metric_choices(table)[1:],
        "rows": rows,
        "top": scale_top(ends),
        "notes": table.notes,
        "hardware": _named(_hardware(table)),
        "has_days": any(row["seconds"]["day"] for row in rows),
        "ceilings": table.ceilings,
        "is_long": len(classes) > MANY_CLASSES,
        "class_rows": [(name, [value and value[0] for value in values]) for name, values in classes.items()],
        "has_draws": any(not draw_means(board, i).empty for i in range(len(rows))),
        "attributes": [found.attribute.name for found in board.breakdowns],
        "compare": compare_page(board) if board.is_compared else None,
        "episodes": gallery_page(board),
        "num_episodes": len(board.gallery),
    }


def _row(board: Board, number_of_row: int, ranks: Sequence[FoldRank]) -> _Json:
    table = board.table
    row = table.rows[number_of_row]
    entry = row.entry
    folds = [group for group in table.groups if group is not None]
    has_paper_page = is_web_address(entry.method.paper)
    width = len(table.names)
    *others, headline = (cell.value for cell in row.cells[-width:])
    is_mean = folds or headline is None
    ends = mean_interval(row.intervals) if is_mean else fold_interval(row.intervals, entry.folds[0].fold)
    elsewhere = None if entry.hardware == _hardware(table) else _named(entry.hardware)
    key = "" if entry.seconds_per_frame is None or elsewhere else repr(entry.seconds_per_frame)
    scales = [table.about[name].scale / 100 for name in table.names[:-1]]
    return {
        "label": row.method,
        "colour": board.colours[number_of_row],
        "rank": row.rank,
        "ranks": ranks,
        "href": method_page(entry.title),
        "summary": entry.method.summary,
        "trainings": list(row.trainings.values()),
        "notes": row.notes,
        "headline": number(headline, ends if headline is not None else None),
        "others": [number(v if v is None else v * part) for v, part in zip(others, scales, strict=True)],
        "folds": [number(row.cells[width * (i + 1) - 1].value) for i in range(len(folds))],
        "seconds": {"text": seconds(entry), "key": key, "elsewhere": elsewhere, "day": entry.evaluated},
        "links": [*([("paper", entry.method.paper)] if has_paper_page else []), *hosts(entry.links)],
        "cites": bool(entry.method.paper) and not has_paper_page,
        "files": list(entry_files(board, number_of_row)),
        "trained_on": entry.training,
        "is_trained": entry.training != "nothing",
    }


def _hardware(table: Table) -> tuple[str, ...]:
    """Returns on what the most of a table's times were measured; empty if there are none, or it is not known."""
    measured = [row.entry.hardware for row in table.rows if row.entry.seconds_per_frame is not None]
    return Counter(measured).most_common(1)[0][0] if measured else ()


def _named(hardware: Sequence[str]) -> str:
    return "; ".join(hardware) or "hardware not known"


def class_scores(rows: Sequence[Row]) -> dict[str, list[tuple[float, float | None, float | None] | None]]:
    """Returns by class, for each row, the mean headline and the ends of its interval; None where it has none."""
    by_row = [
        {
            c.name: (c.score.mean.headline, *(class_interval(row.intervals, c.name) or (None, None)))
            for fold in row.entry.folds
            for c in fold.classes
        }
        for row in rows
    ]
    names = dict.fromkeys(name for scores in by_row for name in scores)
    return {name: [scores.get(name) for scores in by_row] for name in names}


def _board_data(board: Board) -> _Json:
    classes = class_scores(board.table.rows)
    methods = []
    for i, label in enumerate(board.methods):
        values = [scores[i] and [v and round(v, 4) for v in scores[i] or ()] for scores in classes.values()]
        methods.append({"label": label, "colour": board.colours[i], "classes": values, "draws": _draws(board, i)})
    headline = board.table.names[-1]
    by = attribute_data(board, [headline])
    return {"classes": list(classes), "methods": methods, "headline": headline, "attributes": by}


def _draws(board: Board, number: int) -> _Json:
    means = draw_means(board, number)
    means = means[[name for name in class_scores([board.table.rows[number]]) if name in means]]
    return {
        "classes": [str(name) for name in means.columns],
        "draws": [int(draw) for draw in means.index],
        "values": [rounded(row) for row in means.to_numpy()],
    }
