"""Masks in a zip, which is never unpacked as a whole."""

import bz2
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO
from typing import NamedTuple

from fsbench.errors import SubmissionError
from fsbench.submissions.forms.contract import Found
from fsbench.submissions.forms.contract import Known
from fsbench.submissions.forms.contract import MaskKey
from fsbench.submissions.forms.contract import MAX_MASK_BYTES
from fsbench.submissions.forms.contract import MAX_MASKS
from fsbench.submissions.forms.contract import Submission
from fsbench.submissions.forms.layout import is_mask
from fsbench.submissions.forms.layout import take_files

__all__ = ["ZipSubmission"]

MAX_TOTAL_BYTES = 64 << 30
"""Of all masks of a zip, unpacked."""
MAX_RATIO = 200
"""Unpacked to packed bytes of a member of a zip larger than `RATIO_FREE_BYTES`. (PNGs barely shrink again.)"""
RATIO_FREE_BYTES = 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
"""Those that unpack within bounds."""
MAX_DIRECTORY_BYTES = 512 << 20
"""Of the table of contents of a zip."""


class _Member(NamedTuple):
    """A member of a zip, as its table of contents has it.

    Attributes:
        name: Its path in the zip.
        is_utf8: Whether the name is said to be UTF-8.
        offset: Where its own header is, in bytes.
        packed, size: Bytes as they are stored, and unpacked.
        crc: CRC-32 of the unpacked bytes.
        method: How it is packed, as `zipfile` numbers it.
    """

    name: str
    is_utf8: bool
    offset: int
    packed: int
    size: int
    crc: int
    method: int


class ZipSubmission(Submission):
    """Reads members by itself, at an offset: many threads at once, and never more than was declared."""

    def __init__(self, path: Path, known: Known) -> None:
        with ExitStack() as stack:
            stream = stack.enter_context(path.open("rb"))
            found = Found(known)
            take_files(found, {_slashed(member.name): member for member in _members(stream, path, found)}, known)
            super().__init__(path, found)
            stack.pop_all()
        self._stream = stream

    def close(self) -> None:
        """Closes the zip."""
        self._stream.close()

    def name(self, key: MaskKey) -> str:
        """Returns the path inside the zip."""
        return str(self._places[key].name)

    def read(self, key: MaskKey) -> bytes:
        """Returns the bytes of a member, unpacked. Raises as Submission.read does."""
        member: _Member = self._places[key]
        try:
            return _unpack(self._stream.fileno(), member)
        except (OSError, struct.error, zlib.error) as error:
            raise self._error(key, f"cannot be unpacked ({error})") from error


def _unpack(file: int, member: _Member) -> bytes:
    """Returns a member's bytes, and never more than were declared.

    Raises:
        OSError, struct.error, zlib.error: They are not what was declared.
    """
    header = os.pread(file, 30, member.offset)
    raw_name = member.name.encode("utf-8" if member.is_utf8 else "cp437")
    signature, name_length, extra_length = struct.unpack("<4s22xHH", header)
    start = member.offset + len(header) + name_length + extra_length
    if signature != b"PK\3\4" or os.pread(file, name_length, member.offset + len(header)) != raw_name:
        raise OSError("its header is not that of this member")
    content = os.pread(file, member.packed, start)
    if member.method == zipfile.ZIP_DEFLATED:
        content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, member.size + 1)
    elif member.method == zipfile.ZIP_BZIP2:
        content = bz2.BZ2Decompressor().decompress(content, member.size + 1)
    if len(content) != member.size or zlib.crc32(content) != member.crc:
        raise OSError("its size or checksum is not the declared one")
    return content


