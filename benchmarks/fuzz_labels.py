"""Feeds damaged PNG files to the label reader: it may return a label map or raise `DataError`, nothing else.

    python benchmarks/fuzz_labels.py [--seconds 60] [--seed 0]

Guided by coverage where atheris is installed, else at random. All ways of decoding (with and without the C extension
and libdeflate) must agree. Prints the number of executions; at the first fault it prints the file as hexadecimals and
exits with an error.
`encode_png` and `mutate` also serve the tests.
"""

import argparse
import random
import struct
import sys
import time
import zlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from itertools import pairwise
from unittest import mock

import numpy as np

from fsbench.errors import DataError
from fsbench.masks import labels

SIGNATURE = b"\x89PNG\r\n\x1a\n"
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
INSTALLED_C, INSTALLED_DEFLATE = labels._png, labels.deflate  # None where they are not
Chunks = list[tuple[bytes, bytes]]


def ihdr(height: int, width: int, depth: int, colour: int, *, interlaced: bool = False) -> bytes:
    """Returns the body of the chunk."""
    return struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)


def join_chunks(chunks: Chunks) -> bytes:
    """Returns the file of these chunks, with right checksums."""
    parts = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ]
    return SIGNATURE + b"".join(parts)


def split_chunks(data: bytes) -> Chunks:
    """Returns the chunks of a file as far as they go."""
    chunks, start = [], len(SIGNATURE)
    while start + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        chunks.append((kind, data[start + 8 : start + 8 + length]))
        start += 12 + length
    return chunks


