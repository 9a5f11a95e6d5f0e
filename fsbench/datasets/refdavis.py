"""Ref-DAVIS17 in the layout of Ref-YouTube-VOS, made of the DAVIS 2017 release and the annotators' sentences."""

import json
import logging
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple

from fsbench.datasets.davis import davis_category
from fsbench.datasets.davis import VAL_LIST
from fsbench.datasets.davis_text import DavisText
from fsbench.datasets.davis_text import read_davis_text
from fsbench.datasets.metadata import read_json
from fsbench.datasets.prepared import write_prepared
from fsbench.datasets.reading import indices_in
from fsbench.datasets.records import UNKNOWN
from fsbench.datasets.trees import first_there
from fsbench.datasets.trees import show_parts
from fsbench.errors import DataError
from fsbench.files import path_part
from fsbench.lists import read_ids
from fsbench.masks.labels import read_label_map
from fsbench.progress import track

__all__ = ["prepare_davis"]

_PICTURES = ("JPEGImages/480p",)
_LABEL_MAPS = ("Annotations_unsupervised/480p", "Annotations/480p")
_LISTS = ("ImageSets/2017/train.txt", VAL_LIST)
_SEMANTICS = "davis_semantics.json"
_VOID = 255

logger = logging.getLogger(__name__)


class _Video(NamedTuple):
    """A video of the release: its pictures and label maps, in time order, and the frames that show each object."""

    video_id: str
    pictures: list[Path]
    label_maps: list[Path]
    frames_of: dict[int, list[str]]


def prepare_davis(davis: Path, text: Path, out: Path, *, link: bool = False, progress: bool = False) -> None:
    """Writes Ref-DAVIS17 to a folder, whole or not at all; what is there already, and is the same, stays.

    Args:
        davis: The DAVIS 2017 release, or the folder that holds its `DAVIS/`. Label maps are those of
            `Annotations_unsupervised`, as the field takes them, or of `Annotations` where the others are not there.
        text: The sentences; see `read_davis_text`. Categories come from `davis_semantics.json` in either folder, from
            these files, or from what is known of DAVIS 2017.
        out: The folder to make.
        link: Make links to the release's pictures and label maps, instead of copies.
        progress: Show a progress bar.

    Raises:
        DataError: A part of the release is missing or damaged, or `out` holds something else.
    """
    release, pictures, label_maps = _release(davis)
    said = read_davis_text(text)
    lists = {name: read_ids(release / name) for name in _LISTS if (release / name).is_file()}
    names = sorted({video for listed in lists.values() for video in listed})
    videos = [
        _read_video(name, release / pictures, release / label_maps)
        for name in track(names, "read", len(names), unit="video", show=progress)
    ]
    contents = _contents(videos, said, _semantics(davis, release, text))
    contents |= {name: "".join(f"{video}\n" for video in listed) for name, listed in lists.items()}
    write_prepared(out, contents, dict(_files(videos)), link=link, progress=progress)


def _release(davis: Path) -> tuple[Path, str, str]:
    """Returns the release's root, and its folders of pictures and label maps."""
    for root in (davis, davis / "DAVIS"):
        pictures, label_maps = first_there(root, _PICTURES), first_there(root, _LABEL_MAPS)
        if pictures and label_maps and first_there(root, _LISTS):
            return root, pictures, label_maps
    root = davis / "DAVIS" if (davis / "DAVIS").is_dir() else davis
    parts = [("pictures", _PICTURES), ("label maps", _LABEL_MAPS), ("lists of videos", _LISTS)]
    raise DataError(f"{davis}: holds no DAVIS 2017 release at 480p.\n{show_parts(root, parts)}")


def _read_video(video_id: str, pictures: Path, label_maps: Path) -> _Video:
    found = sorted((pictures / path_part(video_id, "video")).glob("*.jpg"))
    if not found:
        raise DataError(f"{pictures / video_id}: holds no pictures of a listed video. Fetch the release again.")
    maps = [label_maps / video_id / f"{picture.stem}.png" for picture in found]
    frames_of: dict[int, list[str]] = {}
    for path in maps:
        for object_id in indices_in(read_label_map(path)) - {0, _VOID}:
            frames_of.setdefault(object_id, []).append(path.stem)
    return _Video(video_id, found, maps, dict(sorted(frames_of.items())))


def _semantics(*folders: Path) -> Mapping[str, Mapping[str, str]]:
    """Returns the categories that a file of the release gives, by video and object; nothing where it is not there."""
    path = next((folder / _SEMANTICS for folder in folders if (folder / _SEMANTICS).is_file()), None)
    if path is None:
        return {}
    content = read_json(path)
    maps = content.values() if isinstance(content, dict) else [None]
    if not all(isinstance(of, dict) and all(isinstance(name, str) and name for name in of.values()) for of in maps):
        raise DataError(f"{path}: expected the category of each object of each video. Fetch it again, or remove it.")
    return content  # type: ignore[no-any-return]


def _contents(
    videos: Sequence[_Video], said: DavisText, semantics: Mapping[str, Mapping[str, str]]
) -> dict[str, bytes | str]:
    """Returns the two metadata files, by path."""
    objects: dict[str, Any] = {}  # Any: JSON
    sentences: dict[str, Any] = {}
    for video in videos:
        name = video.video_id
        categories = {
            number: semantics.get(name, {}).get(str(number))
            or said.categories.get(name, {}).get(number)
            or davis_category(name, number)
            or UNKNOWN
            for number in video.frames_of
        }
        found = {str(n): {"category": category, "frames": video.frames_of[n]} for n, category in categories.items()}
        objects[name] = {"objects": found}
        frames = [path.stem for path in video.pictures]
        told = sorted(said.sentences.get(name, {}).items(), key=lambda item: (len(item[0]), item[0]))
        expressions = {key: {"exp": text, "obj_id": one[0] if len(one) == 1 else one} for key, (text, one) in told}
        sentences[name] = {"frames": frames, "expressions": expressions}
        if name not in said.sentences:
            logger.warning("Video %s has no sentences.", name)
        if unknown := [str(number) for number, category in categories.items() if category == UNKNOWN]:
            logger.warning("Video %s: what object %s is, is not known.", name, ", ".join(unknown))
    if others := sorted(said.sentences.keys() - objects.keys()):
        logger.warning("Sentences about %d videos that the release does not list, e.g. %s.", len(others), others[0])
    return {
        "train/meta.json": json.dumps({"videos": objects}),
        "meta_expressions/train/meta_expressions.json": json.dumps({"videos": sentences}),
    }


def _files(videos: Sequence[_Video]) -> Iterator[tuple[str, Path]]:
    """Yields the path of each picture and label map in the folder that is made, and where it comes from."""
    for video in videos:
        for folder, paths in (("JPEGImages", video.pictures), ("Annotations", video.label_maps)):
            for path in paths:
                yield f"train/{folder}/{video.video_id}/{path.name}", path