def _members(stream: BinaryIO, path: Path, found: Found) -> Iterator[_Member]:
    """Yields the members that may be read; problems are added for the others. Directories are passed over."""
    infos, end = _table_of_contents(stream, path)
    infos.sort(key=lambda info: info.header_offset)
    following = [*(info.header_offset for info in infos), end][1:]
    names: set[str] = set()
    total = 0
    for info, limit in zip(infos, following, strict=True):
        name = info.orig_filename
        if wrong := _wrong_name(info):
            found.problem("unsafe", name, wrong)
        elif _slashed(name).endswith("/"):
            continue
        elif info.flag_bits & 0x2041:  # encrypted; strongly; with its table of contents
            found.problem("encrypted", name, "is encrypted")
        elif info.compress_type not in _METHODS:
            what = f"is packed by method {info.compress_type}, not stored, deflated or by bzip2"
            found.problem("unreadable", name, what, "Pack the zip with its usual method, deflate.")
        elif info.header_offset < 0 or info.header_offset + 30 + len(name) + info.compress_size > limit:
            found.problem("unsafe", name, "overlaps with what follows it")
        elif is_mask(name) and (wrong := _too_large(info, total)):
            found.problem("too-large", name, wrong)
        elif _slashed(name) in names:
            found.problem("duplicate", name, "is there more than once")
        else:
            names.add(_slashed(name))
            total += info.file_size
            is_utf8 = bool(info.flag_bits & 0x800)
            offset, packed, size = info.header_offset, info.compress_size, info.file_size
            yield _Member(name, is_utf8, offset, packed, size, info.CRC, info.compress_type)


def _table_of_contents(stream: BinaryIO, path: Path) -> tuple[list[zipfile.ZipInfo], int]:
    """Returns what a zip says to hold, and the offset where its table of contents begins."""
    try:
        _check_directory(stream, path)
        with zipfile.ZipFile(stream) as archive:
            infos, end = archive.infolist(), archive.start_dir
    # A damaged table of contents ends in any of these.
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, OverflowError, struct.error) as error:
        raise SubmissionError(f"{path}: is no whole zip ({error}). Pack or send it again.") from error
    return infos, end


def _check_directory(stream: BinaryIO, path: Path) -> None:
    """Counts what a zip says to hold, before zipfile makes an object of each.

    Raises:
        SubmissionError: It is too much.
        zipfile.BadZipFile, struct.error: There is no table of contents.
    """
    length = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, length - (22 + 20 + 56 + 0xFFFF)))
    begin, tail = stream.tell(), stream.read()
    at = len(tail) - 22 if tail[-22:-18] == b"PK\5\6" and tail[-2:] == b"\0\0" else tail.rfind(b"PK\5\6")
    if at < 0:
        raise zipfile.BadZipFile("it has no table of contents")
    size: int = struct.unpack_from("<I", tail, at + 12)[0]
    if at >= 76 and tail[at - 20 : at - 16] == b"PK\6\7":  # a zip of more than 4 GiB, or 65,535 members
        at -= 76
        size = struct.unpack_from("<Q", tail, at + 40)[0]
    if size > begin + at:
        raise zipfile.BadZipFile("its table of contents is larger than what is there")
    if size > MAX_DIRECTORY_BYTES:
        raise SubmissionError(f"{path}: its table of contents has {size} bytes. Hand in one fold at a time.")
    stream.seek(begin + at - size)
    if stream.read(size).count(b"PK\1\2") > MAX_MASKS:
        raise SubmissionError(f"{path}: has more than {MAX_MASKS} members. Hand in one fold at a time.")


def _slashed(name: str) -> str:
    """Returns a name with the slashes that a zip should have; some programs on Windows write backslashes."""
    return name.replace("\\", "/")


def _wrong_name(info: zipfile.ZipInfo) -> str | None:
    name, file_type = _slashed(info.orig_filename), stat.S_IFMT(info.external_attr >> 16)
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "is an absolute path"
    if ".." in name.split("/"):
        return "leads out of the folder"
    if not name.isprintable():
        return "has control characters"
    if file_type == stat.S_IFLNK:
        return "is a link"
    return None if file_type in (0, stat.S_IFREG, stat.S_IFDIR) else "is no plain file"


def _too_large(info: zipfile.ZipInfo, total: int) -> str | None:
    size, packed = info.file_size, info.compress_size
    if max(size, packed) > MAX_MASK_BYTES:
        return f"has {max(size, packed)} bytes, more than {MAX_MASK_BYTES}"
    if size > RATIO_FREE_BYTES and size > MAX_RATIO * packed:
        return f"grows from {packed} to {size} bytes, more than {MAX_RATIO} times"
    if total + size > MAX_TOTAL_BYTES:
        return f"makes it more than {MAX_TOTAL_BYTES} bytes in all"
    return None
