"""The metadata files of a dataset in a folder, each one record type.

What a file holds besides is not looked at. All that is looked at has the type that is written here, or is an error that
names the file, the key, and what is allowed there.
"""

import json
from pathlib import Path
from typing import Annotated
from typing import Any
from typing import NotRequired
from typing import TypeVar

from pydantic import BeforeValidator
from pydantic import Field
from pydantic import Strict
from pydantic import TypeAdapter
from pydantic import ValidationError
from pydantic import ValidationInfo
from pydantic import ValidatorFunctionWrapHandler
from pydantic import WrapValidator
from typing_extensions import TypedDict

from fsbench.datasets.records import read_bytes
from fsbench.errors import DataError
from fsbench.records import first_problem

__all__ = [
    "AskedOfVideo",
    "CodedSentencesFile",
    "Masklet",
    "MaskletsHead",
    "ObjectsFile",
    "SampledMasks",
    "SentencesFile",
    "read_asked",
    "read_categories",
    "read_coded_sentences",
    "read_json",
    "read_masklet",
    "read_masklets_head",
    "read_metadata",
    "read_named_classes",
    "read_objects",
    "read_sampled_masks",
    "read_samples",
    "read_sentences",
]

_MAX_OBJECT_ID = 2**16 - 1  # what a label map of 16 bits can hold

_File = TypeVar("_File")


def _all_different(value: object, check: ValidatorFunctionWrapHandler, info: ValidationInfo) -> list[str]:
    """Returns the names of a video's frames if each comes once; of equal lists in a file, the first for all."""
    known: Any = info.context  # Any: lists of this file by what they hold, dict[tuple[str, ...], list[str]]
    key = tuple(value) if isinstance(value, list) else ()
    try:
        names: list[str] | None = known.get(key)
    except TypeError:  # there is something else in it, such as a list
        names = None
    if names is None:
        names = list(check(value))
        if len(set(names)) < len(names):
            twice = next(name for place, name in enumerate(names) if name in names[:place])
            raise ValueError(f"{twice!r} is listed twice, a frame may be listed once")
        known[key] = names
    return names


def _object_id(value: object) -> object:
    """Returns the number that a text such as "1" stands for; anything else as it is."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 9 else value


def _id_text(value: object) -> object:
    """Returns the digits of an id that is a number; anything else as it is."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _listed(value: object) -> object:
    """Returns the list of a single object; a list as it is."""
    return value if isinstance(value, list) else [value]


def _each_once(objects: object) -> object:
    """Returns the objects of a video if no two keys, such as "1" and "01", stand for one id."""
    if isinstance(objects, dict) and len({_object_id(key) for key in objects}) < len(objects):
        raise ValueError(f"of the keys {', '.join(map(repr, objects))} two stand for one object")
    return objects


_Text = Annotated[str, Strict(), Field(min_length=1)]
_Name = Annotated[str, Strict(), Field(min_length=1, max_length=200)]
_Frames = Annotated[list[_Name], Strict(), Field(min_length=1), WrapValidator(_all_different)]
_ObjectId = Annotated[int, Strict(), Field(ge=1, le=_MAX_OBJECT_ID), BeforeValidator(_object_id)]
_AnnotationId = Annotated[int, Strict(), Field(ge=0), BeforeValidator(_object_id)]


_AnyId = Annotated[str, Strict(), Field(min_length=1), BeforeValidator(_id_text)]
_Pixels = Annotated[int, Strict(), Field(ge=1)]


class _Object(TypedDict):
    category: _Name
    frames: NotRequired[_Frames]


class _ObjectsOfVideo(TypedDict):
    objects: Annotated[dict[_ObjectId, _Object], BeforeValidator(_each_once)]


class ObjectsFile(TypedDict):
    """`meta.json`: the annotated objects of each video, by the index that they have in label maps.

    `frames` are those in which an object is annotated; without them, all of the video's, as in copies of Ref-DAVIS17.
    """

    videos: dict[_Name, _ObjectsOfVideo]


_REVOS_KINDS = ("referring", "reasoning")


class _Kind(TypedDict):
    type: NotRequired[Any]  # Any: a text in Long-RVOS, and whatever others mean by it
    type_id: NotRequired[Any]  # of ReVOS


class _Sentence(_Kind):
    exp: _Text
    obj_id: Annotated[list[_ObjectId], BeforeValidator(_listed)]


