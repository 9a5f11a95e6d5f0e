"""Damage to files, by what they are: in their bytes, and in what these mean.

A mutator takes the bytes of a good file and a random generator, and returns other bytes.
"""

import argparse
import copy
import io
import json
import random
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from PIL import Image

from benchmarks import fuzz_labels

__all__ = ["mutate_file"]

Mutator = Callable[[bytes, random.Random], bytes]

TEXTS = (
    *(
        "",
        "x",
        "0",
        "-1",
        "1e5",
        "²",
        "\uff11",
        " ",
        "../x",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "..",
        ".",
        "\0",
        "x\0y",
        "\ud800",
    ),
    *("\x1b[31mred", "\n", "\t", "<script>", "=1+1", "\\input{x}", "é" * 300, "x" * 10_000, "9" * 5000, "{fold}", "d0"),
)
NUMBERS = (0, -1, 1, 7, 2**31, -(2**31), 2**63, 2**64, -(2**63), 10**30, 1.5, -0.0, 1e308, 1e-320)
NUMBERS += (float("nan"), float("inf"), float("-inf"))
WILD = (
    *(None, True, False, *NUMBERS, *TEXTS),
    *([], {}, [[]], [None], [1, "a"], {"a": 1}, ["../x"], ["x"] * 3, [0] * 100, [float("nan")], [10**30]),
    *({"frames": []}, [[[[[[]]]]]], [""], {"": ""}, {"size": [1, 1]}),
)
Place = tuple[Any, ...]  # Any: keys and indices that lead to a value


