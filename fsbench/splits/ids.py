"""Ids of episodes and support sets: written and parsed here alone."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from fsbench.errors import RunError

__all__ = ["EpisodeKey", "episode_columns", "format_episode_id", "format_support_id", "parse_episode_id"]

_EPISODE = r"f(?P<fold>[0-9]{1,6})/(?P<class>.+)/d(?P<draw>[0-9]{1,6})/(?P<video>[^/]+)/(?P<expression>[^/]+)"


@dataclass(frozen=True)
class EpisodeKey:
    """What an episode id says.

    Attributes:
        fold: The fold that tests the class.
        class_name: The class.
        draw: Number of the support draw.
        video_id: The query's video.
        expression_id: The sentence's id within the video.
    """

    fold: int
    class_name: str
    draw: int
    video_id: str
    expression_id: str


def format_support_id(fold: int, class_name: str, draw: int) -> str:
    """Returns the id of a support set, such as `f2/mouse/d0`."""
    return f"f{fold}/{class_name}/d{draw}"


def format_episode_id(support_id: str, video_id: str, expression_id: str) -> str:
    """Returns the id of the query of a sentence with a support set: `<support>/<video>/<expression>`."""
    return f"{support_id}/{video_id}/{expression_id}"


def parse_episode_id(episode_id: str) -> EpisodeKey:
    """Returns what an id such as `f2/mouse/d0/<video>/<expression>` says. Raises RunError if it is none."""
    found = re.fullmatch(_EPISODE, episode_id)
    if found is None:
        raise RunError(f"{episode_id!r} is no episode id like 'f2/mouse/d0/<video>/<expression>'.")
    fold, class_name, draw, video_id, expression_id = found.groups()
    return EpisodeKey(int(fold), class_name, int(draw), video_id, expression_id)


def episode_columns(episode_ids: Iterable[str] | pa.ChunkedArray) -> pa.Table:
    """Returns what many ids say, in columns: no object is made of each.

    Args:
        episode_ids: N ids, of which some may come several times.

    Returns:
        Columns fold and draw (int64), class, video and expression (text), N rows in the same order.

    Raises:
        RunError: One is no id of an episode: the first is named.
    """
    if not isinstance(episode_ids, pa.ChunkedArray):
        episode_ids = pa.chunked_array([pa.array(list(episode_ids), pa.string())])
    ids = episode_ids.combine_chunks().dictionary_encode()
    import pyarrow.compute as pc  # takes memory that scoring masks against a manifest does without

    found = pc.extract_regex(ids.dictionary, rf"\A{_EPISODE}\z")
    if found.null_count:
        parse_episode_id(ids.dictionary[pc.index(found.is_null(), True).as_py()].as_py())
    columns = {field.name: found.field(field.name) for field in found.type}
    columns |= {name: columns[name].cast(pa.int64()) for name in ("fold", "draw")}
    return pa.table(columns).take(ids.indices)
