"""The scores of a submission: as a table, a data frame, JSON, and files."""

import csv
import io
import json
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

from fsbench.errors import RunError
from fsbench.files import write_whole
from fsbench.scores.metrics import columns_of
from fsbench.text import columns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Scores"]


@dataclass(frozen=True)
class Scores:
    """The scores of a submission.

    Attributes:
        protocol: The signature.
        objects: A record for each object or sentence, at full precision.
        mean: The means, by the chain in the signature; for episodes also by fold and class, for the answers to several
            annotators by annotator, and for sentences of which a release says the kind by that.
        notes: What a reader should know of these numbers.
    """

    protocol: str
    objects: Sequence[Mapping[str, Any]]  # Any: JSON scalars
    mean: Mapping[str, Any]
    notes: Sequence[str]

    def to_frame(self) -> "pd.DataFrame":
        """Returns a row for each object or sentence, at full precision."""
        import pandas as pd  # which scoring does without

        return pd.DataFrame([dict(row) for row in self.objects])

    def to_json(self) -> str:
        """Returns {"protocol", "objects": [...], "mean": {...}, "notes"} at full precision."""
        content = {"protocol": self.protocol, "objects": self.objects, "mean": self.mean, "notes": self.notes}
        return json.dumps(content, indent=1)

    def __str__(self) -> str:
        """Returns a table of the means, in per cent, with what they were made from."""
        names = [name for name, value in self.mean.items() if value is None or isinstance(value, float)]
        about = columns_of(self.protocol)  # of J; and so of J_mean, J_recall and J_decay
        known = {name: about.get(name) or about.get(name.rpartition("_")[0]) for name in names}
        scales = {name: 100 if column is None else column.scale for name, column in known.items()}
        table = [["", *names], ["mean", *_cells(self.mean, names, scales)]]
        table += [[name, *_cells(values, names, scales)] for name, values in self.mean.get("annotators", {}).items()]
        table += [[name, *_cells(values, names, scales)] for name, values in self.mean.get("kinds", {}).items()]
        for fold, values in self.mean.get("folds", {}).items():
            table.append([f"fold {fold}", *_cells(values, names, scales)])
            table += [[f"  {name}", *_cells(of_class, names, scales)] for name, of_class in values["classes"].items()]
        what = "sentences" if any("expression" in row for row in self.objects) else "objects"
        unknown = "; - where a metric does not apply" if None in (self.mean[name] for name in names) else ""
        foot = ["", f"Per cent, of {len(self.objects)} {what}{unknown}.", *(f"note: {note}" for note in self.notes)]
        return "\n".join([f"protocol {self.protocol}", "", columns(table), *foot])

    def _repr_html_(self) -> str:
        return f"<p>protocol {escape(self.protocol)}</p>{self.to_frame().to_html(index=False)}"

    def write(self, path: Path) -> None:
        """Writes the record of every object or sentence. Raises RunError for an ending but csv, parquet and json."""
        names = list(dict.fromkeys(name for row in self.objects for name in row))
        if path.suffix == ".csv":
            stream = io.StringIO()
            writer = csv.DictWriter(stream, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.objects)
            write_whole(path, stream.getvalue())
        elif path.suffix == ".json":
            write_whole(path, self.to_json() + "\n")
        elif path.suffix == ".parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            table = pa.Table.from_pylist([dict(row) for row in self.objects])
            about = {"fsbench.schema": "objects-1", "fsbench.protocol": self.protocol}
            signed = table.replace_schema_metadata(about)
            write_whole(path, lambda stream: pq.write_table(signed, stream))
        else:
            raise RunError(f"{path}: scores can be written as .csv, .parquet or .json.")


def _cells(values: Mapping[str, Any], names: Sequence[str], scales: Mapping[str, int]) -> list[str]:
    return ["" if name not in values else _cell(values[name], scales[name]) for name in names]


def _cell(value: float | None, scale: int) -> str:
    return "-" if value is None else f"{scale * value:.2f}"
