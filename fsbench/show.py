"""`fsbench show`: an episode, or the support sets of a class, as a picture, a video or a page."""

import base64
import difflib
from collections.abc import Iterable
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from PIL import Image

from fsbench.datasets.catalogue import choose_spec
from fsbench.errors import DataError
from fsbench.errors import RunError
from fsbench.errors import suggestion
from fsbench.files import scratch_folder
from fsbench.files import write_whole
from fsbench.leaderboard.site import standalone_page
from fsbench.masks.rle import valid_code
from fsbench.protocol import label_of
from fsbench.protocol import reported_metrics
from fsbench.running.runs import read_result
from fsbench.scores.results import RunIdentity
from fsbench.splits.ids import parse_episode_id
from fsbench.splits.manifest import find_manifest
from fsbench.splits.manifest import Manifest
from fsbench.splits.manifest import read_manifest
from fsbench.submissions.forms import run_parts
from fsbench.viewing.layout import Layout
from fsbench.viewing.painting import painted
from fsbench.viewing.painting import vector_file
from fsbench.viewing.pictures import find_pictures
from fsbench.viewing.pictures import Pictures
from fsbench.viewing.sheets import episode_sheet
from fsbench.viewing.sheets import support_sheet
from fsbench.viewing.sheets import video_frames
from fsbench.viewing.views import Answer
from fsbench.viewing.views import EpisodeView
from fsbench.viewing.views import Views

__all__ = ["open_views", "show_class", "show_episode"]

SHEETS = (".png", ".pdf", ".svg")
FRAMES_PER_SECOND = 6


def show_episode(episode_id: str, runs: Sequence[Path], views: Views, out: Path, most_frames: int) -> None:
    """Draws an episode: support, query, truth, and the masks of runs.

    Args:
        episode_id: The episode.
        runs: Folders of finished runs, or of their folds.
        views: Of the episode's manifest, with pictures; see `open_views`.
        out: `.png`, `.pdf`, `.svg`: a sheet; `.mp4`: the query, frame by frame; `.html`: a page that needs no other
            file.
        most_frames: Of each video on a sheet; a video and a page have all.

    Raises:
        RunError: There is no such episode, a run does not have it or is of other episodes, or `out` has another ending.
        DataError: The dataset is not there or damaged.
        PluginError: A `.pdf` or `.svg` is wanted, and matplotlib is not installed.
    """
    if out.suffix not in (*SHEETS, ".mp4", ".html"):
        raise RunError(
            f"{out}: an episode is shown as .png, .pdf, .svg, .mp4 or .html. Give --out one of these endings."
        )
    manifest, pictures = views.manifest, _pictures(views)
    if episode_id not in views:
        near = difflib.get_close_matches(episode_id, views.episode_ids, n=4, cutoff=0.6) or views.episode_ids[:4]
        raise RunError(f"{manifest.path}: there is no episode {episode_id!r}. Near are: {', '.join(near)}.")
    view = views.episode(episode_id, _answers(episode_id, runs, manifest))
    if out.suffix in SHEETS:
        _write_sheet(out, episode_sheet(view, pictures, most_frames))
    elif out.suffix == ".mp4":
        _write_video(out, video_frames(view, pictures))
    else:
        write_whole(out, _page(view, manifest.info.dataset, pictures))


def show_class(class_name: str, views: Views, out: Path, most_frames: int) -> None:
    """Draws the support sets of a class, one below the other, to a sheet. Arguments and errors as of `show_episode`."""
    if out.suffix not in SHEETS:
        raise RunError(
            f"{out}: the support sets of a class are shown as .png, .pdf or .svg. Give --out one of these endings."
        )
    manifest, pictures = views.manifest, _pictures(views)
    names = list(manifest.class_names.values())
    if class_name not in names:
        raise RunError(f"{manifest.path}: there is no class {class_name!r}. {suggestion(class_name, names)}")
    supports = list(views.supports_of(class_name).items())
    if not supports:
        raise RunError(f"{manifest.path}: class {class_name!r} has no support set.")
    _write_sheet(out, support_sheet(supports, pictures, most_frames))


