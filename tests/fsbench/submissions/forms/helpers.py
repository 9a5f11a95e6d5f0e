"""Masks of every form, written without the code under test."""

import io
import json
import zipfile
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from fsbench.masks.predictions import prediction_table
from fsbench.masks.rle import encode_masks
from fsbench.masks.rle import Rle
from fsbench.submissions.forms import MaskKey

FRAMES = ("00000", "00005")


SENTENCES = [
    MaskKey(draw, video, expression, frame)
    for draw in (0, 1)
    for video in ("bear", "cow")
    for expression in ("0", "1")
    for frame in FRAMES
]


LABELS = [MaskKey(None, video, None, frame) for video in ("bear", "cow") for frame in FRAMES]


GOOD = MaskKey(None, "bear", "0", "00000")


PLAIN = "Annotations/bear/0/00000.png"


def mask(key):
    return np.random.default_rng(zlib.crc32(repr(key).encode())).random((6, 9)) < 0.5


def png(key=GOOD):
    stream = io.BytesIO()
    Image.fromarray(mask(key).astype(np.uint8)).save(stream, "png")
    return stream.getvalue()


def rle(key=GOOD):
    return Rle(6, 9, encode_masks(mask(key)[None])[0])


def path_of(key, top="Annotations/"):
    draw = "" if key.draw is None else f"draw-{key.draw}/"
    levels = [level for level in (key.video, key.expression) if level is not None]
    return f"{draw}{top}{'/'.join(levels)}/{key.frame}.png"


def write_folder(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def write_zip(path, files, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, content)
    return path


def row(key, **changes):
    code = rle(key)
    fields = {**key._asdict(), "size": [code.height, code.width], "counts": code.counts.decode()}
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


def write_json(path, content):
    path.write_text(json.dumps(content))
    return path


def columns(keys):
    codes = [rle(key) for key in keys]
    fields = {name: [getattr(key, name) for key in keys] for name in MaskKey._fields}
    return pa.table({**fields, **{name: [getattr(code, name) for code in codes] for name in Rle._fields}})


def write_parquet(path, table, **options):
    pq.write_table(table, path, **options)
    return path


def episodes(keys):
    tables = [
        prediction_table([f"f2/ice bear/d{k.draw}/{k.video}/{k.expression}"], [k.frame], [[rle(k).counts]], (6, 9))
        for k in keys
    ]
    return pa.concat_tables(tables)


def kinds(submission):
    return [problem.kind for problem in submission.problems]


def check(submission, keys, value=png):
    """All masks are there, in order, and read equal."""
    with submission:
        assert list(submission.keys()) == keys
        for key in keys:
            assert submission.read(key) == value(key)
            assert submission.name(key)
        assert submission.has_draws == any(key.draw is not None for key in keys)