def filter_rows(packed: np.ndarray, filters: Sequence[int], distance: int = 1) -> bytes:
    """Applies PNG's filters as the standard writes them down: `packed` uint8 [H, bytes], filter `y % len(filters)`."""
    out = bytearray()
    above = [0] * packed.shape[1]
    for y, row in enumerate(packed.tolist()):
        kind = filters[y % len(filters)]
        out.append(kind)
        for i, value in enumerate(row):
            a, c = (row[i - distance], above[i - distance]) if i >= distance else (0, 0)
            b = above[i]
            nearest = min((a, b, c), key=lambda candidate, p=a + b - c: abs(p - candidate))
            out.append((value - (0, a, b, (a + b) // 2, nearest)[kind]) % 256)
        above = row
    return bytes(out)


def pack_rows(values: np.ndarray, depth: int) -> np.ndarray:
    """Returns [H, W] values of `depth` bits as bytes [H, bytes], the leftmost in the highest bits."""
    if depth == 16:
        return values.astype(">u2").view(np.uint8).reshape(len(values), -1)
    bits = np.unpackbits(values.astype(np.uint8)[..., None], axis=2)[..., 8 - depth :]
    return np.packbits(bits.reshape(len(values), -1), axis=1)


def encode_png(
    values: np.ndarray,
    depth: int,
    colour: int,
    *,
    filters: Sequence[int] = (0,),
    interlaced: bool = False,
    pieces: int = 1,
    extra: Chunks | None = None,
) -> bytes:
    """Encodes [H, W] raw values; `pieces` IDAT chunks, of which the second is empty, after the chunks `extra`."""
    passes = [values[y::dy, x::dx] for y, x, dy, dx in ADAM7] if interlaced else [values]
    raw = b"".join(filter_rows(pack_rows(part, depth), filters, max(1, depth // 8)) for part in passes if part.size)
    stream = zlib.compress(raw)
    cuts = [0, *sorted({len(stream) * i // pieces for i in range(1, pieces)}), len(stream)]
    idats = [(b"IDAT", stream[a:b]) for a, b in pairwise(cuts)]
    idats[1:1] = [(b"IDAT", b"")] if pieces > 1 else []
    palette = [(b"PLTE", bytes(range(3)))] if colour == 3 else []
    head = [(b"IHDR", ihdr(*values.shape, depth, colour, interlaced=interlaced)), *palette, *(extra or [])]
    return join_chunks([*head, *idats, (b"IEND", b"")])


def seed_files() -> list[bytes]:
    """Returns a valid file of each kind."""
    rng = np.random.default_rng(0)
    return [
        encode_png(rng.integers(0, 2**depth, (9, 13)), depth, colour, filters=filters, interlaced=interlaced, pieces=3)
        for depth, colour in ((1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (1, 3), (2, 3), (4, 3), (8, 3))
        for filters in ((0,), (0, 1, 2), (4, 3, 2, 1, 0))
        for interlaced in (False, True)
    ]


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Damages a file: in its bytes, in chunks with right checksums, or in the image data before compression."""
    try:
        return rng.choice((_mutate_bytes, _mutate_chunks, _mutate_header, _mutate_raw))(data, rng)
    except (ValueError, IndexError, struct.error, zlib.error):  # too damaged to take apart
        return _mutate_bytes(data + SIGNATURE, rng)


def _mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        out[rng.randrange(len(out))] = rng.randrange(256)
    start, end = sorted((rng.randrange(len(out)), rng.randrange(len(out))))
    change = rng.choice(("none", "cut", "remove", "repeat"))
    if change == "cut":
        del out[start:]
    elif change == "remove":
        del out[start:end]
    elif change == "repeat":
        out[start:start] = out[start:end]
    return bytes(out)


def _mutate_chunks(data: bytes, rng: random.Random) -> bytes:
    chunks = split_chunks(data)
    i = rng.randrange(len(chunks))
    kind, body = chunks[i]
    change = rng.choice(("shuffle", "drop", "repeat", "rename", "body"))
    if change == "shuffle":
        rng.shuffle(chunks)
    elif change == "drop":
        del chunks[i]
    elif change == "repeat":
        chunks.insert(rng.randrange(len(chunks)), (kind, body))
    elif change == "rename":
        chunks[i] = (rng.choice((b"IDAT", b"IHDR", b"tEXt", b"IEND", b"ABCD", b"\0\0\0\0")), body)
    elif body:
        chunks[i] = (kind, _mutate_bytes(body, rng))
    return join_chunks(chunks)


def _mutate_header(data: bytes, rng: random.Random) -> bytes:
    chunks = split_chunks(data)
    fields = list(struct.unpack(">IIBBBBB", chunks[0][1]))
    i = rng.randrange(len(fields))
    small = fields[i] + rng.choice((-1, 1))
    fields[i] = rng.choice((0, small, rng.randrange(20), 2**13, 2**31)) % (2**32 if i < 2 else 2**8)
    chunks[0] = (b"IHDR", struct.pack(">IIBBBBB", *fields))
    return join_chunks(chunks)


def _mutate_raw(data: bytes, rng: random.Random) -> bytes:
    chunks = split_chunks(data)
    raw = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
    raw = _mutate_bytes(raw, rng) if rng.random() < 0.7 else raw + bytes(rng.randrange(1000))
    kept = [chunk for chunk in chunks if chunk[0] not in (b"IDAT", b"IEND")]
    return join_chunks([*kept, (b"IDAT", zlib.compress(raw, rng.randrange(10))), (b"IEND", b"")])


@contextmanager
def decoder(*, with_c: bool = True, with_deflate: bool = True) -> Iterator[None]:
    """Has the reader do without parts that are not there everywhere."""
    with (
        mock.patch.object(labels, "_png", INSTALLED_C if with_c else None),
        mock.patch.object(labels, "deflate", INSTALLED_DEFLATE if with_deflate else None),
    ):
        yield


def decode(data: bytes) -> np.ndarray | None:
    """Returns the label map, or None where the file is refused.

    Raises:
        AssertionError: The result is not what the reader promises.
        Exception: Anything but `DataError`, that is: a fault.
    """
    try:
        result = labels.decode_label_map(data, "fuzz.png")
    except DataError as error:
        if not str(error).startswith("fuzz.png: "):
            raise AssertionError("an error that does not name the file") from error
        return None
    assert result.shape == labels.label_map_size(data[: labels.HEADER_BYTES], "fuzz.png")
    assert result.dtype in (np.uint8, np.uint16)
    assert result.flags.c_contiguous
    return result


def check(data: bytes) -> bool:
    """Decodes in all ways, which must agree, and returns whether the file was accepted."""
    results = []
    for with_c, with_deflate in ((True, True), (False, True), (True, False)):
        with decoder(with_c=with_c, with_deflate=with_deflate):
            results.append(decode(data))
    for other in results[1:]:
        assert (other is None) == (results[0] is None), "one way accepts the file, another refuses it"
        assert other is None or np.array_equal(other, results[0]), "two ways give different labels"
    return results[0] is not None


def fuzz(seconds: float, seed: int) -> tuple[int, int]:
    """Returns how many files were tried and how many of them were accepted."""
    rng = random.Random(seed)
    files = seed_files()
    executions = accepted = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = mutate(rng.choice(files), rng)
        accepted += _checked(check, data)
        executions += 1
    return executions, accepted


def _checked(work: Callable[[bytes], bool], data: bytes) -> bool:
    try:
        return work(data)
    except Exception:
        print(f"fault at the file {data.hex()}", file=sys.stderr)
        raise


def fuzz_with_atheris(seconds: float, seed: int) -> None:
    """Does the same, guided by coverage; libFuzzer prints the executions and ends the process."""
    import atheris

    atheris.instrument_func(labels.decode_label_map)
    for name in ("_read_header", "_image_data", "_inflate", "_decode_with_numpy", "_decode_with_pillow"):
        setattr(labels, name, atheris.instrument_func(getattr(labels, name)))
    files = seed_files()

    def mutator(data: bytes, max_size: int, seed: int) -> bytes:
        rng = random.Random(seed)
        return mutate(data if data.startswith(SIGNATURE) else rng.choice(files), rng)[:max_size]

    options = [f"-max_total_time={seconds:.0f}", f"-seed={seed + 1}", "-print_final_stats=1", "-max_len=4096"]
    atheris.Setup([sys.argv[0], *options], lambda data: _checked(check, data) and None, custom_mutator=mutator)
    atheris.Fuzz()


def main() -> None:
    """Fuzzes and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    try:
        fuzz_with_atheris(arguments.seconds, arguments.seed)
    except ImportError:
        executions, accepted = fuzz(arguments.seconds, arguments.seed)
        print(f"{executions} files tried, {accepted} accepted, {executions - accepted} refused, no fault")


if __name__ == "__main__":
    main()
