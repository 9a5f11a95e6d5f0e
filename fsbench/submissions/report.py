"""What `fsbench score` prints and writes."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fsbench.errors import RunError
from fsbench.files import write_whole
from fsbench.submissions.score import Scores
from fsbench.text import columns

__all__ = ["scores_json", "scores_text", "write_scores"]


def scores_json(scores: Scores) -> str:
    """Returns {"protocol", "objects": [...], "mean": {...}, "notes"} at full precision."""
    content = {"protocol": scores.protocol, "objects": scores.objects, "mean": scores.mean, "notes": scores.notes}
    return json.dumps(content, indent=1)


def scores_text(scores: Scores) -> str:
    """Returns a table of the means, in per cent, with what they were made from."""
    names = [name for name, value in scores.mean.items() if isinstance(value, float)]
    table = [["", *names], ["mean", *_cells(scores.mean, names)]]
    for fold, values in scores.mean.get("folds", {}).items():
        table.append([f"fold {fold}", *_cells(values, names)])
        table += [[f"  {name}", *_cells(of_class, names)] for name, of_class in values["classes"].items()]
    what = "sentences" if any("expression" in row for row in scores.objects) else "objects"
    foot = ["", f"Per cent, of {len(scores.objects)} {what}.", *(f"note: {note}" for note in scores.notes)]
    return "\n".join([f"protocol {scores.protocol}", "", columns(table), *foot])


def write_scores(path: Path, scores: Scores) -> None:
    """Writes the record of every object or sentence. Raises RunError for an ending other than csv, parquet, json."""
    names = list(dict.fromkeys(name for row in scores.objects for name in row))
    if path.suffix == ".csv":
        stream = io.StringIO()
        writer = csv.DictWriter(stream, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(scores.objects)
        write_whole(path, stream.getvalue())
    elif path.suffix == ".json":
        write_whole(path, scores_json(scores) + "\n")
    elif path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pylist([dict(row) for row in scores.objects])
        signed = table.replace_schema_metadata({"fsbench.schema": "objects-1", "fsbench.protocol": scores.protocol})
        write_whole(path, lambda stream: pq.write_table(signed, stream))
    else:
        raise RunError(f"{path}: scores can be written as .csv, .parquet or .json.")


def _cells(values: Mapping[str, Any], names: list[str]) -> list[str]:
    return [f"{100 * values[name]:.2f}" if name in values else "" for name in names]
