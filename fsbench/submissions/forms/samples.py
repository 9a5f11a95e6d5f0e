"""Masks that are handed in as COCO results, of which an image is a sentence in a frame: A2D- and JHMDB-Sentences."""

import math
from collections.abc import Sequence
from pathlib import Path

from fsbench.datasets.samples import sample_of
from fsbench.masks.rle import Rle
from fsbench.submissions.forms.contract import Found
from fsbench.submissions.forms.contract import Known
from fsbench.submissions.forms.contract import MaskKey
from fsbench.submissions.forms.contract import Submission
from fsbench.submissions.forms.rows import row_code

__all__ = ["SampleSubmission"]


class SampleSubmission(Submission):
    """Results with `image_id`, `segmentation` and `score`, of which the best of each image counts."""

    def __init__(self, path: Path, rows: Sequence[object], known: Known) -> None:
        """Reads and checks all codes; the best of each image stays in memory.

        Args:
            path: The file.
            rows: Its results.
            known: What is known of them beforehand.
        """
        found = Found(known)
        best: dict[MaskKey, tuple[float, int, Rle]] = {}
        self.ranked: dict[MaskKey, list[tuple[float, Rle]]] = {}
        for number, row in enumerate(rows):
            try:
                key, score, code = _result(row)
            except ValueError as error:
                found.problem("wrong-result", f"results[{number}]", str(error))
            else:
                self.ranked.setdefault(key, []).append((score, code))
                if key not in best or score > best[key][0]:
                    best[key] = score, number, code
        for key, place in best.items():
            found.mask(key, place, f"results[{place[1]}]")
        found.notes.append(
            f"{len(rows)} results of {len(best)} images: of each image that of the highest score counts."
        )
        super().__init__(path, found)

    def name(self, key: MaskKey) -> str:
        """Returns where the result is in the list."""
        return f"results[{self._places[key][1]}]"

    def read(self, key: MaskKey) -> Rle:
        """Returns the code of a result."""
        code: Rle = self._places[key][2]
        return code


def _result(row: object) -> tuple[MaskKey, float, Rle]:
    """Returns the mask of a result, and its score. Raises ValueError if it is none."""
    if not isinstance(row, dict) or not isinstance(row.get("image_id"), str | int):
        raise ValueError("has no image_id")
    score, code = row.get("score"), row.get("segmentation")
    if isinstance(score, bool) or not isinstance(score, int | float) or math.isnan(score):
        raise ValueError("has no score")
    size = code.get("size") if isinstance(code, dict) else None
    if not (isinstance(code, dict) and isinstance(size, list) and len(size) == 2):
        raise ValueError("its segmentation is no run-length code")
    sample = sample_of(row["image_id"])
    key = MaskKey(None, sample.video_id, sample.expression_id, sample.frame)
    return key, float(score), row_code(size[0], size[1], code.get("counts"))
