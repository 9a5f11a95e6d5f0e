"""The sentences of Ref-DAVIS17: four text files, one an annotator, or the JSON that later repositories made of them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from fsbench.datasets.davis import ANNOTATORS
from fsbench.datasets.metadata import read_metadata
from fsbench.datasets.metadata import read_sentences
from fsbench.datasets.records import read_bytes
from fsbench.errors import DataError

__all__ = ["DavisText", "read_davis_text"]

_MISSPELT = {"clasic-car": "classic-car", "dog-scale": "dogs-scale", "motor-bike": "motorbike"}
_LINE = re.compile(r"(?P<video>\S+)\s+(?P<object>[0-9]{1,4})\s+(?P<text>\S.*)")
_QUOTES = "\"'\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"


class DavisText(NamedTuple):
    """What is said of the videos.

    Attributes:
        sentences: By video and expression id, the text and the objects that it names.
        categories: By video and object id, where the files say it.
    """

    sentences: Mapping[str, Mapping[str, tuple[str, list[int]]]]
    categories: Mapping[str, Mapping[int, str]]


def read_davis_text(folder: Path) -> DavisText:
    """Reads the sentences from wherever they lie below a folder; the text files, where both are there.

    Raises:
        DataError: There are none, not all, or a file is not of its form.
    """
    found = {name: min(folder.rglob(f"{name}.txt"), default=None) for name in ANNOTATORS}
    texts = [path for path in found.values() if path is not None]
    if len(texts) == len(ANNOTATORS):
        return DavisText(_numbered([_read_annotator(path) for path in texts]), {})
    if texts:
        missing = ", ".join(f"{name}.txt" for name, path in found.items() if path is None)
        raise DataError(f"{folder}: holds {texts[0].name}, and not {missing}. Fetch the sentences of all annotators.")
    return _read_json(folder)


def _read_annotator(path: Path) -> dict[str, list[tuple[int, str]]]:
    """Returns the objects and sentences of each video, by object; lines are `video object "sentence"`."""
    content = read_bytes(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")  # as annotator 2 wrote
    said: dict[str, list[tuple[int, str]]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(" ".join(line.split()))
        sentence = _unquoted(match["text"]) if match else ""
        if match is None or not sentence.strip():
            raise DataError(f'{path}, line {number}: expected the video, the object and "the sentence"; got {line!r}.')
        said.setdefault(_MISSPELT.get(match["video"], match["video"]), []).append((int(match["object"]), sentence))
    return {video: sorted(items, key=lambda item: item[0]) for video, items in said.items()}


def _unquoted(text: str) -> str:
    """Returns a text without the quotation marks around it, and with those within."""
    if text[0] not in _QUOTES:
        return text
    return text[1:-1] if text[-1] in _QUOTES and len(text) > 1 else text[1:]


def _numbered(annotators: list[dict[str, list[tuple[int, str]]]]) -> dict[str, dict[str, tuple[str, list[int]]]]:
    """Returns the sentences of all annotators under the ids that the field gives them."""
    sentences: dict[str, dict[str, tuple[str, list[int]]]] = {}
    for annotator, said in enumerate(annotators):
        for video, items in said.items():
            for place, (object_id, text) in enumerate(items):
                key = str(len(annotators) * place + annotator)
                sentences.setdefault(video, {})[key] = text, [object_id]
    return sentences


def _read_json(folder: Path) -> DavisText:
    paths = sorted(folder.rglob("meta_expressions.json")) or sorted(folder.rglob("new_*.json"))
    if not paths:
        raise DataError(
            f"{folder}: holds no sentences of Ref-DAVIS17. Expected {', '.join(f'{name}.txt' for name in ANNOTATORS)}, "
            "or meta_expressions.json, or the merged new_train.json and new_valid.json, anywhere below it."
        )
    sentences: dict[str, dict[str, tuple[str, list[int]]]] = {}
    categories: dict[str, dict[int, str]] = {}
    for path in paths:
        if path.name == "meta_expressions.json":
            said = read_sentences(path)
        else:
            objects, said = read_metadata(path)
            for video, known in objects["videos"].items():
                categories[video] = {number: item["category"] for number, item in known["objects"].items()}
        for video, item in said["videos"].items():
            if video in sentences:
                raise DataError(f"{path}: video {video!r} is in another file below {folder}, too. Leave one of them.")
            sentences[video] = {key: (one["exp"], one["obj_id"]) for key, one in item["expressions"].items()}
    return DavisText(sentences, categories)
