"""Masks that were made elsewhere, as a method: they get entries, pictures and comparisons as those of any other."""

from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Literal
from typing import NoReturn
from weakref import finalize

import numpy as np
import numpy.typing as npt

from fsbench.errors import PluginError
from fsbench.errors import SubmissionError
from fsbench.masks.resize import at_size
from fsbench.masks.shown import BinaryMask
from fsbench.methods.contract import Clip
from fsbench.methods.contract import Fold
from fsbench.methods.contract import MethodInfo
from fsbench.methods.contract import Support
from fsbench.submissions.forms import Known
from fsbench.submissions.forms import MaskKey
from fsbench.submissions.forms import open_submission
from fsbench.submissions.forms import Submission
from fsbench.submissions.problems import Kind
from fsbench.submissions.problems import Problem
from fsbench.submissions.problems import report

__all__ = ["Masks"]


class Masks:
    """Recalls masks from a folder or file.

    Args:
        folder: What `fsbench score` takes: a folder or zip of [draw-<d>/]<video>/<expression>/<frame>.png, run-length
            codes in JSON or Parquet, or a run. Without draws the same masks answer every support draw.
        missing: What a mask that is not there is: an error, or empty.
    """

    info = MethodInfo("masks", "1", "Masks made elsewhere, in any form that `fsbench score` takes, as a method.")
    works_in_parts = True
    recalls_masks = True

    def __init__(self, folder: Path, missing: Literal["error", "empty"] = "error") -> None:
        self.folder = folder
        self._missing = missing

    def prepare(self, fold: Fold) -> None:
        """Lists the masks; files that are none are passed over.

        Raises:
            SubmissionError: There are none, or something is wrong with what is there.
        """
        self._submission: Submission = open_submission(self.folder, Known(levels=2))
        finalize(self, self._submission.close)  # a method goes without a word
        if problems := [problem for problem in self._submission.problems if problem.kind != "stray"]:
            raise SubmissionError(f"{self.folder}: not recalled.\n{report(problems)}")
        self._missing_is_empty = self._missing == "empty" or self._submission.absent_is_empty

    def adapt(self, support: Support) -> None:
        """Learns nothing."""

    def segment(self, adapted: None, clip: Clip, expressions: Sequence[str]) -> Iterator[npt.NDArray[np.bool_]]:
        """Yields the masks of a frame, bool [N, 1, H, W].

        Raises:
            PluginError: Nobody says whose masks are asked for.
            SubmissionError: A mask is missing, cannot be read, or is of another size than frames and results.
        """
        if clip.asked is None:
            raise PluginError("Method 'masks' must be told whose masks are asked for: run it by 'fsbench evaluate'.")
        draw = clip.asked.draw if self._submission.has_draws else None
        for frame in clip.asked.frames:
            keys = [MaskKey(draw, clip.asked.video_id, each, frame) for each in clip.asked.expression_ids]
            yield np.stack([self._mask(key, clip) for key in keys])[:, np.newaxis]

    def _mask(self, key: MaskKey, clip: Clip) -> npt.NDArray[np.bool_]:
        """Returns a mask, bool [H, W] of `clip.output_size`."""
        if key not in self._submission.keys():  # noqa: SIM118 - a submission is no mapping
            if self._missing_is_empty:
                return np.zeros(clip.output_size, np.bool_)
            where = "/".join(str(part) for part in (f"draw-{key.draw}", *key[1:]) if part != "draw-None")
            raise SubmissionError(
                f"{self.folder}: has no mask {where}. 'fsbench validate' says what else is missing; --option "
                "missing=empty counts it as empty."
            )
        mask = BinaryMask(self._submission.labels(key))
        sizes: tuple[tuple[int, ...], ...] = (clip.frames.shape[1:3], clip.output_size)
        if mask.shape not in sizes:
            height, width = mask.shape
            self._refuse(key, "wrong-size", f"{height} x {width}, expected {sizes[0][0]} x {sizes[0][1]}")
        if len(mask.values) > 1:
            self._refuse(key, "not-binary", f"values {sorted(mask.values)} beside 0")
        return at_size(mask.labels, clip.output_size).view(np.bool_)

    def _refuse(self, key: MaskKey, kind: Kind, what: str) -> NoReturn:
        problem = Problem(kind, self._submission.name(key), what)
        raise SubmissionError(f"{self.folder}: not recalled.\n{report([problem])}")
