"""`pixels.json`: what the frames and label maps of a manifest's videos decode to, by digest, beside its tables.

It is no part of the episodes and of their digest: a manifest may be built, and read, where no pixel is.
"""

import hashlib
import json
from collections.abc import Iterable
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from fsbench.errors import ManifestError
from fsbench.files import write_whole
from fsbench.records import first_problem
from fsbench.records import Record

__all__ = ["PixelDigest", "Pixels", "VideoPixels", "read_pixels", "write_pixels"]

_SCHEMA_VERSION = 1
_NAME = "pixels.json"


class VideoPixels(Record):
    """What a video decodes to.

    Attributes:
        frames: See `PixelDigest`, of its frames.
        label_maps: The same of its label maps.
    """

    frames: str
    label_maps: str


class Pixels(Record):
    """The whole file.

    Attributes:
        schema_version: Of this record.
        manifest: Digest of the manifest whose frames these are.
        videos: What each of its videos decodes to.
    """

    schema_version: int = _SCHEMA_VERSION
    manifest: str
    videos: dict[str, VideoPixels]


class PixelDigest:
    """The SHA-256 of a video's frames, or of its label maps, as they are decoded: names, sizes and values in order."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, name: str, pixels: npt.NDArray[np.integer]) -> None:
        """Adds the next one.

        Args:
            name: The frame's name.
            pixels: uint8 [H, W, 3] for a frame; uint16, little-endian, [H, W] or [L, H, W] for a label map.
        """
        self._digest.update(json.dumps([name, *pixels.shape]).encode("ascii"))
        self._digest.update(np.ascontiguousarray(pixels).data)

    def hexdigest(self) -> str:
        """Returns the digest of all that was added."""
        return self._digest.hexdigest()


def read_pixels(folder: Path, manifest: str, videos: Iterable[str]) -> Mapping[str, VideoPixels] | None:
    """Reads the file.

    Args:
        folder: The manifest's folder.
        manifest: The manifest's digest.
        videos: The manifest's videos.

    Returns:
        What each video decodes to; None if there is no file.

    Raises:
        ManifestError: The file is damaged, or of another manifest.
    """
    path = folder / _NAME
    remedy = "Remove it, and the next 'fsbench verify' with frames writes it."
    try:
        found = Pixels.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        raise ManifestError(f"{path}: {first_problem(error)}. {remedy}") from error
    if found.schema_version != _SCHEMA_VERSION:
        raise ManifestError(f"{path}: schema {found.schema_version}, this fsbench reads {_SCHEMA_VERSION}. Update it.")
    if found.manifest != manifest or found.videos.keys() != set(videos):
        raise ManifestError(f"{path}: is of another manifest. {remedy}")
    return found.videos


def write_pixels(folder: Path, manifest: str, videos: Mapping[str, VideoPixels]) -> None:
    """Writes the file. Raises ManifestError if it cannot be written."""
    record = Pixels(manifest=manifest, videos=dict(videos))
    try:
        write_whole(folder / _NAME, json.dumps(record.model_dump(), indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise ManifestError(f"{folder / _NAME}: cannot be written ({error.strerror}).") from error
