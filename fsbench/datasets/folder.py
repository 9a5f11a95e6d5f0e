"""Datasets as folders: metadata in JSON, frames as pictures, masks as palette PNG, or as run lengths in JSON."""

import hashlib
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fsbench.datasets.coded import CodedMasks
from fsbench.datasets.coded import read_coded
from fsbench.datasets.completing import complete
from fsbench.datasets.records import by_number
from fsbench.datasets.records import Dataset
from fsbench.datasets.records import Expression
from fsbench.datasets.records import ObjectTrack
from fsbench.datasets.records import OfRecords
from fsbench.datasets.records import read_bytes
from fsbench.datasets.records import Records
from fsbench.datasets.records import Video
from fsbench.datasets.spec import DatasetSpec
from fsbench.datasets.spec import Layout
from fsbench.datasets.trees import find_tree
from fsbench.datasets.trees import show_tree
from fsbench.datasets.trees import Tree
from fsbench.errors import DataError
from fsbench.errors import FsbenchError
from fsbench.files import open_regular
from fsbench.files import path_part
from fsbench.masks.labels import MAX_PIXELS
from fsbench.masks.labels import read_label_map
from fsbench.masks.labels import read_label_map_size

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["CodedDataset", "FolderDataset", "open_folder", "read_picture"]

_FORMATS = ("JPEG", "PNG", "BMP")  # Pillow knows more, some of which run another program