class _SentencesOfVideo(TypedDict):
    frames: _Frames
    expressions: dict[_Name, _Sentence]


class SentencesFile(TypedDict):
    """`meta_expressions.json`: the frames of each video, and its sentences; `obj_id` is an object or a list."""

    videos: dict[_Name, _SentencesOfVideo]


class _CodedSentence(_Kind):
    exp: _Text
    anno_id: Annotated[list[_AnnotationId], Strict()]


class _CodedSentencesOfVideo(TypedDict):
    frames: _Frames
    expressions: dict[_Name, _CodedSentence]


class CodedSentencesFile(TypedDict):
    """`meta_expressions.json` of MeViS: sentences name annotations, or none, whose masks are in another file."""

    videos: dict[_Name, _CodedSentencesOfVideo]


class _MaskletVideo(TypedDict):
    id: _AnyId
    file_names: Annotated[list[_Text], Strict(), Field(min_length=1)]
    height: NotRequired[_Pixels]
    width: NotRequired[_Pixels]


class _NamedCategory(TypedDict):
    id: _AnyId
    name: _Text


class _Phrase(TypedDict):
    video_id: _AnyId
    category_id: _AnyId
    noun_phrase: _Text


class MaskletsHead(TypedDict):
    """A file of YouTube-VIS' form, or SA-Co's, which lists the phrases that are asked, without the annotations."""

    videos: list[_MaskletVideo]
    categories: list[_NamedCategory]
    video_np_pairs: NotRequired[list[_Phrase]]


class Masklet(TypedDict):
    """An annotation of such a file, without its masks."""

    id: int
    video_id: _AnyId
    category_id: _AnyId


class _SampleImage(TypedDict):
    id: _AnyId
    height: _Pixels
    width: _Pixels


class _SampleMask(TypedDict):
    image_id: _AnyId
    segmentation: dict[str, Any]  # Any: a run-length code


class SampledMasks(TypedDict):
    """Samples of A2D- or JHMDB-Sentences in COCO's form."""

    images: list[_SampleImage]
    annotations: list[_SampleMask]


class _DescribedObject(TypedDict):
    category: _Name
    frames: _Frames
    expressions: Annotated[list[_Text], Strict()]


class _DescribedObjectsOfVideo(TypedDict):
    objects: Annotated[dict[_ObjectId, _DescribedObject], BeforeValidator(_each_once)]


class MergedFile(TypedDict):
    """One file of both, as some repositories share it: the objects of each video with their sentences."""

    videos: dict[_Name, _DescribedObjectsOfVideo]


class _Question(TypedDict):
    exp: _Text


class AskedOfVideo(TypedDict):
    """The frames of a video and its sentences, whatever they name."""

    frames: _Frames
    expressions: dict[_Name, _Question]


class AskedFile(TypedDict):
    """`meta_expressions.json` of a part whose truth is kept back."""

    videos: dict[_Name, AskedOfVideo]


_ASKED = TypeAdapter(AskedFile)
_CATEGORIES = TypeAdapter(dict[_Name, _Name])
_CODED = TypeAdapter(CodedSentencesFile)
_MASKLET = TypeAdapter(Masklet)
_MASKLETS = TypeAdapter(MaskletsHead)
_NAMED_CLASSES = TypeAdapter(dict[_ObjectId, _Name])
_SAMPLED_MASKS = TypeAdapter(SampledMasks)
_SAMPLES = TypeAdapter(list[tuple[_Name, _Text, Any, Any, Any]])
_MERGED = TypeAdapter(MergedFile)
_OBJECTS = TypeAdapter(ObjectsFile)
_SENTENCES = TypeAdapter(SentencesFile)


def read_metadata(objects: Path, sentences: Path | None = None) -> tuple[ObjectsFile, SentencesFile]:
    """Reads the objects and the sentences of a dataset.

    Args:
        objects: `meta.json`, or a merged file.
        sentences: `meta_expressions.json`; None for a merged file. There, a video's frames are those in which an object
            is annotated, and its sentences are numbered from 0, object by object.

    Raises:
        DataError: A file is not of its form.
    """
    if sentences is not None:
        return read_objects(objects), read_sentences(sentences)
    merged = _read(objects, _MERGED)["videos"]
    plain: dict[str, _ObjectsOfVideo] = {
        name: {
            "objects": {
                number: {"category": item["category"], "frames": item["frames"]}
                for number, item in video["objects"].items()
            }
        }
        for name, video in merged.items()
    }
    return {"videos": plain}, {"videos": {name: _said(video["objects"]) for name, video in merged.items()}}


