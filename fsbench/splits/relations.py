"""What holds between the rows of a manifest, whatever data it is of: every manifest that is read is held against it."""

import re
from collections import Counter
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from operator import itemgetter
from typing import Any
from typing import NamedTuple

from fsbench.datasets.spec import UNANSWERABLE
from fsbench.errors import ManifestError
from fsbench.files import path_part
from fsbench.splits.binning import CLASS_WORDS
from fsbench.splits.ids import format_episode_id
from fsbench.splits.ids import format_support_id
from fsbench.splits.schema import KEYS
from fsbench.splits.schema import text_digest

__all__ = ["Flaw", "relation_flaws", "row_flaws"]

_Rows = Mapping[str, Sequence[Mapping[str, Any]]]  # Any: column values
_MAX_OBJECT_ID = 2**16 - 1
_TABLE_OF = {"class": "classes", "video": "videos", "frame": "videos", "sentence": "expressions"}
_SHA256 = re.compile("[0-9a-f]{64}")
_CLAIM = itemgetter("video_id", "expression_id", "support_id", "class_id", "draw", "object_ids")


class Flaw(NamedTuple):
    """Something that is wrong with a manifest.

    Attributes:
        where: The file, frame or folder.
        what: What is wrong there.
    """

    where: str
    what: str


def relation_flaws(rows: _Rows, queries: object = None, *, leave_out: object = None) -> list[Flaw]:
    """Holds the rows of a manifest's tables against one another.

    Args:
        rows: By table, every column of every row, none of them null that may not be.
        queries: What the manifest's rule says of the number of videos of a class that are queried; None for all.
        leave_out: What it says of the sentences that are not asked; None for nothing.

    Returns:
        All that does not hold.
    """
    flaws = row_flaws(rows)
    if not flaws:  # else the same thing would be said again in other words
        flaws += [*_folds(rows), *_ids(rows), *_references(rows)]
        flaws += [*_episodes(rows, queries, _left_out(rows, leave_out)), *_attributes(rows)]
    return flaws


def row_flaws(rows: _Rows) -> list[Flaw]:
    """Returns what is wrong with rows of tables, as in `relation_flaws`, each looked at for itself, and with keys."""
    return [*_values(rows), *_keys(rows)]


def _values(rows: _Rows) -> Iterator[Flaw]:
    """Looks at each row for itself, and at the names that become ids and paths."""
    frames = {frame for row in rows["videos"] for frame in row["frames"]}
    named = {"class": [row["name"] for row in rows["classes"]], "video": [row["video_id"] for row in rows["videos"]]}
    named |= {"frame": sorted(frames), "sentence": sorted({row["expression_id"] for row in rows["expressions"]})}
    for what, names in named.items():
        for name in names:
            try:
                path_part(name, what, ManifestError)
            except ManifestError as error:
                yield Flaw(f"{_TABLE_OF[what]}.parquet", str(error))
    for name in _VALUES:
        for row in rows.get(name, ()):
            for what in _VALUES[name](row):
                yield Flaw(f"{name}.parquet", f"{_key(name, row)}: {what}")


def _class_values(row: Mapping[str, Any]) -> Iterator[str]:
    if row["class_id"] < 1 or row["fold"] < 0:
        yield f"class {row['class_id']} of fold {row['fold']}"


def _video_values(row: Mapping[str, Any]) -> Iterator[str]:
    if not row["frames"] or not _distinct_names(row["frames"]):
        yield "its frames are not one or more different names"
    size = row["height"], row["width"]
    if size != (None, None) and (None in size or min(size) < 1):
        yield f"height and width are {size}"


def _object_values(row: Mapping[str, Any]) -> Iterator[str]:
    if not 1 <= row["object_id"] <= _MAX_OBJECT_ID:
        yield f"an object id is between 1 and {_MAX_OBJECT_ID}"
    if not _distinct_names(row["frames"]):
        yield "its frames are not different names"


