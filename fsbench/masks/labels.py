"""Label maps: PNG files whose pixels are object indices, read as they are stored.

Palette and grey files of up to 8 bits are decoded here, with libdeflate (package `deflate`) and the C extension `_png`:
several times as fast as Pillow, which moreover scales grey values of 2 and 4 bits. Without either, zlib and numpy give
the same labels, more slowly. Pillow decodes the rest: interlaced files and 16 bits.

A file may be damaged or made to do harm, so sizes are checked before memory is taken, and all faults are `DataError`s.
"""

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fsbench.errors import DataError
from fsbench.files import open_regular

try:
    import deflate
except ImportError:
    deflate = None  # type: ignore[assignment]
try:
    from fsbench.masks import _png

    _png.unfilter_in_place  # noqa: B018 - an older version's build, as after a pull without one, is none
except (ImportError, AttributeError):
    _png = None  # type: ignore[assignment]

__all__ = [
    "HEADER_BYTES",
    "MAX_PIXELS",
    "NotLabelsError",
    "decode_label_map",
    "label_map_size",
    "label_palette",
    "read_label_map",
    "read_label_map_size",
]

LabelMap = npt.NDArray[np.uint8 | np.uint16]

MAX_PIXELS = 2**26
"""Label maps and frames of more pixels are refused: eight times the area of a 4K frame."""

HEADER_BYTES = 33
"""The size is in this many first bytes of a file: signature and chunk IHDR."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_IHDR = struct.Struct(">I4sIIBBBBBI")
_CHUNK = struct.Struct(">I4s")
_CRC = struct.Struct(">I")
_GREY = 0
_PALETTE = 3
_MODES = {2: "RGB", 4: "LA", 6: "RGBA"}  # colour types of several channels
_DEPTHS = {_GREY: (1, 2, 4, 8, 16), _PALETTE: (1, 2, 4, 8)}
_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
_MAX_RATIO = 1032  # deflate: 258 bytes from 2 bits
_INFLATE_ERRORS = (zlib.error,) if deflate is None else (zlib.error, deflate.DeflateError)


class NotLabelsError(DataError):
    """A picture has colours where a label map has indices."""


@dataclass(frozen=True)
class _Header:
    """What a PNG's IHDR says.

    Attributes:
        height, width: In pixels.
        depth: Bits of a sample.
        colour: PNG's colour type.
        is_interlaced: Whether the rows come in Adam7's passes.
    """

    height: int
    width: int
    depth: int
    colour: int
    is_interlaced: bool

    @property
    def raw_bytes(self) -> int:
        """How long the inflated image data is: a filter byte and the packed pixels of each row, of each pass."""
        passes = [(self.height, self.width)]
        if self.is_interlaced:
            passes = [(-(-(self.height - y) // dy), -(-(self.width - x) // dx)) for y, x, dy, dx in _ADAM7]
        return sum(h * (1 + (w * self.depth + 7) // 8) for h, w in passes if h > 0 and w > 0)


def read_label_map(path: Path) -> LabelMap:
    """Returns the label map of a file; see `decode_label_map`. Raises DataError also where there is no file."""
    return decode_label_map(_read(path), str(path))


def read_label_map_size(path: Path) -> tuple[int, int]:
    """Returns the (height, width) that a file declares; see `label_map_size`."""
    return label_map_size(_read(path, HEADER_BYTES), str(path))


def decode_label_map(data: bytes, name: str) -> LabelMap:
    """Decodes a palette or grey PNG.

    Args:
        data: The whole file.
        name: What errors call it.

    Returns:
        The raw value of each pixel, palette index or unscaled grey: uint8 [H, W], or uint16 for grey of 16 bits.
        C-contiguous and writable.

    Raises:
        DataError: The file is no PNG, damaged, larger than `MAX_PIXELS`, or has more than one channel.
    """
    header = _read_header(data, name)
    stream = _image_data(memoryview(data), name)
    raw = _inflate(stream, header.raw_bytes, name)
    if header.is_interlaced or header.depth == 16:
        return _decode_with_pillow(header, stream, name)
    if _png is None:
        return _decode_with_numpy(header, stream, raw, name)
    try:
        if header.depth == 8 and isinstance(raw, bytearray):  # saves a page fault for every 4 KiB
            _png.unfilter_in_place(raw, header.height, header.width)
        else:
            raw = _png.unfilter(raw, header.height, header.width, header.depth)
    except ValueError as error:
        raise _damaged(name, str(error)) from error
    return np.frombuffer(raw, np.uint8, header.height * header.width).reshape(header.height, header.width)


def label_map_size(data: bytes, name: str) -> tuple[int, int]:
    """Returns the (height, width) that a file's first `HEADER_BYTES` declare.

    Raises:
        DataError: They are not the start of a file that `decode_label_map` accepts.
    """
    header = _read_header(data, name)
    return header.height, header.width


def label_palette(data: bytes) -> bytes:
    """Returns the colours of a PNG's indices, three bytes each, in order; none where it has no palette."""
    start = HEADER_BYTES
    while start + _CHUNK.size <= len(data):
        length, kind = _CHUNK.unpack_from(data, start)
        if kind == b"PLTE":
            return data[start + 8 : start + 8 + length]
        if kind == b"IDAT":  # the palette comes before
            break
        start += 12 + length
    return b""


