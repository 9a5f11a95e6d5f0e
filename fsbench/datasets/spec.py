"""What there is to know of a dataset besides its records: where it lies, how it is split, what may be shown of it."""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Literal
from typing import Protocol

from fsbench.datasets.records import DrawnVideo
from fsbench.datasets.records import MinimalDataset

__all__ = [
    "ALL_VIDEOS",
    "MISLEADING",
    "MOST",
    "UNANSWERABLE",
    "AnnotatorAnswers",
    "Asks",
    "BuildRule",
    "DatasetSpec",
    "DrawsFrom",
    "Layout",
    "LeaveOut",
    "spec_of",
]

Asks = Literal["sentences", "classes"]
DrawsFrom = Literal["different videos", "all videos"]
ALL_VIDEOS: DrawsFrom = "all videos"
LeaveOut = Literal["unanswerable", "misleading"]
UNANSWERABLE: LeaveOut = "unanswerable"
MISLEADING: LeaveOut = "misleading"
MOST = 10_000
"""Support videos of a set, frames of one, and sets of a class, at most."""


@dataclass(frozen=True)
class Layout:
    """Where a dataset keeps what, below its root: of each, the places that it may have, of which the first is taken.

    Of a set in YouTube-VIS' form, one file says all (`masklets`) that metadata, sentences and label maps say of others.

    Attributes:
        metadata: JSON, {videos: {id: {objects: {object: {category, frames?}}}}}; where no file of `expressions` is
            there, one whose objects list their `expressions`, too.
        expressions: JSON, {videos: {id: {frames, expressions: {id: {exp, obj_id}}}}}.
        images: Folders of `<video>/<frame><suffix>`.
        suffixes: Endings that a picture may have.
        annotations: Folders of `<video>/<frame>.png`, whose palette index is the object id.
        groups: Folders of the authors' folds, `group<k>_test.json`; "." for the root.
        masks: JSON, {annotation: [run-length code or null of each frame]}. Where such a file is there it takes the
            place of the label maps, sentences name annotations (`anno_id`), and `metadata` is {annotation: category},
            or is not there, and sentences say what an object is (see `fsbench.datasets.nouns`).
        masklets: JSON, {videos, annotations, categories}; see `fsbench.datasets.masklets`. `images` are then folders of
            the files that it names.
    """

    metadata: tuple[str, ...]
    expressions: tuple[str, ...]
    images: tuple[str, ...]
    suffixes: tuple[str, ...]
    annotations: tuple[str, ...]
    groups: tuple[str, ...] = ("splits",)
    masks: tuple[str, ...] = ()
    masklets: tuple[str, ...] = ()


@dataclass(frozen=True)
class BuildRule:
    """How a manifest is built of a dataset, with every parameter.

    Attributes:
        minimum: Videos that a category needs.
        cap: Videos that a category keeps at most; 0 for all.
        shots: Support videos per set.
        frames: Consecutive annotated frames of each.
        draws: Support sets per class.
        queries: Videos of a class that are queried at most, 0 for all; the others serve for training and as supports.
        seed: Seed of every draw.
        draws_from: "different videos": draws of a class take different support videos as long as there are any.
            "all videos": each draws from all, so that two may take the same; the rule of versions built before 0.2.
        leave_out: "unanswerable": sentences that say of several objects of a video the same word for word are neither
            asked nor drawn for supports. "misleading": sentences that name another class and not their own are not
            drawn for supports.
    """

    minimum: int = 2
    cap: int = 0
    shots: int = 1
    frames: int = 5
    draws: int = 5
    queries: int = 0
    seed: int = 0
    draws_from: DrawsFrom = "different videos"
    leave_out: tuple[LeaveOut, ...] = ()

    @property
    def problem(self) -> str:
        """What no benchmark asks for, and would take for ever; empty for nothing."""
        large = {name: value for name in ("shots", "frames", "draws") if (value := getattr(self, name)) > MOST}
        return ", ".join(f"{name}: {value} is more than {MOST}" for name, value in large.items())