class FolderDataset(OfRecords):
    """A `Dataset` in a folder that follows a `Layout`."""

    def __init__(self, spec: DatasetSpec, root: Path) -> None:
        """Says where it lies; nothing is read yet.

        Args:
            spec: What is known of it; has a layout.
            root: Its own folder.
        """
        if not isinstance(spec.layout, Layout):
            raise TypeError(f"{spec.name!r} has no layout, so it is no dataset in a folder.")
        self.name = spec.name
        self.spec = spec
        self.root = root
        self._layout = spec.layout

    def __getstate__(self) -> dict[str, Any]:  # Any: the fields
        # Another process reads frames; what metadata says it is told in units of work.
        kept = {key: value for key, value in vars(self).items() if key not in ("_records", "_tree")}
        return {**kept, "root": self.root.absolute()}  # it may be at work in another folder

    def frame(self, video_id: str, name: str) -> npt.NDArray[np.uint8]:
        """Returns a frame as uint8 [H, W, 3], RGB."""
        path = self._frame_path(video_id, name)
        self._require(self._tree.images, path)
        return read_picture(path)

    def label_map(self, video_id: str, name: str) -> npt.NDArray[np.integer]:
        """Returns a frame's object indices as integer [H, W]."""
        path = self._mask_path(video_id, name)
        self._require(self._tree.annotations, path)
        return read_label_map(path)

    @property
    def label_maps_folder(self) -> Path:
        """The folder of `<video>/<frame>.png`."""
        return self._folder(self._tree.annotations, self._layout.annotations)

    def has_frames(self) -> bool:
        """Tells whether the first frame of any video has a file."""
        firsts = ((video.video_id, video.frames[0]) for video in self.videos())
        return any(path.is_file() for first in firsts for path in self._paths(*first))

    def missing_files(self, video_id: str, name: str) -> list[Path]:
        """Returns the files of a frame (picture, label map) that are not on disk."""
        return [path for path in self._paths(video_id, name) if not path.is_file()]

    def frame_size(self, video_id: str) -> tuple[int, int] | None:
        """Returns (height, width) of a video's first label map, or None if it has none on disk."""
        name = path_part(video_id, "video")
        if self._tree.annotations is None:
            return None
        folder = self.label_maps_folder / name
        try:
            path = min((path for path in folder.iterdir() if path.name.endswith((".png", ".PNG"))), default=None)
        except OSError:  # it is not there, or not for us
            return None
        return None if path is None else read_label_map_size(path)

    def fingerprint(self, video_id: str, names: Sequence[str]) -> str:
        """Returns the SHA-256 of the files of some frames: of pictures and label maps, undecoded."""
        return _digest(path for name in names for path in self._paths(video_id, name))

    def pictures_fingerprint(self, video_id: str, names: Sequence[str]) -> str:
        """Returns the SHA-256 of the files of some frames' pictures alone."""
        return _digest(self._frame_path(video_id, name) for name in names)

    def sources(self) -> Mapping[str, str]:
        """Returns the SHA-256 of each metadata file, by its path below the root."""
        return {name: hashlib.sha256(read_bytes(self.root / name)).hexdigest() for name in self._files}

    @cached_property
    def _tree(self) -> Tree:
        return find_tree(self._layout, self.root)

    @property
    def _files(self) -> tuple[str, ...]:
        """The two files of objects and of sentences, or the one that has both."""
        objects, sentences = self._tree.metadata, self._tree.expressions
        if objects is None or sentences is None:
            raise self._incomplete()
        return (objects,) if objects == sentences else (objects, sentences)

    def _incomplete(self) -> DataError:
        return DataError(f"{self.root}: its metadata is not complete.\n{show_tree(self._layout, self.root)}")

    @cached_property
    def _records(self) -> Records:
        from fsbench.datasets.metadata import kind_of
        from fsbench.datasets.metadata import read_metadata  # pydantic, which naming a dataset does without

        paths = [self.root / name for name in self._files]
        objects_of, texts_of = read_metadata(*paths)
        records: Records = ([], [], [])
        videos, objects, sentences = records
        lists: dict[tuple[str, ...], tuple[str, ...]] = {}  # of frames, as most objects have those of their video
        for video_id, text in sorted(texts_of["videos"].items()):
            if video_id not in objects_of["videos"]:
                raise DataError(f"{paths[-1]}: video {video_id!r} is not in {paths[0]}. Fetch both from one release.")
            listed = tuple(text["frames"])
            videos.append(Video(video_id, lists.setdefault(listed, listed)))
            for object_id, item in sorted(objects_of["videos"][video_id]["objects"].items()):
                frames = tuple(item.get("frames", listed))
                objects.append(ObjectTrack(video_id, object_id, item["category"], lists.setdefault(frames, frames)))
            for key in sorted(text["expressions"], key=by_number):
                said = text["expressions"][key]
                ids = tuple(said["obj_id"] if len(said["obj_id"]) == 1 else sorted(set(said["obj_id"])))
                sentences.append(Expression(video_id, key, ids, said["exp"], None, kind_of(said)))
        return records

    def _require(self, folder: str | None, path: Path) -> None:
        if folder is None:
            raise DataError(f"{path}: missing, and so is its folder.\n{show_tree(self._layout, self.root)}")

    def _folder(self, found: str | None, expected: Sequence[str]) -> Path:
        """Returns a folder of the tree; where none is there, the one that is looked for first."""
        return self.root / (found or expected[0])

    def _paths(self, video_id: str, name: str) -> list[Path]:
        """Returns where the files of a frame are, or would be."""
        return [self._frame_path(video_id, name), self._mask_path(video_id, name)]

    def _frame_path(self, video_id: str, name: str) -> Path:
        folder = self._folder(self._tree.images, self._layout.images)
        return _existing(self._video_folder(folder, video_id), path_part(name, "frame"), self._layout.suffixes)

    def _video_folder(self, folder: Path, video_id: str) -> Path:
        return folder / path_part(video_id, "video")

    def _mask_path(self, video_id: str, name: str) -> Path:
        folder = self.label_maps_folder / path_part(video_id, "video")
        return _existing(folder, path_part(name, "frame"), [".png"])