def _sentence_values(row: Mapping[str, Any]) -> Iterator[str]:
    if len(set(row["object_ids"])) < len(row["object_ids"]):
        yield f"it names objects {row['object_ids']}, not different ones"
    if not _SHA256.fullmatch(row["text_sha256"]):
        yield f"text_sha256 {row['text_sha256']!r} is no SHA-256"


def _support_values(row: Mapping[str, Any]) -> Iterator[str]:
    videos = [shot["video_id"] for shot in row["shots"]]
    if not videos or len(set(videos)) < len(videos):
        yield f"its shots are of videos {videos}, not of one or more different ones"
    if row["draw"] < 0:
        yield f"draw {row['draw']}"
    for shot in row["shots"]:
        if not shot["frames"] or not shot["object_ids"]:
            yield f"its shot of video {shot['video_id']!r} has no frames or no objects"


def _attribute_values(row: Mapping[str, Any]) -> Iterator[str]:
    if row["class_word"] not in CLASS_WORDS:
        yield f"class_word {row['class_word']!r} is none of {', '.join(CLASS_WORDS)}"
    for share in ("size", "occlusion"):
        if row[share] is not None and not 0 <= row[share] <= 1:
            yield f"{share} {row[share]} is no share"


_VALUES: Mapping[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    "classes": _class_values,
    "videos": _video_values,
    "objects": _object_values,
    "expressions": _sentence_values,
    "supports": _support_values,
    "attributes": _attribute_values,
}
"""What is looked at in the rows of a table; episodes are held against the other tables in all that they say."""


def _distinct_names(names: Sequence[str]) -> bool:
    distinct = set(names)
    return len(distinct) == len(names) and "" not in distinct


def _keys(rows: _Rows) -> Iterator[Flaw]:
    for name in rows:
        keys = list(map(itemgetter(*KEYS[name]), rows[name]))
        if len(set(keys)) < len(keys):
            for row, count in zip(rows[name], map(Counter(keys).__getitem__, keys), strict=True):
                if count > 1:
                    yield Flaw(f"{name}.parquet", f"duplicate: {count} rows for {_key(name, row)}")
    for name, count in Counter(row["name"] for row in rows["classes"]).items():
        if count > 1:
            yield Flaw("classes.parquet", f"duplicate: {count} classes are called {name!r}")


def _folds(rows: _Rows) -> Iterator[Flaw]:
    fold_of = {row["class_id"]: row["fold"] for row in rows["classes"]}
    folds = sorted(set(fold_of.values()))
    if folds != [0] and min(folds, default=0) < 1:  # a part of a dataset may have no class of some fold
        yield Flaw("classes.parquet", f"folds are {folds}, expected numbers from 1, or 0 alone")
    used = {row["class_id"] for row in rows["videos"]}
    for class_id in sorted(set(fold_of) - used):
        yield Flaw("classes.parquet", f"class {class_id} has no video")
    for name in ("videos", "supports", "episodes"):
        if set(map(itemgetter("class_id", "fold"), rows[name])) <= fold_of.items():
            continue
        for row in rows[name]:
            if row["class_id"] not in fold_of:
                yield Flaw(f"{name}.parquet", f"{_key(name, row)}: class {row['class_id']} is not in classes")
            elif row["fold"] != fold_of[row["class_id"]]:
                yield Flaw(f"{name}.parquet", f"{_key(name, row)}: fold {row['fold']}, its class has another")


def _ids(rows: _Rows) -> Iterator[Flaw]:
    """Ids are made of what the row says besides, and are read as such."""
    names = {row["class_id"]: row["name"] for row in rows["classes"]}
    for row in rows["supports"]:
        made = format_support_id(row["fold"], names.get(row["class_id"], ""), row["draw"])
        if row["support_id"] != made:
            yield Flaw("supports.parquet", f"{row['support_id']!r} is of fold, class and draw {made!r}")
    for row in rows["episodes"]:
        made = format_episode_id(row["support_id"], row["video_id"], row["expression_id"])
        if row["episode_id"] != made:
            yield Flaw("episodes.parquet", f"{row['episode_id']!r} is of support set, video and sentence {made!r}")


