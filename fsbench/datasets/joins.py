"""Whether the records of a dataset are of their types, and hold against one another."""

from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Annotated
from typing import Any

from pydantic import Field
from pydantic import Strict
from pydantic import TypeAdapter
from pydantic import ValidationError

from fsbench.datasets.records import Dataset
from fsbench.datasets.records import ObjectTrack
from fsbench.errors import DataError

__all__ = ["check_records"]

_Text = Annotated[str, Strict(), Field(min_length=1)]


_Texts = tuple[_Text, ...]
_Number = Annotated[int, Strict()]
_AnyText = Annotated[str, Strict()]

_FORMS: Mapping[str, TypeAdapter[list[tuple[Any, ...]]]] = {  # as plain tuples, which are checked in half the time
    "videos": TypeAdapter(list[tuple[_Text, _Texts]]),
    "objects": TypeAdapter(list[tuple[_Text, _Number, _Text, _Texts]]),
    "expressions": TypeAdapter(list[tuple[_Text, _Text, tuple[_Number, ...], _AnyText, _Texts | None, _AnyText]]),
}


def check_records(dataset: Dataset) -> None:
    """Joins videos, objects and sentences by their ids.

    Raises:
        DataError: A record is not of its type or comes twice, an object has a frame that its video does not list, or a
            sentence names an object that its video does not have.
    """
    for name, form in _FORMS.items():
        records = list(getattr(dataset, name)())
        try:
            form.validate_python(records if name == "expressions" else _frames_once(records))
        except ValidationError as error:
            number, *place = error.errors()[0]["loc"]
            record = records[int(number)]
            where = ".".join([*(record._fields[int(i)] for i in place[:1]), *map(str, place[1:])])
            what = f"{record!r} among its {name} is not of its type"
            raise DataError(f"{dataset.root}: {what}: {': '.join([where, error.errors()[0]['msg']])}.") from error
    frames_of = {video.video_id: video.frames for video in dataset.videos()}
    object_ids: dict[str, set[int]] = {video_id: set() for video_id in frames_of}
    _refuse_repeats(dataset, "video", [(video.video_id,) for video in dataset.videos()])
    _refuse_repeats(dataset, "object", [(t.video_id, t.object_id) for t in dataset.objects()])
    _refuse_repeats(dataset, "sentence", [(e.video_id, e.expression_id) for e in dataset.expressions()])
    for track in dataset.objects():
        if track.video_id not in frames_of:
            raise DataError(f"{_named(dataset, track)}: there is no such video.")
        listed = frames_of[track.video_id]
        if track.frames is not listed and (extra := sorted(set(track.frames).difference(listed))):
            raise DataError(
                f"{_named(dataset, track)} is annotated in frame {extra[0]!r} ({len(extra)} such), which its video "
                "does not list. Fetch both metadata files from one release."
            )
        object_ids[track.video_id].add(track.object_id)
    nothing: set[int] = set()
    for said in dataset.expressions():
        known = object_ids.get(said.video_id, nothing)
        if not known.issuperset(said.object_ids):
            unknown = sorted(set(said.object_ids) - known)
            allowed = ", ".join(map(str, sorted(known))) or "none"
            raise DataError(
                f"{dataset.root}: sentence {said.expression_id!r} of video {said.video_id!r} names object "
                f"{unknown[0]}, and the video's annotated objects are {allowed}. "
                "Fetch both metadata files from one release."
            )


def _frames_once(records: Sequence[Any]) -> list[Any]:  # Any: what should be records
    """Returns records that end in their frames, without those that are the very list of a record before."""
    seen: set[int] = set()
    found = []
    for record in records:
        if isinstance(record, tuple) and record:
            frames = id(record[-1])
            record = (*record[:-1], ()) if frames in seen else record
            seen.add(frames)
        found.append(record)
    return found


def _named(dataset: Dataset, track: ObjectTrack) -> str:
    return f"{dataset.root}: object {track.object_id} of video {track.video_id!r}"


def _refuse_repeats(dataset: Dataset, what: str, keys: Sequence[tuple[str | int, ...]]) -> None:
    if len(set(keys)) < len(keys):
        twice = next(key for key, count in Counter(keys).items() if count > 1)
        name = "/".join(map(str, twice))
        raise DataError(f"{dataset.root}: {what} {name!r} comes twice.")
