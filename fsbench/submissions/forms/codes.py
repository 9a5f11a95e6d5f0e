"""Masks that are handed in as run-length codes in JSON."""

import json
from collections.abc import Sequence
from pathlib import Path

from fsbench.errors import SubmissionError
from fsbench.masks.rle import Rle
from fsbench.submissions.forms.contract import Found
from fsbench.submissions.forms.contract import Known
from fsbench.submissions.forms.contract import MaskKey
from fsbench.submissions.forms.contract import Submission
from fsbench.submissions.forms.rows import row_code
from fsbench.submissions.forms.rows import row_key
from fsbench.submissions.problems import printable

__all__ = ["JsonSubmission", "json_rows"]

MAX_JSON_BYTES = 512 << 20


class JsonSubmission(Submission):
    """Reads and checks all codes when it is opened; they stay in memory."""

    def __init__(self, path: Path, rows: Sequence[object], known: Known) -> None:
        found = Found(known)
        for number, row in enumerate(rows):
            where = f"masks[{number}]"
            try:
                key, code = _json_mask(row)
            except ValueError as error:
                found.problem("wrong-row", where, str(error))
            else:
                found.mask(key, (number, code), where)
        super().__init__(path, found)

    def name(self, key: MaskKey) -> str:
        """Returns where the row is in the list."""
        return f"masks[{self._places[key][0]}]"

    def read(self, key: MaskKey) -> Rle:
        """Returns the code of a row."""
        code: Rle = self._places[key][1]
        return code


def json_rows(path: Path) -> Sequence[object]:
    """Returns the list in a file, or its list "masks". Raises SubmissionError if it has none."""
    if (size := path.stat().st_size) > MAX_JSON_BYTES:
        raise SubmissionError(f"{path}: has {size} bytes, more than {MAX_JSON_BYTES}. Hand it in as Parquet.")
    try:
        # A number too long for Python to read is no number of anything here.
        content = json.loads(path.read_bytes(), parse_int=lambda text: int(text) if len(text) < 20 else text)
    except (ValueError, RecursionError) as error:
        raise SubmissionError(f"{path}: is no JSON ({printable(str(error))}). Write it again.") from error
    rows = content.get("masks") if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise SubmissionError(f"{path}: has no list of masks. Write a list, or an object with the list 'masks'.")
    return rows


def _json_mask(row: object) -> tuple[MaskKey, Rle]:
    """Returns the mask of a row. Raises ValueError if the row is none."""
    if not isinstance(row, dict):
        raise ValueError("is no object with fields")
    key = row_key(
        row.get("draw"),
        row.get("video", row.get("video_id")),
        row.get("expression", row.get("expression_id")),
        row.get("frame"),
    )
    size = row.get("size", [row.get("height"), row.get("width")])
    if not (isinstance(size, list) and len(size) == 2):
        raise ValueError("size is not [height, width]")
    return key, row_code(size[0], size[1], row.get("counts"))
