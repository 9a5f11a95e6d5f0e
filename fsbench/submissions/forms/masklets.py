"""Masks that are handed in as masklets in JSON, as results on YouTube-VIS and SA-Co are."""

from collections.abc import Sequence
from pathlib import Path

from pycocotools import mask as coco

from fsbench.masks.rle import Rle
from fsbench.submissions.forms.contract import Found
from fsbench.submissions.forms.contract import Known
from fsbench.submissions.forms.contract import MaskKey
from fsbench.submissions.forms.contract import Submission
from fsbench.submissions.forms.rows import row_code
from fsbench.submissions.forms.rows import row_key

__all__ = ["MaskletSubmission"]


class MaskletSubmission(Submission):
    """Masklets, each with a code or null for every frame of its video; those of one sentence are one mask."""

    absent_is_empty = True

    def __init__(self, path: Path, rows: Sequence[object], known: Known) -> None:
        """Reads and checks all codes; they stay in memory.

        Args:
            path: The file.
            rows: Its masklets.
            known: Says how the frames of each video are called, and above which score a masklet counts.
        """
        found = Found(known)
        unions: dict[MaskKey, list[Rle]] = {}
        number_kept = 0
        for number, row in enumerate(rows):
            try:
                codes = _masklet(row, known)
            except ValueError as error:
                found.problem("wrong-masklet", f"masklets[{number}]", str(error))
                continue
            number_kept += codes is not None
            for key, code in (codes or {}).items():
                unions.setdefault(key, []).append(code)
        for key, codes_of_mask in unions.items():
            found.mask(key, codes_of_mask, self.name(key))
        above = "" if known.min_score is None else f", {number_kept} of them with a score above {known.min_score:g}"
        union = "those of one sentence are one mask, and where there is none the answer is empty"
        found.notes.append(f"{len(rows)} masklets{above}: {union}.")
        super().__init__(path, found)

    def name(self, key: MaskKey) -> str:
        """Returns video, sentence and frame."""
        return "/".join(filter(None, (key.video, key.expression, key.frame)))

    def read(self, key: MaskKey) -> Rle:
        """Returns the union of a frame's masks."""
        codes: list[Rle] = self._places[key]
        if len({code[:2] for code in codes}) > 1:
            raise self._error(key, "its masks are of several sizes")
        height, width, _ = codes[0]
        merged = coco.merge([{"size": [height, width], "counts": code.counts} for code in codes])
        return Rle(height, width, merged["counts"])


def _masklet(row: object, known: Known) -> dict[MaskKey, Rle] | None:
    """Returns the codes of a masklet; None if its score is too low. Raises ValueError if it is none."""
    if not isinstance(row, dict):
        raise ValueError("is no object with fields")
    score = row.get("score")
    if known.min_score is not None:
        if isinstance(score, bool) or not isinstance(score, int | float):
            raise ValueError("has no score")
        if not score > known.min_score:
            return None
    video = row.get("video", row.get("video_id"))
    expression = row.get("expression", row.get("expression_id", row.get("category_id")))
    of_video = row_key(row.get("draw"), video, expression, "0")
    of_video = of_video._replace(video=known.ids.get(of_video.video, of_video.video))
    codes = row.get("segmentations")
    if not isinstance(codes, list):
        raise ValueError("has no list of segmentations")
    frames = known.frames.get(of_video.video) or [f"{number:05d}" for number in range(len(codes))]
    if len(codes) != len(frames):
        raise ValueError(f"has {len(codes)} segmentations, and its video {len(frames)} frames")
    found = {}
    for name, code in zip(frames, codes, strict=True):
        if code is not None:
            size = code.get("size") if isinstance(code, dict) else None
            if not (isinstance(size, list) and len(size) == 2):
                raise ValueError(f"has no [height, width] in frame {name!r}")
            found[of_video._replace(frame=name)] = row_code(size[0], size[1], code.get("counts"))
    return found
