"""What runs leave on disk, read again: results, parts, and all folds of a method as one `Run`."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from fsbench.errors import RunError
from fsbench.masks import predictions
from fsbench.protocol import mean_of_metrics
from fsbench.protocol import reported_metrics
from fsbench.records import first_problem
from fsbench.running.cost import read_timing
from fsbench.running.report import results_frame
from fsbench.running.report import results_json
from fsbench.running.report import results_text
from fsbench.scores import rows
from fsbench.scores.aggregation import aggregate
from fsbench.scores.aggregation import KEYS
from fsbench.scores.metrics import is_count
from fsbench.scores.results import mean_score
from fsbench.scores.results import Result
from fsbench.scores.results import Score
from fsbench.splits.ids import episode_columns

__all__ = [
    "Run",
    "find_runs",
    "load_run",
    "part_path",
    "read_part_metadata",
    "read_parts",
    "read_predictions",
    "read_result",
    "read_scores",
]

Level = Literal["frame", "episode", "class", "fold"]


@dataclass(frozen=True)
class Run:
    """The finished folds of a method.

    Attributes:
        results: The result of each fold, by its folder.
    """

    results: Mapping[Path, Result]

    @property
    def title(self) -> str:
        """The method's name, with the variant and the control if there are such."""
        return next(iter(self.results.values())).identity.title

    @property
    def mean(self) -> Score:
        """The mean over the folds that are here."""
        return mean_score([result.score.mean for result in self.results.values()])

    @property
    def failures(self) -> dict[str, str]:
        """Message by episode id, of the episodes that failed."""
        return {key: message for result in self.results.values() for key, message in result.failures.items()}

    def to_frame(self, level: Level = "class") -> pd.DataFrame:
        """Returns scores as a data frame.

        Args:
            level: A row for each frame, episode (the mean over its frames), class or fold.

        Returns:
            Columns that say what a row is of, then the metrics and the headline, shares in [0, 1]; of classes and folds
            also the standard deviation of the headline over support draws.

        Raises:
            RunError: A part of the run cannot be read.
        """
        if level in ("class", "fold"):
            return results_frame(self.results.values(), level)
        protocol = next(iter(self.results.values())).identity.protocol
        table = pa.concat_tables([read_parts(folder, "scores", reported_metrics(protocol)) for folder in self.results])
        values = [name for name in table.column_names if name != "episode_id" and not is_count(name)]
        keys = episode_columns(table["episode_id"]).to_pandas()
        found: pd.DataFrame = pd.concat([keys, table.select(values).to_pandas()], axis=1)
        if level == "episode":
            found = pd.DataFrame(aggregate(found, ("frame",), KEYS[:-1]))
        for name in self.mean.names:
            if name not in found:
                found[name] = mean_of_metrics(name, found)
        return found

    def to_json(self) -> str:
        """Returns everything at full precision; see `report.results_json`."""
        return results_json(self.results, {folder: read_timing(folder) for folder in self.results})

    def __str__(self) -> str:
        return results_text(self.results, {folder: read_timing(folder) for folder in self.results})

    def _repr_html_(self) -> str:
        return f"<p>{self.title}</p>{results_frame(self.results.values(), 'fold').to_html(index=False)}"


def load_run(folder: Path) -> Run:
    """Reads the finished runs of one method below a folder.

    Raises:
        RunError: There is none, or they are of several methods.
    """
    results = {run: read_result(run) for run in find_runs(folder)}
    if not results:
        raise RunError(f"{folder}: holds no finished run (no result.json). Run 'fsbench evaluate' first.")
    run = Run(results)
    for result in results.values():
        if (title := Run({folder: result}).title) != run.title:
            raise RunError(f"{folder}: holds runs of {run.title} and of {title}. Name the folder of one method's runs.")
    return run


def find_runs(folder: Path) -> list[Path]:
    """Returns the folders of all finished runs at any depth below a folder, sorted."""
    return sorted(path.parent for path in folder.rglob("result.json"))


def read_result(folder: Path) -> Result:
    """Reads the result of a finished run. Raises RunError if there is none."""
    path = folder / "result.json"
    try:
        return Result.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror}). Has 'fsbench evaluate' finished there?") from error
    except ValidationError as error:
        raise RunError(f"{path}: {first_problem(error)}. Evaluate again with --restart.") from error


def read_parts(folder: Path, kind: Literal["predictions", "scores"], metrics: Sequence[str] = ()) -> pa.Table:
    """Reads all parts of a run.

    Args:
        folder: The run's.
        kind: Of what.
        metrics: Of scores, as of `read_scores`.

    Raises:
        RunError: There are none, or one cannot be read.
    """
    paths = sorted((folder / kind).glob("part-*.parquet"))
    if not paths:
        raise RunError(f"{folder / kind}: holds no parts of a run. Evaluate again with --restart.")
    if kind == "predictions":
        return pa.concat_tables(list(map(read_predictions, paths)))
    return pa.concat_tables([read_scores(path, metrics) for path in paths])


def part_path(folder: Path, kind: str, number: int) -> Path:
    """Returns where a unit's part is."""
    return folder / kind / f"part-{number:05d}.parquet"


def read_predictions(path: Path) -> pa.Table:
    """Reads one part of predictions.

    Returns:
        Rows of `fsbench.masks.predictions.SCHEMA`.

    Raises:
        RunError: It cannot be read, or holds anything else.
    """
    return _read_part(path, lambda _: predictions.SCHEMA, ())


def read_scores(path: Path, metrics: Sequence[str]) -> pa.Table:
    """Reads one part of scores.

    Args:
        path: The part.
        metrics: Names of the metrics that the run's protocol reports.

    Returns:
        Rows of `fsbench.scores.rows.score_schema`, of episodes; shares are in [0, 1].

    Raises:
        RunError: It cannot be read, or holds anything else.
    """
    return _read_part(path, partial(rows.score_schema, metrics), metrics)


def _read_part(path: Path, schema: Callable[[Sequence[str]], pa.Schema], metrics: Sequence[str]) -> pa.Table:
    with _damage_named(path):
        with pq.ParquetFile(path) as file:  # in a third of the time of what reads folders of files, too
            table = file.read(use_threads=False)
        if problem := rows.table_problem(table, schema(table.column_names), metrics):
            raise ValueError(problem)
    return table


def read_part_metadata(path: Path) -> Mapping[bytes, bytes]:
    """Reads what is noted in a part beside its rows, without these. Raises RunError if it cannot be read."""
    with _damage_named(path):
        return pq.read_schema(path).metadata or {}


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, pa.ArrowException) as error:
        raise RunError(f"{path}: cannot be read ({error}). Delete it and run the same command again.") from error