def mutate_file(name: str, data: bytes, rng: random.Random) -> bytes:
    """Damages a file whose name tells what it is, mostly once."""
    special = MUTATORS.get(Path(name).suffix, mutate_bytes)
    for _ in range(rng.choice((1, 1, 1, 2))):
        mutator = mutate_bytes if rng.random() < 0.25 else special
        try:
            data = mutator(data, rng)
        except Exception:  # too damaged for the library that takes it apart, or nothing that it can write
            data = mutate_bytes(data, rng)
    return data


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Flips, cuts, inserts, removes, swaps or appends bytes."""
    if not data:
        return rng.randbytes(rng.choice((1, 8, 100)))
    out = bytearray(data)
    start, end = sorted((rng.randrange(len(out)), rng.randrange(len(out))))
    change = rng.choice(("flip", "flip", "flip", "cut", "insert", "remove", "repeat", "swap", "number", "append"))
    if change == "flip":
        for _ in range(rng.choice((1, 1, 2, 4, 16, 64))):
            out[rng.randrange(len(out))] = rng.randrange(256)
    elif change == "cut":
        del out[rng.choice((0, start, end)) :]
    elif change == "insert":
        out[start:start] = rng.randbytes(rng.choice((1, 4, 100)))
    elif change == "remove":
        del out[start : rng.choice((start + 1, start + 4, end))]
    elif change == "repeat":
        out[start:start] = out[start:end]
    elif change == "swap":
        middle = (start + end) // 2
        out[start:end] = out[middle:end] + out[start:middle]
    elif change == "number":
        ends = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\x80", b"\xff\xff\xff\x7f")
        out[start : start + 4] = rng.choice(ends)
    else:
        out += rng.randbytes(200)
    return bytes(out)


def _places(value: Any, place: Place = ()) -> Iterator[Place]:  # Any: a document
    yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, item in items:
        yield from _places(item, (*place, key))


def _choose_place(document: Any, rng: random.Random) -> Place:  # Any: a document
    """Draws a depth and a key first, so that the few places near the top come as often as the many leaves."""
    groups: dict[tuple[int, str], list[Place]] = {}
    for place in _places(document):
        key = "*" if not place or isinstance(place[-1], int) or len(str(place[-1])) > 20 else str(place[-1])
        groups.setdefault((len(place), key), []).append(place)
    return rng.choice(groups[rng.choice(sorted(groups))])


def mutate_document(document: Any, rng: random.Random, wild: tuple[Any, ...] = WILD) -> Any:  # Any: a document
    """Returns a document with one value of another type or size, or one key or item less, more, twice or renamed."""
    place = _choose_place(document, rng)
    if not place:
        return copy.deepcopy(rng.choice(wild))
    document = copy.deepcopy(document)
    parent = document
    for key in place[:-1]:
        parent = parent[key]
    key, new = place[-1], copy.deepcopy(rng.choice(wild))
    change = rng.choice(("set", "set", "set", "nest", "remove", "add", "repeat", "other"))
    if change == "nest":
        parent[key] = rng.choice(([parent[key]], {"a": parent[key]}))
    elif change == "remove":
        del parent[key]
    elif change == "add" and isinstance(parent, dict):
        parent[rng.choice(TEXTS)] = new
    elif change == "add":
        parent.insert(key, new)
    elif change == "repeat" and isinstance(parent, dict):
        parent[rng.choice(TEXTS)] = parent.pop(key)
    elif change == "repeat":
        parent.insert(key, parent[key])
    elif change == "other":  # a value that has its right type somewhere else
        value: Any = document
        for step in _choose_place(document, rng):
            value = value[step]
        parent[key] = copy.deepcopy(value)
    else:
        parent[key] = new
    return document


def mutate_json(data: bytes, rng: random.Random) -> bytes:
    """Changes a document, or how it is written down."""
    if rng.random() < 0.08:
        depth = rng.choice((50, 300, 3000, 100_000))
        text = data.decode()
        odd = (
            "[" * depth,
            '{"a":' * depth + "1" + "}" * depth,
            "\ufeff" + text,
            text[:-2] + ',"a":1,"a":2}',
            "NaN",
            "",
        )
        return rng.choice((*(each.encode() for each in odd), text.encode("utf-16"), b"\xff" + data))
    document = mutate_document(json.loads(data), rng)
    return json.dumps(document, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def mutate_lines(data: bytes, rng: random.Random) -> bytes:
    """Changes one line of a file with a JSON document in each."""
    lines = data.splitlines()
    i = rng.randrange(len(lines))
    lines[i] = rng.choice((mutate_json(lines[i], rng), b"", lines[i] + lines[i]))
    return b"\n".join(lines) + b"\n"


def mutate_yaml(data: bytes, rng: random.Random) -> bytes:
    """Changes a document, or how it is written down."""
    if rng.random() < 0.15:
        text = data.decode()
        lines = text.splitlines()
        odd = (
            "[" * 3000,
            text + "a: &a [*a]\n",
            text + "? [1, 2]\n: 3\n",
            text + lines[0],
            "!!python/name:os.getcwd\n",
        )
        dates = ("- 1\n", f"{lines[0]} 2020-01-01\n", text + "1: 2\n", text.replace(": ", ":"), "--- 1\n--- 2\n", "\t")
        return rng.choice((*odd, *dates)).encode()
    document = mutate_document(yaml.safe_load(data), rng)
    return yaml.safe_dump(document, allow_unicode=True).encode("utf-8", "surrogatepass")


def mutate_parquet(data: bytes, rng: random.Random) -> bytes:
    """Changes a value, a row or a column, or how the table is written down."""
    table = pq.read_table(io.BytesIO(data))
    rows, column = table.to_pylist(), rng.choice(table.column_names)
    at = table.column_names.index(column)
    change = rng.choice(("value", "value", "value", "row", "drop", "rename", "type", "extra", "order", "empty", "wide"))
    if change == "value":
        field = table.schema.field(column)
        row = rng.randrange(len(rows))
        rows[row][column] = _typed(field.type, rows[row][column], rng)
        table = pa.Table.from_pylist(rows, schema=table.schema)
    elif change == "row":
        row = rng.randrange(len(rows))
        rows[row:row] = [rows[row]] * rng.choice((-1, 1, 2))
        rows = rng.choice((rows, rows[::-1], rows[:row] + rows[row + 1 :]))
        table = pa.Table.from_pylist(rows, schema=table.schema)
    elif change == "drop":
        table = table.drop_columns([column])
    elif change == "rename":
        table = table.rename_columns([rng.choice(TEXTS) if name == column else name for name in table.column_names])
    elif change == "type":
        others = ([1] * len(rows), [0.5] * len(rows), ["x"] * len(rows), [b"\xff"] * len(rows), [[1]] * len(rows))
        arrays = [pa.array(values) for values in (*others, [None] * len(rows), [{"a": 1}] * len(rows))]
        arrays += [
            arrays[2].dictionary_encode(),
            pa.array(others[2], pa.large_string()),
            pa.array(others[0], pa.int8()),
        ]
        table = table.set_column(at, column, rng.choice(arrays))
    elif change == "extra":
        table = table.append_column(rng.choice((column, *TEXTS[1:8])), pa.array([1] * len(rows)))
    elif change == "order":
        table = table.select(table.column_names[::-1])
    elif change == "empty":
        table = table.slice(0, 0)
    else:
        table = pa.concat_tables([table] * 50)
    stream, compression = io.BytesIO(), rng.choice(("zstd", "none", "gzip"))
    # A thousand groups are many already; each takes half a millisecond, and 30,000 of them a file of 50 MB.
    group = max(rng.choice((1, 1000)), table.num_rows // 1000)
    pq.write_table(table, stream, compression=compression, row_group_size=group)
    return stream.getvalue()


def _typed(kind: pa.DataType, value: Any, rng: random.Random) -> Any:  # Any: a column's value
    """Returns another value that a column of this type can hold."""
    if pa.types.is_integer(kind):
        return rng.choice((None, -1, 0, 1, 7, 2**31 - 1, -(2**31)))
    if pa.types.is_floating(kind):
        return rng.choice((None, 0.0, -1.0, 2.0, 1e308, float("nan"), float("inf")))
    if pa.types.is_binary(kind):
        return rng.choice((None, b"", b"\xff", b"0" * 1000, mutate_bytes(value or b"0", rng)))
    if pa.types.is_string(kind):
        return rng.choice((None, *(text for text in TEXTS if "\ud800" not in text), value + "x" if value else "x"))
    if pa.types.is_list(kind):
        item = _typed(kind.value_type, value[0] if value else None, rng)
        return rng.choice((None, [], [None], [item], [*(value or []), item], (value or []) * 2))
    if pa.types.is_struct(kind) and value:
        field = kind.field(rng.randrange(kind.num_fields))
        return {**value, field.name: _typed(field.type, value[field.name], rng)}
    return None


def mutate_zip(data: bytes, rng: random.Random) -> bytes:
    """Changes a member's content or name, or how it is packed."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    i = rng.randrange(len(members))
    name, content = members[i]
    change = rng.choice(("content", "content", "name", "drop", "repeat", "add"))
    if change == "content":
        members[i] = (name, mutate_file(name, content, rng))
    elif change == "name":
        parts = name.split("/")
        parts[rng.randrange(len(parts))] = rng.choice([text for text in TEXTS if "\ud800" not in text])
        members[i] = ("/".join(parts), content)
    elif change == "drop":
        del members[i]
    elif change == "repeat":
        members.append((name, rng.choice(members)[1]))
    else:
        members.append(
            (rng.choice(("read.me", "../../x.png", "/x.png", f"{name}/x.png", "top/", "__MACOSX/._x")), b"x")
        )
    return write_zip(members, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)))


