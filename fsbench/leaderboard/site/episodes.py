"""The pages of the gallery: its list, and an episode."""

from collections.abc import Callable
from collections.abc import Container
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from fsbench.leaderboard.site.addresses import episode_page
from fsbench.leaderboard.site.addresses import picture_file
from fsbench.leaderboard.site.boards import Board
from fsbench.leaderboard.site.environment import Assets
from fsbench.leaderboard.site.environment import InlineAssets
from fsbench.leaderboard.site.environment import LinkedAssets
from fsbench.leaderboard.site.environment import percent
from fsbench.leaderboard.site.environment import render_page
from fsbench.leaderboard.site.values import rounded
from fsbench.masks.rle import Rle
from fsbench.masks.rle import run_lengths
from fsbench.metrics import mean
from fsbench.viewing.views import EpisodeView
from fsbench.viewing.views import FramesView

__all__ = ["code", "episode_page_text", "gallery_page_text", "middle_frame", "standalone_page"]

_Json = Mapping[str, Any]  # Any: what templates and json.dumps take
_ROOT = "../../"


def gallery_page_text(board: Board) -> str:
    """Returns the list of a board's episodes, by class."""
    thumbs: list[_Json] = []
    classes: dict[str, list[_Json]] = {}
    for view in board.gallery:
        shown = None
        if view.query.masks is not None:
            shown = len(thumbs)
            thumbs.append(_thumb(board, view))
        card = {
            "href": episode_page(board, view.episode_id).rpartition("/")[2],
            "number": shown,
            "sentence": view.query.sentence,
            "episode_id": view.episode_id,
            "best": _best(view, {board.methods[i] for i in board.real}),
        }
        classes.setdefault(view.key.class_name, []).append(card)
    return render_page(
        "episodes",
        LinkedAssets(_ROOT),
        _ROOT,
        {"thumbs": thumbs},
        board={"title": board.table.title},
        classes=list(classes.items()),
        has_pictures=bool(thumbs),
    )


def episode_page_text(board: Board, number: int) -> str:
    """Returns the page of the gallery's episode of this number."""
    view = board.gallery[number]
    around = [
        episode_page(board, board.gallery[i].episode_id).rpartition("/")[2] if 0 <= i < len(board.gallery) else None
        for i in (number - 1, number + 1)
    ]

    def source(video_id: str, frame: str) -> str:
        return _ROOT + picture_file(board, video_id, frame)

    colours = dict(zip(board.methods, board.colours, strict=True))
    numbers = [colours[answer.title] for answer in view.answers]
    return _page(view, numbers, board.table.dataset, LinkedAssets(_ROOT), _ROOT, around, source)


def standalone_page(view: EpisodeView, dataset: str, source: Callable[[str, str], str]) -> str:
    """Returns an episode as a page that needs no other file.

    Args:
        view: The episode.
        dataset: The dataset's name.
        source: Gives the address of a video's frame, such as "data:image/jpeg;base64,...".
    """
    return _page(view, range(len(view.answers)), dataset, InlineAssets(), None, None, source)


def middle_frame(view: FramesView) -> int:
    """Returns the frame that stands for a video: of those that show the object, the middle one."""
    assert view.masks is not None, "only frames with masks can be shown"
    seen = [t for t, mask in enumerate(view.masks) if run_lengths(mask.counts)[1::2].any()] or [0]
    return seen[len(seen) // 2]


def code(mask: Rle) -> _Json:
    """Returns a mask for the page's scripts."""
    return {"size": [mask.height, mask.width], "counts": mask.counts.decode("ascii")}


def _page(
    view: EpisodeView,
    colours: Sequence[int],
    dataset: str,
    assets: Assets,
    root: str | None,
    neighbours: list[str | None] | None,
    source: Callable[[str, str], str],
) -> str:
    data = {
        "query": _frames(view.query, source),
        "support": [_frames(shot, source) for shot in view.support],
        "answers": [
            {
                "title": answer.title,
                "colour": colour,
                "scores": {name: rounded(values, answer.about[name]) for name, values in answer.scores.items()},
                "size": [answer.masks[0].height, answer.masks[0].width] if answer.masks else None,
                "masks": [mask.counts.decode("ascii") for mask in answer.masks] if answer.masks else None,
            }
            for answer, colour in zip(view.answers, colours, strict=True)
        ],
    }
    return render_page(
        "episode",
        assets,
        root,
        data,
        view=view,
        colours=colours,
        dataset=dataset,
        neighbours=neighbours,
        support_index=view.support.index,
        has_masks=view.query.has_pixels and any(answer.masks for answer in view.answers),
        unmasked=[answer.title for answer in view.answers if not (view.query.has_pixels and answer.masks)],
        metrics=_choices(view),
        rows=_rows(view),
    )


def _choices(view: EpisodeView) -> list[str]:
    """Returns the headlines and metrics of the answers, each once, a headline first."""
    names = ([list(answer.about)[-1], *answer.scores] for answer in view.answers)
    return list(dict.fromkeys(name for of_answer in names for name in of_answer))


def _rows(view: EpisodeView) -> list[tuple[str, str, list[float | None], float | None]]:
    """Returns the table of scores: method, metric, its values by frame, their mean."""
    return [
        (answer.title, name, rounded(values, answer.about[name]), rounded([mean(values)], answer.about[name])[0])
        for answer in view.answers
        for name, values in answer.scores.items()
    ]


def _frames(view: FramesView, source: Callable[[str, str], str]) -> _Json:
    known: dict[str, Any] = {"names": view.names, "size": view.size, "sources": None, "masks": None}
    if view.masks is not None:
        known["sources"] = [source(view.video_id, name) for name in view.names]
        known["masks"] = [mask.counts.decode("ascii") for mask in view.masks]
    return known


def _thumb(board: Board, view: EpisodeView) -> _Json:
    query = view.query
    assert query.masks is not None, "only a view with masks has a thumb"
    t = middle_frame(query)
    return {
        "size": query.size,
        "src": _ROOT + picture_file(board, query.video_id, query.names[t]),
        "truth": code(query.masks[t]),
        "label": f"Frame {query.names[t]} of {query.video_id} with the true mask",
    }


def _best(view: EpisodeView, titles: Container[str]) -> str:
    """Returns who is best, of some methods."""
    answers = [answer for answer in view.answers if answer.title in titles]
    means = [(answer.headline, answer.title) for answer in answers if answer.headline is not None]
    return f"best {percent(max(means)[0])}, {max(means)[1]}" if means else ""
