"""The page of a method: who it is, what it scores on every board, what it costs."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.intervals import class_interval
from fsbench.leaderboard.intervals import fold_interval
from fsbench.leaderboard.intervals import mean_interval
from fsbench.leaderboard.names import is_web_address
from fsbench.leaderboard.site.addresses import compare_page
from fsbench.leaderboard.site.addresses import entry_files
from fsbench.leaderboard.site.addresses import gallery_page
from fsbench.leaderboard.site.attributes import attribute_data
from fsbench.leaderboard.site.boards import Board
from fsbench.leaderboard.site.environment import LinkedAssets
from fsbench.leaderboard.site.environment import render_page
from fsbench.leaderboard.site.values import MANY_CLASSES
from fsbench.leaderboard.site.values import metric_choices
from fsbench.leaderboard.site.values import others
from fsbench.leaderboard.site.values import scale_top
from fsbench.leaderboard.site.values import seconds
from fsbench.leaderboard.tables import Row
from fsbench.leaderboard.tables import Table
from fsbench.metrics import or_none

__all__ = ["method_page_text"]

_Json = Mapping[str, Any]  # Any: what templates and json.dumps take
_ROOT = "../"


def method_page_text(title: str, places: Sequence[tuple[Board, int]]) -> str:
    """Returns the page of a method.

    Args:
        title: The method's.
        places: The boards that it is on, and its row there; at least one.
    """
    parts = [_part(board, row) for board, row in places]
    data = {
        "title": title,
        "colour": places[0][0].colours[places[0][1]],
        "parts": [
            {
                "headline": p["headline"],
                "classes": [_only(line, "name", "headline", "interval") for line in p["classes"]],
                "metrics": [{"name": metric.name, "title": metric.title} for metric in metric_choices(board.table)],
                "attributes": attribute_data(board, board.table.names, [row]),
            }
            for p, (board, row) in zip(parts, places, strict=True)
        ],
    }
    entry = places[-1][0].table.rows[places[-1][1]].entry
    return render_page(
        "method",
        LinkedAssets(_ROOT),
        _ROOT,
        data,
        title=title,
        info=entry.method,
        paper_address=entry.method.paper if is_web_address(entry.method.paper) else None,
        training=entry.training,
        parts=parts,
        links=entry.links,
    )


def _part(board: Board, index: int) -> _Json:
    row = board.table.rows[index]
    lines, classes = _lines(row, board.table), _classes(row, board.table)
    ends = [line["interval"][1] if line["interval"] else line["headline"] for line in lines]
    return {
        "board_title": board.table.title,
        "subtitle": board.table.subtitle,
        "headline": board.table.names[-1],
        "metrics": metric_choices(board.table)[1:],
        "lines": lines,
        "classes": classes,
        "is_long": len(classes) > MANY_CLASSES,
        "attributes": [found.attribute.name for found in board.breakdowns],
        "top": scale_top(ends),
        "notes": [board.table.notes[note - 1] for note in row.notes],
        "facts": _facts(row.entry),
        "compare": f"{_ROOT}{compare_page(board)}#a={index}" if board.is_compared else None,
        "episodes": _ROOT + gallery_page(board) if board.gallery else None,
        "files": [_ROOT + path for path in entry_files(board, index)],
    }


def _lines(row: Row, table: Table) -> list[_Json]:
    entry = row.entry
    folds = [
        (f"Fold {f.fold}", f.score, fold_interval(row.intervals, f.fold), f.episodes, f.failed, False)
        for f in entry.folds
    ]
    if len(entry.expected_folds) == 1:
        folds = [("All classes", *folds[0][1:5], True)]
    elif entry.mean is not None:
        folds.append(("Mean of folds", entry.mean, mean_interval(row.intervals), row.episodes, row.failed, True))
    return [
        {
            "name": name,
            "is_mean": is_mean,
            "headline": or_none(score.mean.headline),
            "others": others(score.mean, table),
            "interval": ends,
            "sd": score.sd_draws.headline if score.sd_draws else None,
            "episodes": episodes,
            "failed": failed,
        }
        for name, score, ends, episodes, failed, is_mean in folds
    ]


def _classes(row: Row, table: Table) -> list[_Json]:
    return [
        {
            "name": c.name,
            "fold": fold.fold,
            "headline": or_none(c.score.mean.headline),
            "others": others(c.score.mean, table),
            "interval": class_interval(row.intervals, c.name),
        }
        for fold in row.entry.folds
        for c in fold.classes
    ]


def _facts(entry: Entry) -> list[tuple[str, str]]:
    memory, on_device = entry.peak_memory_bytes, entry.peak_device_memory_bytes
    folds = [fold for each in entry.trainings or (entry,) for fold in each.folds]
    checkpoints = dict.fromkeys(f.checkpoint_sha256[:12] for f in folds if f.checkpoint_sha256)
    return [
        ("Seconds per frame, sentence and draw", seconds(entry)),
        ("Peak memory of a process", "\N{EN DASH}" if memory is None else f"{memory / 2**30:.2f} GiB"),
        *([] if on_device is None else [("Peak memory on its accelerator", f"{on_device / 2**30:.2f} GiB")]),
        ("Hardware", "; ".join(entry.hardware) or "not known"),
        ("Evaluated on", "not known" if entry.evaluated is None else entry.evaluated.isoformat()),
        ("Parameters", "not known" if entry.parameters is None else f"{entry.parameters:,}"),
        ("Classes that the weights have seen", ", ".join(entry.trained_classes) or "none declared"),
        ("Model", _models(entry)),
        ("Options", ", ".join(f"{key}={value}" for key, value in entry.options.items()) or "none"),
        ("Checkpoints (SHA-256)", ", ".join(checkpoints) or "none"),
        ("Package", entry.distribution),
        ("Commit", entry.commit or "not known"),
        ("Versions", ", ".join(f"{key} {value}" for key, value in entry.packages.items())),
    ]


def _models(entry: Entry) -> str:
    """Returns the configuration of the model, by what its weights say."""
    said = [fold.weights.configuration for fold in entry.folds if fold.weights]
    texts = (", ".join(f"{key}={value}" for key, value in each.items()) for each in said)
    return "; ".join(dict.fromkeys(texts)) or "not known"


def _only(line: _Json, *names: str) -> _Json:
    return {name: line[name] for name in names}