def write_zip(members: list[tuple[str, bytes]], packing: int = zipfile.ZIP_STORED) -> bytes:
    """Returns a zip of these members, the same bytes at any time of the day."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name or "x", (2020, 1, 1, 0, 0, 0))
            info.compress_type = packing
            archive.writestr(info, content)
    return stream.getvalue()


def mutate_picture(data: bytes, rng: random.Random) -> bytes:
    """Writes a picture in another format, mode or size."""
    image = Image.open(io.BytesIO(data))
    change = "large" if rng.random() < 0.03 else rng.choice(("format", "mode", "size"))  # large ones take long to make
    kind = image.format
    if change == "format":
        kind = rng.choice(("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "ICO", "PDF", "TGA"))
        image = image.convert("RGB")
    elif change == "mode":
        image = image.convert("RGB").convert(rng.choice(("1", "L", "LA", "P", "RGBA", "CMYK", "I", "F", "YCbCr")))
        kind = {"LA": "PNG", "P": "PNG", "RGBA": "PNG", "I": "PNG", "F": "TIFF"}.get(image.mode, kind)
    elif change == "size":
        image = image.resize((rng.choice((1, 7, 31, 33, 500)), rng.choice((1, 7, 25, 500))), Image.Resampling.NEAREST)
    else:  # few bytes, many pixels
        image, kind = Image.new("1", rng.choice(((13_000, 13_000), (60_000, 1_000), (1, 65_000)))), "PNG"
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


def mutate_png(data: bytes, rng: random.Random) -> bytes:
    """Changes chunks with right checksums, image data before compression, or as `mutate_picture`."""
    return fuzz_labels.mutate(data, rng) if rng.random() < 0.6 else mutate_picture(data, rng)


def mutate_safetensors(data: bytes, rng: random.Random) -> bytes:
    """Changes the header, with its right length."""
    (length,) = struct.unpack_from("<Q", data)
    header = mutate_json(data[8 : 8 + length], rng)
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def mutate_torch(data: bytes, rng: random.Random) -> bytes:
    """Changes a value, key or type of what torch.save wrote, or a member of its zip."""
    import torch

    if rng.random() < 0.3:
        return mutate_zip(data, rng)
    numbers = (torch.tensor(float("nan")), torch.zeros(0), torch.zeros(3, dtype=torch.int8), torch.zeros(2).to_sparse())
    shapes = (torch.zeros(1, 1, 1, 1, 1), torch.zeros(1).expand(2**33), torch.zeros(2, dtype=torch.complex64))
    others = (OrderedDict(a=1), argparse.Namespace(a=1), {1: torch.zeros(1)}, ("a", 1), {1, 2}, b"x", 1j)
    with torch.serialization.safe_globals([argparse.Namespace]):
        content = torch.load(io.BytesIO(data), weights_only=True)
    stream = io.BytesIO()
    changed = mutate_document(content, rng, (*WILD, *numbers, *shapes, *others))
    torch.save(changed, stream, _use_new_zipfile_serialization=rng.random() < 0.9)
    return stream.getvalue()


MUTATORS: dict[str, Mutator] = {
    ".json": mutate_json,
    ".jsonl": mutate_lines,
    ".yaml": mutate_yaml,
    ".parquet": mutate_parquet,
    ".zip": mutate_zip,
    ".png": mutate_png,
    ".jpg": mutate_picture,
    ".safetensors": mutate_safetensors,
    ".pt": mutate_torch,
}