class CodedDataset(FolderDataset):
    """Such a one whose sentences name annotations, and whose masks are run lengths in one file."""

    _codes: CodedMasks | None = None

    def label_map(self, video_id: str, name: str) -> npt.NDArray[np.integer]:
        """Returns a frame's object indices as integer [H, W], or [L, H, W] in layers where objects overlap."""
        size = self._masks.size(video_id) or self.frame(video_id, name).shape[:2]
        return self._masks.label_map(video_id, name, size)

    def frame_size(self, video_id: str) -> tuple[int, int] | None:
        """Returns (height, width) of a video's masks, or None if it has none."""
        return self._masks.size(video_id)

    def fingerprint(self, video_id: str, names: Sequence[str]) -> str:
        """Returns the SHA-256 of the pictures' files, and of the run lengths."""
        codes = b"".join(self._masks.digest(video_id, name) for name in names)
        return hashlib.sha256(super().fingerprint(video_id, names).encode("ascii") + codes).hexdigest()

    @property
    def video_paths(self) -> dict[str, str]:
        """What the release calls each video that it calls otherwise than by its id, with "/"."""
        return self._masks.paths

    @property
    def _masks(self) -> CodedMasks:
        if self._codes is None:
            self._records  # noqa: B018 - reading them finds the masks
        assert self._codes is not None, "they come with the records"
        return self._codes

    @property
    def _files(self) -> tuple[str, ...]:
        """The file of sentences and that of run lengths, and that of categories if there is one."""
        if not self._tree.has_records:
            raise self._incomplete()
        return tuple(filter(None, (self._tree.expressions, self._tree.masks, self._tree.metadata)))

    @cached_property
    def _records(self) -> Records:
        sentences, masks, *categories = (self.root / name for name in self._files)
        records, self._codes = read_coded(sentences, masks, categories[0] if categories else None)
        return records

    def _paths(self, video_id: str, name: str) -> list[Path]:
        return [self._frame_path(video_id, name)]

    def _video_folder(self, folder: Path, video_id: str) -> Path:
        return folder.joinpath(*(path_part(part, "video") for part in self._masks.path(video_id).split("/")))


def open_folder(spec: DatasetSpec, root: Path) -> Dataset:
    """Opens a dataset that follows a `Layout`, with its masks in whichever form they are there."""
    tree = find_tree(spec.layout, root) if isinstance(spec.layout, Layout) else None
    if tree is None or not (tree.masks or tree.masklets):
        return FolderDataset(spec, root)
    if tree.masklets is None:
        return CodedDataset(spec, root)
    from fsbench.datasets.masklets import MaskletDataset  # which reads pictures as here

    pictures = None if tree.images is None else root / tree.images
    return complete(MaskletDataset(root / tree.masklets, spec.name, pictures), spec, root)


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(read_bytes(path)).digest())
    return digest.hexdigest()


def _existing(folder: Path, name: str, suffixes: Sequence[str]) -> Path:
    """Returns the path of a file by its name and how it may end; that of the first ending if there is none."""
    paths = (folder / f"{name}{ending}" for ending in _endings(suffixes))
    return next((path for path in paths if path.is_file()), folder / f"{name}{suffixes[0]}")


def _endings(suffixes: Sequence[str]) -> Iterator[str]:
    """Yields endings, and then their other spellings: '.jpeg' for '.jpg', and capitals."""
    yield from suffixes
    spelt = [*suffixes, *([".jpeg"] if ".jpg" in suffixes else [])]
    yield from (ending for ending in (*spelt[len(suffixes) :], *map(str.upper, spelt)) if ending not in suffixes)


def read_picture(path: Path) -> npt.NDArray[np.uint8]:
    """Returns a picture as uint8 [H, W, 3], RGB. Raises DataError if it cannot be read."""
    with _open_image(path) as image:
        return np.asarray(image.convert("RGB"))


@contextmanager
def _open_image(path: Path) -> Iterator["Image"]:
    from PIL import Image  # here alone, since label maps do without
    from PIL import UnidentifiedImageError

    try:
        with open_regular(path) as stream, Image.open(stream, formats=_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise DataError(
                    f"{path}: {image.width} x {image.height} pixels are declared, more than the {MAX_PIXELS} that a "
                    "frame may have. Write it in the size of the video."
                )
            yield image
    except FileNotFoundError as error:
        raise DataError(f"{path}: missing. Fetch the dataset's frames, or check --data-root.") from error
    except UnidentifiedImageError as error:
        raise DataError(
            f"{path}: cannot be decoded as {', '.join(_FORMATS)}. Fetch it again, or convert it."
        ) from error
    except FsbenchError:
        raise
    except Exception as error:  # Pillow lets through whatever its decoders meet in a damaged file
        if isinstance(error, OSError) and error.strerror:
            raise DataError(f"{path}: cannot be read ({error.strerror}). Check who may, and --data-root.") from error
        raise DataError(f"{path}: cannot be decoded ({error}). The file is damaged; fetch it again.") from error
