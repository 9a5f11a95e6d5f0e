from itertools import combinations

import numpy as np

from fsbench.viewing.layout import beside
from fsbench.viewing.layout import key
from fsbench.viewing.layout import stacked
from fsbench.viewing.layout import strip
from fsbench.viewing.layout import text_width
from fsbench.viewing.painting import painted

GREY, TALL = np.full((20, 40, 3), 128, np.uint8), np.full((60, 20, 3), 90, np.uint8)


def overlap(one, other):
    return max(one[0], other[0]) < min(one[2], other[2]) and max(one[1], other[1]) < min(one[3], other[3])


def test_nothing_of_a_sheet_overlaps_or_leaves_it_however_long_the_texts_are():
    rows = [
        strip("a title", [(GREY, "short"), (TALL, "a caption wider than its picture")], "a note", cell_height=30),
        beside([strip("a title that is longer than all else of it", [(TALL, "")], cell_height=50) for _ in range(3)]),
        key([(GREY, "one meaning"), (GREY, "another")]),
    ]
    sheet = stacked(rows)
    boxes = [(b.left, b.top, b.left + b.width, b.top + b.height) for b in sheet.boxes]
    boxes += [(t.left, t.top, t.left + text_width(t.text, t.size), t.top + t.size) for t in sheet.lines]
    assert len(boxes) == 2 + 4 + 3 + 6 + 2 + 2
    assert not [pair for pair in combinations(boxes, 2) if overlap(*pair)]
    assert all(
        0 <= left and 0 <= top and right <= sheet.width and low <= sheet.height for left, top, right, low in boxes
    )


def test_pictures_keep_their_shape_and_are_painted_where_they_are():
    sheet = stacked([strip("", [(GREY, ""), (TALL, "")], cell_height=30)])
    assert [(box.width, box.height) for box in sheet.boxes] == [(60, 30), (10, 30)]
    pixels = painted(sheet)
    assert pixels.shape == (sheet.height, sheet.width, 3)
    for box, level in zip(sheet.boxes, (128, 90), strict=True):
        assert (pixels[box.top : box.top + box.height, box.left : box.left + box.width] == level).all()
    assert (pixels == 255).sum() == pixels.size - 3 * 30 * 70