def _read(path: Path, count: int = -1) -> bytes:
    try:
        with open_regular(path) as stream:
            return stream.read(count)
    except FileNotFoundError as error:
        raise DataError(f"{path}: missing. Fetch or write it again, or check the folder (--data-root).") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Fetch or write it again.") from error


def _read_header(data: bytes, name: str) -> _Header:
    if data[: len(_SIGNATURE)] != _SIGNATURE:
        what = "not a PNG file" if data else "an empty file"
        raise DataError(f"{name}: {what}. Save label maps as palette PNG (mode P) whose index is the object id.")
    if len(data) < HEADER_BYTES:
        raise _damaged(name, "it ends in the header")
    length, kind, width, height, depth, colour, compression, filtering, interlace, crc = _IHDR.unpack_from(data, 8)
    if (length, kind) != (13, b"IHDR") or _crc32(data[12:29]) != crc:
        raise _damaged(name, "its header is no whole chunk IHDR")
    if not (height and width) or compression or filtering or interlace > 1:
        raise _damaged(name, f"its header makes no sense: {width} x {height} pixels")
    if colour in _MODES:
        raise NotLabelsError(
            f"{name}: a label map must hold one index a pixel, this picture has mode {_MODES[colour]}. "
            "Save it as palette PNG (mode P) whose index is the object id."
        )
    if depth not in _DEPTHS.get(colour, ()):
        raise _damaged(name, f"its header makes no sense: colour type {colour} of {depth} bits")
    if height * width > MAX_PIXELS:
        raise DataError(
            f"{name}: {width} x {height} pixels are declared, more than the {MAX_PIXELS} that a label map may have. "
            "Write it in the size of the video's frames."
        )
    return _Header(height, width, depth, colour, is_interlaced=interlace == 1)


def _image_data(data: memoryview, name: str) -> bytes | memoryview:
    """Returns the bodies of all IDAT chunks as one, having checked that the chunks go on to the last, IEND."""
    parts: list[memoryview] = []
    start = HEADER_BYTES
    while True:
        end = start + 12
        if end > len(data):
            raise _damaged(name, "it is truncated")
        length, kind = _CHUNK.unpack_from(data, start)
        end += length
        if end > len(data):
            raise _damaged(name, "it is truncated")
        if kind == b"IDAT":
            if _crc32(data[start + 4 : end - 4]) != _CRC.unpack_from(data, end - 4)[0]:
                raise _damaged(name, "its image data has a wrong checksum")
            parts.append(data[start + 8 : end - 4])
        elif kind == b"IEND":
            return parts[0] if len(parts) == 1 else b"".join(parts)
        elif not kind.isalpha() or (kind[:1].isupper() and kind != b"PLTE"):  # an upper-case chunk may not be skipped
            raise _damaged(name, f"chunk {kind!r} is unknown")
        start = end


