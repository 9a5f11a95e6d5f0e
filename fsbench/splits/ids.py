"""Ids of episodes and support sets: written and parsed here alone."""

import re
from dataclasses import dataclass
from functools import lru_cache

from fsbench.errors import RunError

__all__ = ["EpisodeKey", "format_episode_id", "format_support_id", "parse_episode_id"]

_EPISODE = re.compile(r"f([0-9]{1,6})/(.+)/d([0-9]{1,6})/([^/]+)/([^/]+)")


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


@lru_cache(maxsize=1 << 16)  # entries of one dataset have the same ids
def parse_episode_id(episode_id: str) -> EpisodeKey:
    """Returns what an id such as `f2/mouse/d0/<video>/<expression>` says. Raises RunError if it is none."""
    found = _EPISODE.fullmatch(episode_id)
    if found is None:
        raise RunError(f"{episode_id!r} is no episode id like 'f2/mouse/d0/<video>/<expression>'.")
    fold, class_name, draw, video_id, expression_id = found.groups()
    return EpisodeKey(int(fold), class_name, int(draw), video_id, expression_id)