def _references(rows: _Rows) -> Iterator[Flaw]:
    videos = {row["video_id"]: row for row in rows["videos"]}
    frames = {video_id: frozenset(row["frames"]) for video_id, row in videos.items()}
    objects = {(row["video_id"], row["object_id"]): row for row in rows["objects"]}
    sentences = {(row["video_id"], row["expression_id"]): row for row in rows["expressions"]}
    for (video_id, object_id), row in objects.items():
        where = f"object {video_id}/{object_id}"
        if video_id not in videos:
            yield Flaw("objects.parquet", f"{where}: its video is not in videos")
        elif row["class_id"] != videos[video_id]["class_id"]:
            yield Flaw("objects.parquet", f"{where}: class {row['class_id']}, its video has another")
        elif not frames[video_id].issuperset(row["frames"]):
            extra = sorted(set(row["frames"]) - frames[video_id])
            yield Flaw("objects.parquet", f"{where}: frames {extra} are not in its video")
    for (video_id, expression_id), row in sentences.items():
        for object_id in row["object_ids"]:
            if (video_id, object_id) not in objects:
                yield Flaw("expressions.parquet", f"{video_id}/{expression_id}: object {object_id} is not in objects")
        if row["text"] is not None and text_digest(row["text"]) != row["text_sha256"]:
            yield Flaw("expressions.parquet", f"{video_id}/{expression_id}: text does not have its digest")
    for support in rows["supports"]:
        for shot in support["shots"]:
            for what in _shot_problems(support, shot, videos, objects, sentences):
                yield Flaw("supports.parquet", f"{support['support_id']}: {what}")


def _shot_problems(
    support: Mapping[str, Any],
    shot: Mapping[str, Any],
    videos: Mapping[str, Mapping[str, Any]],
    objects: Mapping[tuple[str, int], Mapping[str, Any]],
    sentences: Mapping[tuple[str, str], Mapping[str, Any]],
) -> Iterator[str]:
    video = videos.get(shot["video_id"])
    if video is None:
        yield f"video {shot['video_id']!r} is not in videos"
        return
    if video["class_id"] != support["class_id"]:
        yield f"video {shot['video_id']!r} is of another class"
    if absent := sorted(set(shot["frames"]) - set(video["frames"])):
        yield f"frames {absent} are not in video {shot['video_id']!r}"
    sentence = sentences.get((shot["video_id"], shot["expression_id"]))
    if sentence is None or sentence["object_ids"] != shot["object_ids"]:
        yield f"sentence {shot['video_id']}/{shot['expression_id']} is not in expressions, or names other objects"
    annotated = [set(objects.get((shot["video_id"], i), {"frames": ()})["frames"]) for i in shot["object_ids"]]
    if empty := sorted(set(shot["frames"]) - set().union(*annotated)):
        yield f"its objects are not annotated in frames {empty} of video {shot['video_id']!r}"


def _left_out(rows: _Rows, leave_out: object) -> set[tuple[str, str]]:
    """Returns the sentences that are not asked because nobody can answer them."""
    if not isinstance(leave_out, list) or UNANSWERABLE not in leave_out:
        return set()
    return {(row["video_id"], row["expression_id"]) for row in rows.get("attributes", ()) if row["is_unanswerable"]}


