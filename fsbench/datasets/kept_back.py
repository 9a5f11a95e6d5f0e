"""Parts of Ref-YouTube-VOS and MeViS whose truth is kept back: a list of videos, frames and sentences, and pictures."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import get_args
from typing import Literal
from typing import NamedTuple
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fsbench.datasets.folder import FolderDataset
from fsbench.datasets.records import by_number
from fsbench.datasets.records import Expression
from fsbench.datasets.records import Records
from fsbench.datasets.records import Video
from fsbench.datasets.spec import DatasetSpec
from fsbench.datasets.spec import Layout
from fsbench.datasets.trees import show_parts
from fsbench.errors import DataError
from fsbench.files import path_part

if TYPE_CHECKING:
    from fsbench.datasets.metadata import AskedOfVideo

__all__ = [
    "PARTS",
    "KeptBackDataset",
    "Part",
    "ServerPart",
    "no_server_lists",
    "open_kept_back",
    "server_part",
    "server_root",
]

Part = Literal["valid", "test", "all"]
PARTS: tuple[Part, ...] = get_args(Part)

_NAME = "ref-youtube-vos"
_FOLDERS = (_NAME, "Ref-YouTube-VOS")
_LIST = "meta_expressions/{}/meta_expressions.json"
_OWN_LIST = "meta_expressions.json"  # of a part of MeViS, in its own folder
_PICTURES = ("valid/JPEGImages", "test/JPEGImages")
_SUFFIXES = (".jpg", ".png")


class ServerPart(NamedTuple):
    """A part of what the server of Ref-YouTube-VOS asks.

    Attributes:
        asked: What is asked about each of its videos.
        known: The videos of all parts.
        title: What the part is called.
        lists: The files that say so, below the root.
    """

    asked: Mapping[str, "AskedOfVideo"]
    known: set[str]
    title: str
    lists: tuple[str, ...]


class KeptBackDataset(FolderDataset):
    """The videos and sentences of a list, without any object."""

    def __init__(self, spec: DatasetSpec, root: Path, asked: Mapping[str, "AskedOfVideo"], lists: tuple[str, ...]):
        """Says where it lies; no picture is read yet.

        Args:
            spec: What is known of it; has a layout.
            root: Its own folder.
            asked: What is asked about each video.
            lists: The files that say so, below the root.
        """
        super().__init__(spec, root)
        self._asked = asked
        self._lists = lists

    def label_map(self, video_id: str, name: str) -> npt.NDArray[np.integer]:
        """Raises DataError: the truth is kept back."""
        raise DataError(f"{self.root}: video {video_id!r}, frame {name!r}: the truth of {self.name} is kept back.")

    def frame_size(self, video_id: str) -> None:
        """Returns None: there are no label maps."""

    @property
    def _files(self) -> tuple[str, ...]:
        return self._lists

    @cached_property
    def _records(self) -> Records:
        videos = [Video(video_id, tuple(item["frames"])) for video_id, item in sorted(self._asked.items())]
        sentences = [
            Expression(video.video_id, key, (), said["exp"])
            for video in videos
            for key, said in sorted(self._asked[video.video_id]["expressions"].items(), key=lambda x: by_number(x[0]))
        ]
        return videos, [], sentences

    def _paths(self, video_id: str, name: str) -> list[Path]:
        return [self._frame_path(video_id, name)]

    def _video_folder(self, folder: Path, video_id: str) -> Path:
        folders = [self.root / place / path_part(video_id, "video") for place in self._layout.images]
        return next((each for each in folders if each.is_dir()), folder / path_part(video_id, "video"))


def open_kept_back(root: Path, part: Part | None = None) -> KeptBackDataset | None:
    """Opens a part whose truth is kept back; returns None where a folder holds none.

    Args:
        root: Ref-YouTube-VOS or a folder that holds it, MeViS, or the folder of a part of MeViS.
        part: Which, where there are several; see `server_part`. Of MeViS, the folder of this name.

    Raises:
        DataError: A list is damaged, or of the part that is wanted there is none.
    """
    from fsbench.datasets.metadata import read_asked  # pydantic, which naming a dataset does without

    place = server_root(root)
    if place is not None:
        found = server_part(place, part)
        spec = _spec(f"{_NAME}-{found.title.replace(' ', '-')}", found.lists, _PICTURES)
        return KeptBackDataset(spec, place, found.asked, found.lists)
    level = "" if part is None else f"{part}/"
    if not (root / level / _OWN_LIST).is_file():
        return None
    name = root.resolve().name if part is None else f"{root.resolve().name}-{part}"
    lists = (f"{level}{_OWN_LIST}",)
    spec = _spec(name, lists, (f"{level}JPEGImages",))
    return KeptBackDataset(spec, root, read_asked(root / lists[0])["videos"], lists)


def server_root(data_root: Path) -> Path | None:
    """Returns the folder of Ref-YouTube-VOS with the lists of its server, here or below; None if there is none."""
    roots = [data_root, *(data_root / folder for folder in _FOLDERS)]
    return next((root for root in roots if (root / _LIST.format("valid")).is_file()), None)


def no_server_lists(data_root: Path) -> DataError:
    """Returns the error that says where these lists were looked for."""
    shown = next((root for root in (data_root / folder for folder in _FOLDERS) if root.is_dir()), data_root)
    lists = [(f"list of {part}", [_LIST.format(part)]) for part in ("valid", "test")]
    return DataError(f"{data_root}: holds no lists of Ref-YouTube-VOS.\n{show_parts(shown, lists)}")


def server_part(root: Path, part: Part | None) -> ServerPart:
    """Reads what the server asks.

    Args:
        root: Ref-YouTube-VOS. `meta_expressions/valid/meta_expressions.json` lists the videos of valid and of test, and
            `meta_expressions/test/meta_expressions.json`, where it is there, those of test: valid is the rest.
        part: What is wanted; None for valid where the list of test is there, and all where it is not.

    Raises:
        DataError: A list is missing or damaged.
    """
    from fsbench.datasets.metadata import read_asked

    lists = tuple(_LIST.format(each) for each in ("valid", "test"))
    both = read_asked(root / lists[0])["videos"]
    if (root / lists[1]).is_file():
        test = read_asked(root / lists[1])["videos"]
        parts = {
            "valid": {video: item for video, item in both.items() if video not in test},
            "test": test,
            "all": {**both, **test},
        }
        return ServerPart(parts[part or "valid"], set(parts["all"]), part or "valid", lists)
    if part in (None, "all"):
        return ServerPart(both, set(both), "valid and test", lists[:1])
    raise DataError(
        f"{root / lists[1]}: is not there. The list of valid holds the videos of test, too, and this one tells them "
        "apart. Fetch it, or ask for all."
    )


def _spec(name: str, lists: tuple[str, ...], images: tuple[str, ...]) -> DatasetSpec:
    return DatasetSpec(name, layout=Layout((), lists, images, _SUFFIXES, ()))
