"""Numbers that papers print: made by other code on other selections of data, so shown apart and never ranked."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic import model_validator
from pydantic import ValidationError

from fsbench.errors import RunError
from fsbench.leaderboard.names import text_problems
from fsbench.records import first_problem
from fsbench.records import Record

__all__ = ["Reported", "ReportedRow", "read_reported"]

_Percent = Annotated[float, Field(ge=0, le=100)]


class ReportedRow(Record):
    """A method's line in a table of a paper.

    Attributes:
        method: What it is, with the backbone where the paper has several.
        values: By the table's metrics, in per cent as printed; None where the paper has no number.
        source: The paper or page that prints them.
    """

    method: str
    values: tuple[_Percent | None, ...]
    source: str


class Reported(Record):
    """Numbers on one dataset, as papers print them.

    It is refused if a row has other than one value a metric, or a text holds a sign that is not to be seen.

    Attributes:
        title: The dataset, as the field calls it.
        protocol: How the papers say that they score, and what is known of it besides.
        metrics: Names of the columns.
        rows: The methods, in the papers' order.
    """

    title: str
    protocol: str
    metrics: tuple[str, ...] = Field(min_length=1)
    rows: tuple[ReportedRow, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> "Reported":
        for row in self.rows:
            if len(row.values) != len(self.metrics):
                raise ValueError(f"rows: {row.method!r} has {len(row.values)} values for {len(self.metrics)} metrics")
        if problem := next(text_problems(self.model_dump(mode="json")), None):
            raise ValueError(problem)
        return self


def read_reported(folder: Path) -> tuple[Reported, ...]:
    """Reads the JSON files of a folder, in the order of their names; none if it is not there.

    Raises:
        RunError: A file cannot be read, or is none of these.
    """
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(Reported.model_validate_json(path.read_bytes()))
        except OSError as error:
            raise RunError(f"{path}: cannot be read ({error.strerror}). Check who may.") from error
        except ValidationError as error:
            raise RunError(f"{path}: is no table of reported numbers ({first_problem(error)}). Mend it.") from error
    return tuple(found)