def open_views(dataset: str | None, data_root: Path, splits: Path | None) -> Views:
    """Returns views of the episodes that a user means: of a dataset on disk, or of the embedded set, drawn on demand.

    Args:
        dataset, data_root, splits: As in `fsbench.open_benchmark`.

    Raises:
        FsbenchError: There is no such dataset or manifest.
    """
    spec = choose_spec(dataset, data_root)
    manifest = read_manifest(find_manifest(spec.name, splits, spec.manifest_version))
    pictures = find_pictures(manifest, data_root, spec)
    if pictures is None:
        raise DataError(f"{data_root}: holds no {manifest.info.dataset}. Say with --data-root where it is.")
    return Views(manifest, pictures)


def _pictures(views: Views) -> Pictures:
    assert views.pictures is not None, "open_views finds them"
    return views.pictures


def _answers(episode_id: str, runs: Iterable[Path], manifest: Manifest) -> list[Answer]:
    return [_answer(run, episode_id, manifest) for run in runs]


def _answer(run: Path, episode_id: str, manifest: Manifest) -> Answer:
    """Reads what a run made of an episode."""
    fold = parse_episode_id(episode_id).fold
    for part in run_parts(run):
        folder = part.parent.parent
        identity = read_result(folder).identity
        if identity.fold != fold:
            continue
        _check(run, identity, manifest)
        wanted = [("episode_id", "=", episode_id)]
        rows = pq.read_table(part, filters=wanted).to_pylist()
        if rows:
            scores = pq.read_table(folder / "scores" / part.name, filters=wanted).to_pylist()
            labels = map(label_of, reported_metrics(identity.protocol))
            by_metric = {name: np.array([row[name] for row in scores], np.float64) for name in labels}
            masks = tuple(valid_code(row["height"], row["width"], row["counts"]) for row in rows)
            return Answer(identity.title, by_metric, identity.protocol, masks)
    raise RunError(f"{run}: holds no masks of episode {episode_id!r}. Is fold {fold} evaluated there, with that draw?")


def _check(run: Path, identity: RunIdentity, manifest: Manifest) -> None:
    if identity.manifest_digest != manifest.info.digest:
        raise RunError(
            f"{run}: was made with {identity.dataset} {identity.manifest_version}, not with {manifest.info.dataset} "
            f"{manifest.info.version}. Name the run's with --dataset and --splits."
        )


def _page(view: EpisodeView, dataset: str, pictures: Pictures) -> str:
    def source(video_id: str, frame: str) -> str:
        return "data:image/jpeg;base64," + base64.b64encode(pictures.jpeg(video_id, frame)).decode("ascii")

    return standalone_page(view, dataset, source)


def _write_sheet(out: Path, sheet: Layout) -> None:
    if out.suffix == ".png":
        stream = BytesIO()
        Image.fromarray(painted(sheet)).save(stream, "png", optimize=True)
        write_whole(out, stream.getvalue())
    else:
        write_whole(out, vector_file(sheet, "pdf" if out.suffix == ".pdf" else "svg"))


def _write_video(out: Path, frames: Iterable[npt.NDArray[np.uint8]]) -> None:
    """Writes frames, uint8 RGB [H, W, 3], as MPEG-4."""
    import cv2  # here alone: a sheet does without

    with scratch_folder("video") as scratch:
        path = scratch / "video.mp4"  # OpenCV tells the form from the ending
        writer = None
        for frame in frames:
            if writer is None:
                size = (frame.shape[1], frame.shape[0])
                writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FRAMES_PER_SECOND, size)
                if not writer.isOpened():
                    raise RunError(
                        f"{out}: this OpenCV cannot write MPEG-4. Show the episode as .html or .png instead."
                    )
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        assert writer is not None, "a video has frames"
        writer.release()
        write_whole(out, path.read_bytes())