def _said(objects: dict[int, _DescribedObject]) -> _SentencesOfVideo:
    """Returns what a file of sentences would hold of a video."""
    told = [(text, object_id) for object_id in sorted(objects) for text in objects[object_id]["expressions"]]
    return {
        "frames": sorted({frame for item in objects.values() for frame in item["frames"]}),
        "expressions": {str(key): {"exp": text, "obj_id": [number]} for key, (text, number) in enumerate(told)},
    }


def kind_of(sentence: _Kind) -> str:
    """Returns of what kind a sentence is: a text `type` as Long-RVOS has it, or by `type_id` as ReVOS numbers them."""
    kind = sentence.get("type")
    if isinstance(kind, str):
        return kind
    number = sentence.get("type_id")
    return "" if number is None or isinstance(number, bool) or number not in (0, 1) else _REVOS_KINDS[number]


def read_objects(path: Path) -> ObjectsFile:
    """Reads `meta.json`. Raises DataError if it is not of its form."""
    return _read(path, _OBJECTS)


def read_sentences(path: Path) -> SentencesFile:
    """Reads `meta_expressions.json`. Raises DataError if it is not of its form."""
    return _read(path, _SENTENCES)


def read_asked(path: Path) -> AskedFile:
    """Reads `meta_expressions.json` where it does not say what sentences name. Raises DataError likewise."""
    return _read(path, _ASKED)


def read_coded_sentences(path: Path) -> CodedSentencesFile:
    """Reads `meta_expressions.json` whose sentences name annotations. Raises DataError likewise."""
    return _read(path, _CODED)


def read_categories(path: Path) -> dict[str, str]:
    """Reads the category of each annotation. Raises DataError likewise."""
    return _read(path, _CATEGORIES)


def read_named_classes(path: Path) -> dict[int, str]:
    """Reads the name of each class by its number. Raises DataError likewise."""
    return _read(path, _NAMED_CLASSES)


def read_sampled_masks(path: Path) -> SampledMasks:
    """Reads the truth of samples in COCO's form. Raises DataError likewise."""
    return _read(path, _SAMPLED_MASKS)


def read_samples(path: Path) -> list[tuple[str, str]]:
    """Reads `jhmdb_sentences_samples_metadata.json`: of each sample the video, and the path of its picture."""
    return [(video, picture) for video, picture, *_ in _read(path, _SAMPLES)]


def read_json(path: Path) -> Any:  # Any: JSON
    """Reads any file of JSON. Raises DataError if it is none, or a key comes twice in one place."""
    content = read_bytes(path)
    try:
        return json.loads(content, object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError as error:
        raise DataError(f"{path}: is nested deeper than any metadata. {_REMEDY}") from error
    except ValueError as error:  # no JSON, or no UTF-8
        raise DataError(f"{path}: {error}. {_REMEDY}") from error


def read_masklets_head(path: Path, content: object) -> MaskletsHead:
    """Returns what such a file says besides the annotations. Raises DataError if it is not of its form."""
    return _checked(path, content, _MASKLETS)


def read_masklet(path: Path, content: object) -> Masklet:
    """Returns what an annotation says besides its masks. Raises DataError likewise."""
    return _checked(path, content, _MASKLET)


def _read(path: Path, form: TypeAdapter[_File]) -> _File:
    return _checked(path, read_json(path), form)


def _checked(path: Path, content: object, form: TypeAdapter[_File]) -> _File:
    try:
        return form.validate_python(content, context={})
    except ValidationError as error:
        raise DataError(f"{path}: {first_problem(error)}{_found(error)}. {_REMEDY}") from error
    except RecursionError as error:
        raise DataError(f"{path}: is nested deeper than any metadata. {_REMEDY}") from error


_REMEDY = "Fetch the file again, or write it as docs/datasets.md says."


def _found(error: ValidationError) -> str:
    """Returns what is there instead, where it is a plain value."""
    value = error.errors()[0]["input"]
    return f"; it is {value!r}" if isinstance(value, bool | int | float | None) or _is_short(value) else ""


def _is_short(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 60


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:  # Any: JSON
    """Returns an object whose keys come once each: of two, JSON would drop the first without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} comes twice in one place")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")
