"""Whether the records of a dataset are of their types, and hold against one another."""

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Annotated
from typing import NamedTuple

from pydantic import Field
from pydantic import Strict
from pydantic import TypeAdapter
from pydantic import ValidationError

from fsbench.datasets.records import Dataset
from fsbench.errors import DataError

__all__ = ["check_records"]

_Text = Annotated[str, Strict(), Field(min_length=1)]


class _Video(NamedTuple):
    video_id: _Text
    frames: tuple[_Text, ...]


class _Object(NamedTuple):
    video_id: _Text
    object_id: Annotated[int, Strict()]
    category: _Text
    frames: tuple[_Text, ...]


class _Sentence(NamedTuple):
    video_id: _Text
    expression_id: _Text
    object_ids: tuple[Annotated[int, Strict()], ...]
    text: Annotated[str, Strict()]
    frames: tuple[_Text, ...] | None = None
    kind: Annotated[str, Strict()] = ""


_FORMS: Mapping[str, type[NamedTuple]] = {"videos": _Video, "objects": _Object, "expressions": _Sentence}


def check_records(dataset: Dataset) -> None:
    """Joins videos, objects and sentences by their ids.

    Raises:
        DataError: A record is not of its type or comes twice, an object has a frame that its video does not list, or a
            sentence names an object that its video does not have.
    """
    for name, form in _FORMS.items():
        records = list(getattr(dataset, name)())
        try:
            TypeAdapter(list[form]).validate_python(records)  # type: ignore[valid-type]
        except ValidationError as error:
            number, *place = error.errors()[0]["loc"]
            where = ".".join([*(form._fields[int(i)] for i in place[:1]), *map(str, place[1:])])
            what = f"{records[int(number)]!r} among its {name} is not of its type"
            raise DataError(f"{dataset.root}: {what}: {': '.join([where, error.errors()[0]['msg']])}.") from error
    frames_of = {video.video_id: frozenset(video.frames) for video in dataset.videos()}
    object_ids: dict[str, set[int]] = {video_id: set() for video_id in frames_of}
    _refuse_repeats(dataset, "video", (video.video_id for video in dataset.videos()))
    _refuse_repeats(dataset, "object", (f"{t.video_id}/{t.object_id}" for t in dataset.objects()))
    _refuse_repeats(dataset, "sentence", (f"{e.video_id}/{e.expression_id}" for e in dataset.expressions()))
    for track in dataset.objects():
        where = f"{dataset.root}: object {track.object_id} of video {track.video_id!r}"
        if track.video_id not in frames_of:
            raise DataError(f"{where}: there is no such video.")
        if extra := sorted(set(track.frames) - frames_of[track.video_id]):
            raise DataError(
                f"{where} is annotated in frame {extra[0]!r} ({len(extra)} such), which its video does not list. Fetch "
                "both metadata files from one release."
            )
        object_ids[track.video_id].add(track.object_id)
    for said in dataset.expressions():
        known = object_ids.get(said.video_id, set())
        if unknown := sorted(set(said.object_ids) - known):
            allowed = ", ".join(map(str, sorted(known))) or "none"
            raise DataError(
                f"{dataset.root}: sentence {said.expression_id!r} of video {said.video_id!r} names object "
                f"{unknown[0]}, and the video's annotated objects are {allowed}. "
                "Fetch both metadata files from one release."
            )


def _refuse_repeats(dataset: Dataset, what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"{dataset.root}: {what} {name!r} comes twice.")
        seen.add(name)