def _attributes(rows: _Rows) -> Iterator[Flaw]:
    """Holds the attributes against what they are of, as far as that is here."""
    if "attributes" not in rows:
        return
    sentences = {(row["video_id"], row["expression_id"]): row for row in rows["expressions"]}
    frames = {row["video_id"]: frozenset(row["frames"]) for row in rows["videos"]}
    objects: dict[str, dict[int, Sequence[str]]] = {video_id: {} for video_id in frames}
    for row in rows["objects"]:
        objects.get(row["video_id"], {})[row["object_id"]] = row["frames"]
    described = {(row["video_id"], row["expression_id"]): row for row in rows["attributes"]}
    if lone := sorted(sentences.keys() ^ described.keys()):
        yield Flaw("attributes.parquet", f"{'/'.join(lone[0])}: is in one of expressions and attributes alone")
        return
    absent: dict[tuple[str, tuple[int, ...]], int] = {}  # of what several sentences name
    for key, row in described.items():
        of_video, named = objects.get(key[0], {}), (key[0], tuple(sentences[key]["object_ids"]))
        if named not in absent:
            seen = (of_video.get(i, ()) for i in named[1])
            absent[named] = len(frames.get(key[0], frozenset[str]()).difference(*seen))
        for column, value in (("class_objects", len(of_video)), ("absent_frames", absent[named])):
            if row[column] != value:
                yield Flaw("attributes.parquet", f"{'/'.join(key)}: {column} is {row[column]}, and follows as {value}")


def _episodes(rows: _Rows, queries: object, left_out: Collection[tuple[str, str]]) -> Iterator[Flaw]:
    """Checks the episodes; with a limit of `queries` videos a class, those count that any of its draws asks about."""
    supports = {row["support_id"]: row for row in rows["supports"]}
    sentences: dict[int, dict[tuple[str, str], list[int]]] = {}
    class_of = {row["video_id"]: row["class_id"] for row in rows["videos"]}
    for row in rows["expressions"]:
        of_class = sentences.setdefault(class_of.get(row["video_id"], -1), {})
        of_class[row["video_id"], row["expression_id"]] = row["object_ids"]
    asked: dict[str, set[tuple[str, str]]] = {support_id: set() for support_id in supports}
    taken = {support_id: {shot["video_id"] for shot in row["shots"]} for support_id, row in supports.items()}
    held = {(support_id, row["class_id"], row["draw"]) for support_id, row in supports.items()}
    for row, (video_id, sentence, *claim, named) in zip(rows["episodes"], map(_CLAIM, rows["episodes"]), strict=True):
        support_id, class_id, _ = claim
        query = video_id, sentence
        is_held = tuple(claim) in held and video_id not in taken[support_id]
        if not is_held or sentences.get(class_id, {}).get(query) != named:
            for what in _episode_problems(row, supports, taken, sentences):
                yield Flaw("episodes.parquet", f"{row['episode_id']}: {what}")
        asked.setdefault(support_id, set()).add(query)
    queried = {(supports[support_id]["class_id"], video) for support_id in supports for video, _ in asked[support_id]}
    for support_id, support in supports.items():
        class_id, shown = support["class_id"], taken[support_id]
        expected = {query for query in sentences.get(class_id, {}) if query[0] not in shown and query not in left_out}
        if queries is not None:
            expected = {query for query in expected if (class_id, query[0]) in queried}
        if missing := len(expected - asked[support_id]):
            yield Flaw("episodes.parquet", f"{support_id}: {missing} of its {len(expected)} queries are missing")


def _episode_problems(
    row: Mapping[str, Any],
    supports: Mapping[str, Mapping[str, Any]],
    taken: Mapping[str, Collection[str]],
    sentences: Mapping[int, Mapping[tuple[str, str], list[int]]],
) -> Iterator[str]:
    support = supports.get(row["support_id"])
    if support is None:
        yield f"support {row['support_id']!r} is not in supports"
        return
    if (support["class_id"], support["draw"]) != (row["class_id"], row["draw"]):
        yield "its support set is of another class or draw"
    if row["video_id"] in taken[row["support_id"]]:
        yield f"video {row['video_id']!r} is in its own support set"
    named = sentences.get(row["class_id"], {}).get((row["video_id"], row["expression_id"]))
    if named is None:
        yield f"sentence {row['video_id']}/{row['expression_id']} is not one of its class"
    elif named != row["object_ids"]:
        yield f"objects {row['object_ids']}, its sentence names {named}"


def _key(name: str, row: Mapping[str, Any]) -> str:
    return "/".join(str(row[key]) for key in KEYS[name])
