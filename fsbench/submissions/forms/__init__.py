"""Predictions that come from outside: a folder, a zip, COCO run-length codes in JSON or Parquet, or a run.

Everything here is written by strangers. Opening lists the masks that are there, without unpacking or decoding any, and
says what else it found; reading returns one mask. Nothing is ever written, no link or path in a zip is followed (links
in a folder are its owner's), and what is read at a time is limited. What is known of a mask besides its bytes (its key)
is all that stays in memory.

Folder and zip: `[draw-<d>/][Annotations/[480p/]]<video>/[<expression>/]<frame>.png`, in the whole perhaps below more
folders. JSON: a list of rows, or an object whose `masks` is that list. A row has `video`, `expression` (optional),
`frame`, `draw` (optional), `size` ([height, width]) and `counts`, compressed (text) or not (a list of numbers).
`video_id` and `expression_id` are understood as well, ids that are numbers, and whole numbers with a point. Parquet:
the same rows, with `size` or the columns `height` and `width`, or rows of `predictions.SCHEMA`. Masklets (results on
YouTube-VIS and SA-Co): a list in JSON of `video_id`, `category_id` (or `expression`), `score` and `segmentations`, a
code or null for each frame of the video. COCO results (A2D- and JHMDB-Sentences): `image_id`, `segmentation`, `score`.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence
from pathlib import Path

from fsbench.errors import SubmissionError
from fsbench.submissions.forms.archive import ZipSubmission
from fsbench.submissions.forms.arrays import Arrays
from fsbench.submissions.forms.arrays import ArraySubmission
from fsbench.submissions.forms.codes import json_rows
from fsbench.submissions.forms.codes import JsonSubmission
from fsbench.submissions.forms.contract import FORMS
from fsbench.submissions.forms.contract import Found
from fsbench.submissions.forms.contract import Known
from fsbench.submissions.forms.contract import MaskKey
from fsbench.submissions.forms.contract import NOTHING_KNOWN
from fsbench.submissions.forms.contract import Submission
from fsbench.submissions.forms.folder import FolderSubmission
from fsbench.submissions.forms.masklets import MaskletSubmission

__all__ = ["Arrays", "Found", "Known", "MaskKey", "Source", "Submission", "open_submission", "open_truth", "run_parts"]

Source = Path | Arrays | Submission
"""Masks: in a folder or file, in memory, or open already."""


def open_truth(source: Path | Arrays, annotations: str, named: Callable[[], Collection[str]]) -> Submission:
    """Opens masks as truth; see `Known` for the arguments. Raises SubmissionError as `open_submission` does."""
    return open_submission(source, Known(is_truth=True, annotations=annotations, named=named))


def open_submission(source: Source, known: Known = NOTHING_KNOWN) -> Submission:
    """Opens predictions of any form, which is told from their content.

    Args:
        source: The folder, file or arrays; what is open already is returned as it is.
        known: What is known of them beforehand.

    Raises:
        SubmissionError: They are of no known form, damaged as a whole, or hold no mask; or there is a least score, and
            they are no masklets.
    """
    opened = _open(source, known)
    if known.min_score is not None and not isinstance(opened, MaskletSubmission):
        opened.close()
        raise SubmissionError(f"{opened.path}: has no masklets, which alone have a score. Leave the least score out.")
    return opened


def _open(source: Source, known: Known) -> Submission:
    if isinstance(source, Submission):
        return source
    if not isinstance(source, Path):
        return ArraySubmission(source, known)
    path = source
    try:
        if path.is_dir():
            parts = run_parts(path)
            return _open_parquet(path, parts, known) if parts else FolderSubmission(path, known)
        if not path.is_file():
            raise SubmissionError(f"{path}: is not there. {FORMS}")
        with path.open("rb") as stream:
            head = stream.read(64)
        if head.startswith(b"PK"):
            return ZipSubmission(path, known)
        if head.startswith(b"PAR1"):
            return _open_parquet(path, [path], known)
        if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"[", b"{"):
            return _open_json(path, known)
    except OSError as error:
        raise SubmissionError(f"{path}: cannot be read ({error.strerror or error}). Mend its permissions.") from error
    raise SubmissionError(f"{path}: {'is of no known form' if head else 'is empty'}. {FORMS}")


def _open_json(path: Path, known: Known) -> Submission:
    rows = json_rows(path)
    if any(isinstance(row, dict) and "segmentations" in row for row in rows):
        return MaskletSubmission(path, rows, known)
    if any(isinstance(row, dict) and "image_id" in row for row in rows):
        from fsbench.submissions.forms.samples import SampleSubmission  # the datasets, which other forms do without

        return SampleSubmission(path, rows, known)
    return JsonSubmission(path, rows, known)


def _open_parquet(path: Path, files: Sequence[Path], known: Known) -> Submission:
    # Here, not above: whoever scores a folder or zip needs no pyarrow.
    from fsbench.submissions.forms.parquet import ParquetSubmission

    return ParquetSubmission(path, files, known)


def run_parts(folder: Path) -> list[Path]:
    """Returns the prediction parts of a run's folder, or of that of one of its folds."""
    patterns = ("predictions/part-*.parquet", "fold-*/predictions/part-*.parquet")
    return sorted(path for pattern in patterns for path in folder.glob(pattern) if path.is_file())