def _inflate(stream: bytes | memoryview, size: int, name: str) -> bytes | bytearray:
    """Returns the `size` bytes of a zlib stream; one that holds more or less is an error, and takes no more memory."""
    if size > _MAX_RATIO * len(stream):
        raise _damaged(name, "it has too little image data")
    inflate = _inflate_with_zlib if deflate is None else deflate.zlib_decompress
    try:
        raw = inflate(stream, size)
    except _INFLATE_ERRORS as error:
        raise _damaged(name, "its image data cannot be inflated to the declared size") from error
    if len(raw) != size:
        raise _damaged(name, "its image data is not of the declared size")
    return raw


def _inflate_with_zlib(stream: bytes | memoryview, size: int) -> bytes:
    inflater = zlib.decompressobj()
    raw = inflater.decompress(stream, size + 1)
    if not inflater.eof:  # then the checksum at the end was not seen either
        raise zlib.error("incomplete or too long")
    return raw


def _decode_with_numpy(header: _Header, stream: bytes | memoryview, raw: bytes | bytearray, name: str) -> LabelMap:
    """Does what the C extension does; images with filters Average or Paeth, serial by nature, are Pillow's."""
    filtered = np.frombuffer(raw, np.uint8).reshape(header.height, -1)
    filters = filtered[:, 0]
    if filters.max() > 2:
        return _decode_with_pillow(header, stream, name)
    rows = filtered[:, 1:].copy()
    for y in np.flatnonzero(filters):
        if filters[y] == 1:
            rows[y] = np.cumsum(rows[y], dtype=np.uint8)
        elif y > 0:
            rows[y] += rows[y - 1]
    if header.depth == 8:
        return rows
    shifts = np.arange(8 - header.depth, -1, -header.depth, dtype=np.uint8)
    pixels = (rows[:, :, np.newaxis] >> shifts) & np.uint8(2**header.depth - 1)
    return np.ascontiguousarray(pixels.reshape(header.height, -1)[:, : header.width])


def _decode_with_pillow(header: _Header, stream: bytes | memoryview, name: str) -> LabelMap:
    """Decodes image data that `_inflate` found whole; Pillow gets a file of nothing else, so no chunk can upset it."""
    from PIL import Image  # here alone: most runs never need it

    ihdr = struct.pack(
        ">IIBBBBB", header.width, header.height, header.depth, header.colour, 0, 0, int(header.is_interlaced)
    )
    palette = _chunk(b"PLTE", bytes(3 * 2**header.depth)) if header.colour == _PALETTE else b""
    data = _SIGNATURE + _chunk(b"IHDR", ihdr) + palette + _chunk(b"IDAT", bytes(stream)) + _chunk(b"IEND", b"")
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            values = np.array(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise _damaged(name, str(error)) from error
    if header.depth == 16:
        return values.astype(np.uint16)
    labels = values.astype(np.uint8)
    if header.colour == _GREY and header.depth in (2, 4):
        labels //= 255 // (2**header.depth - 1)  # Pillow scales to 0..255
    return labels


def _chunk(kind: bytes, body: bytes) -> bytes:
    return _CHUNK.pack(len(body), kind) + body + _CRC.pack(_crc32(kind + body))


def _crc32(data: bytes | memoryview) -> int:
    return zlib.crc32(data) if deflate is None else deflate.crc32(data)


def _damaged(name: str, why: str) -> DataError:
    return DataError(f"{name}: cannot be decoded ({why}). The file is damaged; fetch or write it again.")