@dataclass(frozen=True)
class AnnotatorAnswers:
    """How the field scores answers to several annotators' sentences: label maps, each annotator's in `anno_<k>/`.

    Attributes:
        count: Number of annotators; scores are the mean over them.
        videos: List of the videos that are scored, below the dataset's root.
        protocol: Name of the protocol.
    """

    count: int
    videos: str
    protocol: str


class Generate(Protocol):
    """Makes a dataset that is not there."""

    def __call__(self, root: Path, *, workers: int = 1, progress: bool = False) -> None:
        """Writes the dataset to `root`, whole or not at all, with so many processes; shows a bar if asked to."""


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset and the defaults of its benchmark; the default of every field says nothing of it and shows nothing.

    Attributes:
        name: The name on the command line, in folders and on the leaderboard.
        title: One line for people.
        layout: Its form on disk, or what opens it: a function from its folder to an object with `MinimalDataset`'s
            calls. None if it cannot be opened by its name.
        folders: Folder names it goes by, below a data root.
        places: Folders that are looked at before any data root.
        derived_folders: Those of `folders` that hold a finished selection, of which every video is used.
        has_author_groups: Whether a release may carry the authors' folds; see `Layout.groups`.
        categories: Its categories in class-id order; None for all that are found, by name.
        num_folds: Number of folds; 0 for a cross-domain set, whose classes form one group, fold 0.
        rule: How its default manifest is built.
        version: Name of the default manifest version.
        published_videos: Number of videos that the paper counts; None if it is not known.
        published_note: What is known of the difference, for a manifest that has another number; of a set without a
            published number, what is known of it.
        licence: Of pixels and annotations; empty if it is not stated.
        other_labels: Indices in label maps that mean no object, such as 255 for void; they count as background.
        shows: What an entry and a site that everybody sees may show of it, besides scores.
        recipe: Name of the recipe that methods train with on it; None for their own choice.
        asks: What an episode asks for where the dataset is opened by its name: what a sentence of it names, or, without
            any, all objects of a class (see `fsbench.datasets.by_class`).
        answers: How answers are scored that come in a folder for each annotator; None if they do not.
        generate: Makes it where it is asked for and not there.
        draw: Returns a video by its id, without any file; for a set that is generated.
        is_fallback: Whether it is taken where no dataset is there and none is named.
        earlier: Earlier versions of it whose data are others, the oldest first, each asked for as `<name>@<version>`.
        is_earlier: Whether it is one of these, whose manifest is the one of its version.
    """

    name: str
    title: str = ""
    layout: Layout | Callable[[Path], MinimalDataset] | None = None
    folders: tuple[str, ...] = ()
    places: tuple[Path, ...] = ()
    derived_folders: tuple[str, ...] = ()
    has_author_groups: bool = False
    categories: tuple[str, ...] | None = None
    num_folds: int = 0
    rule: BuildRule = field(default_factory=BuildRule)
    version: str = "v1"
    published_videos: int | None = None
    published_note: str = ""
    licence: str = ""
    other_labels: tuple[int, ...] = ()
    shows: Literal["nothing", "masks", "pixels"] = "nothing"
    recipe: str | None = None
    asks: Asks = "sentences"
    answers: AnnotatorAnswers | None = None
    generate: Generate | None = None
    draw: Callable[[str], DrawnVideo] | None = None
    is_fallback: bool = False
    earlier: tuple["DatasetSpec", ...] = ()
    is_earlier: bool = False

    @property
    def manifest_version(self) -> str | None:
        """The version of its manifest; None for the newest."""
        return self.version if self.is_earlier else None


def spec_of(dataset: MinimalDataset) -> DatasetSpec:
    """Returns a dataset's own spec; for one that has none, one with its name and every default."""
    found = getattr(dataset, "spec", None)
    return found if isinstance(found, DatasetSpec) else DatasetSpec(dataset.name)
