"""Where the pixels and sentences of a page come from: a dataset on disk, or the embedded set, drawn on demand."""

import logging
import os
from collections.abc import Callable
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from fsbench.datasets.catalogue import find_root
from fsbench.datasets.catalogue import open_spec
from fsbench.datasets.catalogue import spec_of_name
from fsbench.datasets.records import DrawnVideo
from fsbench.datasets.shapes import encode_frame
from fsbench.datasets.spec import DatasetSpec
from fsbench.errors import DataError
from fsbench.errors import ManifestError
from fsbench.processes import worker_pool
from fsbench.splits.benchmark import Benchmark
from fsbench.splits.manifest import Manifest
from fsbench.splits.schema import text_digest

__all__ = ["DatasetPictures", "Pictures", "RenderedPictures", "find_pictures"]

logger = logging.getLogger(__name__)

_MANY_VIDEOS = 24
_LARGE_PX = 200


class Pictures(Protocol):
    """Frames, label maps and sentences of a manifest's videos."""

    def prepare(self, video_ids: Iterable[str]) -> None:
        """Says what will be asked for, so that it can be made ready at once."""

    def jpeg(self, video_id: str, frame: str) -> bytes:
        """Returns a frame as a JPEG file."""

    def frame(self, video_id: str, frame: str) -> npt.NDArray[np.uint8]:
        """Returns a frame as uint8 [H, W, 3], RGB."""

    def label_map(self, video_id: str, frame: str) -> npt.NDArray[np.integer]:
        """Returns a frame's object indices as integer [H, W], or [L, H, W] in layers."""

    def sentence(self, video_id: str, expression_id: str) -> str:
        """Returns a sentence. Raises ManifestError if it is not the one that the manifest means."""


class DatasetPictures:
    """Pictures of a dataset on disk."""

    def __init__(self, benchmark: Benchmark) -> None:
        self._dataset = benchmark.dataset
        self._sentences = benchmark.sentences

    def prepare(self, video_ids: Iterable[str]) -> None:
        """Does nothing: files are read when they are asked for."""

    def jpeg(self, video_id: str, frame: str) -> bytes:
        """Returns a frame as a JPEG file; large ones lose what nobody sees, since a video has many."""
        image, stream = self.frame(video_id, frame), BytesIO()
        Image.fromarray(image).save(stream, "jpeg", quality=95 if min(image.shape[:2]) < _LARGE_PX else 80)
        return stream.getvalue()

    def frame(self, video_id: str, frame: str) -> npt.NDArray[np.uint8]:
        """Returns a frame as uint8 [H, W, 3], RGB."""
        return self._dataset.frame(video_id, frame)

    def label_map(self, video_id: str, frame: str) -> npt.NDArray[np.integer]:
        """Returns a frame's object indices as integer [H, W], or [L, H, W] in layers."""
        return self._dataset.label_map(video_id, frame)

    def sentence(self, video_id: str, expression_id: str) -> str:
        """Returns a sentence."""
        return self._sentences.of(video_id, expression_id)


class RenderedPictures:
    """Pictures of a generated set, the embedded one: a video is drawn when something of it is asked for."""

    def __init__(self, manifest: Manifest, draw: Callable[[str], DrawnVideo]) -> None:
        """Says what is drawn; nothing is yet.

        Args:
            manifest: The episodes.
            draw: Returns the video of an id; can be sent to another process.
        """
        self._digests = {(r["video_id"], r["expression_id"]): r["text_sha256"] for r in manifest.rows("expressions")}
        self._draw = draw
        self._videos: dict[str, DrawnVideo] = {}

    def prepare(self, video_ids: Iterable[str]) -> None:
        """Draws videos with all cores, if there are so many that starting processes is worth it."""
        missing = sorted(set(video_ids) - self._videos.keys())
        if len(missing) < _MANY_VIDEOS:
            return
        with worker_pool(os.cpu_count() or 1) as pool:
            drawn = pool.map(self._draw, missing, chunksize=4)
            self._videos.update(zip(missing, drawn, strict=True))

    def jpeg(self, video_id: str, frame: str) -> bytes:
        """Returns a frame as the JPEG file that the set on disk holds."""
        video = self._video(video_id)
        return encode_frame(video.frames[_place(video_id, video, frame)])

    def frame(self, video_id: str, frame: str) -> npt.NDArray[np.uint8]:
        """Returns a frame as uint8 [H, W, 3], RGB, as read from the set on disk."""
        with Image.open(BytesIO(self.jpeg(video_id, frame)), formats=("JPEG",)) as image:
            return np.asarray(image.convert("RGB"))

    def label_map(self, video_id: str, frame: str) -> npt.NDArray[np.integer]:
        """Returns a frame's object indices as uint8 [H, W]."""
        video = self._video(video_id)
        label_map: npt.NDArray[np.integer] = video.label_maps[_place(video_id, video, frame)]
        return label_map

    def sentence(self, video_id: str, expression_id: str) -> str:
        """Returns a sentence."""
        sentences = self._video(video_id).sentences
        text = sentences[int(expression_id)][0] if expression_id in map(str, range(len(sentences))) else None
        if text is None or text_digest(text) != self._digests.get((video_id, expression_id)):
            raise ManifestError(
                f"The generated set has no sentence {expression_id!r} of video {video_id!r} that the manifest means. "
                "Does the manifest belong to this fsbench?"
            )
        return text

    def _video(self, video_id: str) -> DrawnVideo:
        if video_id not in self._videos:
            self._videos[video_id] = self._draw(video_id)
        return self._videos[video_id]


def find_pictures(manifest: Manifest, data_root: Path | None, spec: DatasetSpec | None = None) -> Pictures | None:
    """Finds the pictures of a manifest's dataset.

    Args:
        manifest: The episodes.
        data_root: Where datasets are; None if none may be shown but one whose spec lets everybody see its pixels.
        spec: What is known of the dataset; None for what is registered under its name and version.

    Returns:
        Those of the dataset on disk; else, for a set that is generated, those drawn from its seed; else None.
    """
    known = spec or spec_of_name(manifest.info.dataset, version=manifest.info.version)
    if (data_root is not None or known.shows == "pixels") and find_root(known, data_root):
        return DatasetPictures(Benchmark(open_spec(known, data_root), manifest))
    return RenderedPictures(manifest, known.draw) if known.draw and known.shows == "pixels" else None


def _place(video_id: str, video: DrawnVideo, frame: str) -> int:
    if frame not in video.frame_names:
        raise DataError(f"Video {video_id!r} of the generated set has no frame {frame!r}.")
    return video.frame_names.index(frame)
