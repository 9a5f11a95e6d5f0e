"""A run's masks in the field's form, for other tools."""

from collections.abc import Collection
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from fsbench.errors import RunError
from fsbench.exports.writing import write_out
from fsbench.files import path_part
from fsbench.masks.rle import decode_masks
from fsbench.masks.rle import Rle
from fsbench.progress import track
from fsbench.submissions.forms import MaskKey
from fsbench.submissions.forms import open_submission
from fsbench.submissions.forms import run_parts
from fsbench.submissions.forms import Submission
from fsbench.submissions.problems import report

__all__ = ["export_run", "mask_name", "png"]

_PALETTE = [0, 0, 0, 128, 0, 0]
"""Background and object, in the colours of DAVIS."""


def export_run(run_folder: Path, out: Path, *, draw: int | None = None) -> str:
    """Writes a run's masks as `draw-<d>/Annotations/<video>/<expression>/<frame>.png`, palette PNG of 0 and 1.

    There is no `draw-<d>` where a single draw is written.

    Args:
        run_folder: The folder of a finished run, or of one of its folds.
        out: The folder to make, or a zip if it ends in `.zip`. It appears when it is complete.
        draw: The support draw to write alone, instead of all.

    Returns:
        What was written, in a line.

    Raises:
        RunError: There is no finished run, it is damaged or has no such draw, or `out` is there already.
    """
    folders = sorted({part.parent.parent for part in run_parts(run_folder)})
    if not folders:
        raise RunError(f"{run_folder}: there is no run. Name the folder that 'fsbench evaluate' wrote.")
    if unfinished := [folder for folder in folders if not (folder / "result.json").is_file()]:
        raise RunError(f"{unfinished[0]}: the run has not finished. Go on with the same 'fsbench evaluate' command.")
    with open_submission(run_folder) as run:
        if run.problems:
            raise RunError(f"{run_folder}: the run is damaged. Run it again with --restart.\n{report(run.problems)}")
        every = run.keys()
        keys = [key for key in every if draw in (None, key.draw)]
        if not keys:
            there = ", ".join(map(str, sorted({key.order()[0] for key in every})))
            raise RunError(f"{run_folder}: has no draw {draw}. Choose from its draws: {there}.")
        write_out(out, _files(run, keys, out.name))
    return str(out)


def _files(run: Submission, keys: Collection[MaskKey], title: str) -> Iterator[tuple[str, bytes]]:
    """Yields the name and the content of each mask; a video at a time, as the run's parts hold them."""
    with_draws = len({key.draw for key in keys}) > 1
    in_order = sorted(keys, key=lambda key: (key.video, *key.order()))
    for key in track(in_order, title, len(in_order), unit="mask"):
        code = run.read(key)
        assert isinstance(code, Rle), "a run holds run-length codes"
        yield mask_name(key, with_draws), png(decode_masks([code.counts], code.height, code.width)[0])


def mask_name(key: MaskKey, with_draws: bool = False) -> str:
    """Returns the path of a sentence's mask in the field's form."""
    top = f"draw-{key.draw}/" if with_draws else ""
    assert key.expression is not None, "the masks are of sentences"
    video, expression = path_part(key.video, "video"), path_part(key.expression, "sentence's id")
    return f"{top}Annotations/{video}/{expression}/{path_part(key.frame, 'frame')}.png"


def png(mask: npt.NDArray[np.bool_], *, grey: bool = False) -> bytes:
    """Returns a mask, bool [H, W], as a palette PNG of 0 and 1, or a grey one of 0 and 255."""
    image = Image.fromarray(mask * np.uint8(255) if grey else mask.astype(np.uint8))
    if not grey:
        image.putpalette(_PALETTE)
    stream = BytesIO()
    image.save(stream, "png")
    return stream.getvalue()
