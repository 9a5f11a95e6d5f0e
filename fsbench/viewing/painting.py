"""Sheets as pixels, and as files for papers, in which a text stays a text."""

from io import BytesIO
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

from fsbench.errors import PluginError
from fsbench.viewing.layout import Layout

__all__ = ["painted", "vector_file"]

_DOTS_PER_INCH = 100
_POINTS_PER_INCH = 72
_NARROWER = 0.86
"""DejaVu Sans, which matplotlib brings along, is wider than Pillow's letters, by which places are measured."""

_STYLE = {"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "fsbench"}
"""Whole fonts, as publishers ask for; texts that can be edited; and no identifiers made at random."""


def painted(layout: Layout) -> npt.NDArray[np.uint8]:
    """Returns a sheet as uint8 [height, width, 3], RGB."""
    sheet = Image.new("RGB", (layout.width, layout.height), "white")
    for box in layout.boxes:
        sheet.paste(Image.fromarray(box.image).resize((box.width, box.height)), (box.left, box.top))
    draw = ImageDraw.Draw(sheet)
    for line in layout.lines:
        draw.text((line.left, line.top), line.text, fill=line.colour, font=ImageFont.load_default(line.size))
    return np.asarray(sheet)


def vector_file(layout: Layout, form: Literal["pdf", "svg"]) -> bytes:
    """Returns a sheet as a file: pictures with all their pixels, texts as texts. The same sheet gives the same bytes.

    Raises:
        PluginError: matplotlib is not installed.
    """
    try:
        import matplotlib.style
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PluginError(f"A .{form} needs {error.name}: pip install 'fsbench[figures]'. A .png does not.") from error
    width, height = layout.width, layout.height
    stream = BytesIO()
    with matplotlib.style.context(["default", _STYLE]):
        figure = Figure(figsize=(width / _DOTS_PER_INCH, height / _DOTS_PER_INCH))
        for box in layout.boxes:
            bottom = 1 - (box.top + box.height) / height
            axes = figure.add_axes((box.left / width, bottom, box.width / width, box.height / height))
            axes.imshow(box.image, aspect="auto", interpolation="none")
            axes.set_axis_off()
        for line in layout.lines:
            figure.text(
                line.left / width,
                1 - line.top / height,
                line.text,
                fontsize=_NARROWER * line.size * _POINTS_PER_INCH / _DOTS_PER_INCH,
                color=tuple(value / 255 for value in line.colour),
                verticalalignment="top",
                parse_math=False,
            )
        figure.savefig(stream, format=form, metadata={"CreationDate" if form == "pdf" else "Date": None})
    return stream.getvalue()
