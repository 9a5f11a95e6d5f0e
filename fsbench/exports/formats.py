"""The forms in which something leaves fsbench: what each takes, and what writes it."""

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Literal

__all__ = ["FORMATS", "ExportOptions", "Format"]


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """What some formats ask for besides; each reads those that `Format.options` names.

    Attributes:
        draw: Which support draw; None for all.
        data_root: Where the dataset lies.
        part: Which videos of a dataset that a server divides; None for its default.
        files: YAML files of datasets that no package registers.
    """

    draw: int | None = None
    data_root: Path = Path("data")
    part: Literal["valid", "test", "all"] | None = None
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """A form in which something leaves fsbench.

    Attributes:
        takes: What it is made of.
        makes: What is written.
        write: From the source, the folder or zip to make, and the options, to a line that says what was written.
        options: Those of `ExportOptions` that it reads.
    """

    takes: str
    makes: str
    write: Callable[[Path, Path, ExportOptions], str]
    options: frozenset[str] = field(default_factory=frozenset)


# What a writer needs is imported when it writes: the command line knows the formats without.


def _folders(source: Path, out: Path, options: ExportOptions) -> str:
    from fsbench.exports.folders import export_run

    return export_run(source, out, draw=options.draw)


def _ref_youtube_vos(source: Path, out: Path, options: ExportOptions) -> str:
    from fsbench.exports.ref_youtube_vos import export_for_server

    return export_for_server(source, out, options.data_root, part=options.part, draw=options.draw)


def _croissant(source: Path, out: Path, options: ExportOptions) -> str:
    from fsbench.datasets.catalogue import dataset_spec
    from fsbench.exports.croissant import export_croissant

    return export_croissant(source, out, described=[dataset_spec(file) for file in options.files])


def _hub(source: Path, out: Path, options: ExportOptions) -> str:
    from fsbench.datasets.catalogue import dataset_spec
    from fsbench.exports.hub import export_hub

    return export_hub(source, out, described=[dataset_spec(file) for file in options.files])


def _every_eval_ever(source: Path, out: Path, options: ExportOptions) -> str:
    from fsbench.exports.every_eval_ever import export_every_eval_ever

    return export_every_eval_ever(source, out)


FORMATS: Mapping[str, Format] = {
    "folders": Format("a run", "its masks as palette PNG of 0 and 1", _folders, frozenset({"draw"})),
    "ref-youtube-vos": Format(
        "masks in any form",
        "what its server takes, once every video, sentence and frame of the official list below --data-root is there",
        _ref_youtube_vos,
        frozenset({"draw", "data_root", "part"}),
    ),
    "croissant": Format(
        "a manifest", "its files with a description in MLCommons' JSON-LD", _croissant, frozenset({"files"})
    ),
    "hub": Format("a manifest", "a dataset repository's folder for the Hugging Face hub", _hub, frozenset({"files"})),
    "every-eval-ever": Format(
        "a leaderboard entry or a method's runs", "a record for that store of results", _every_eval_ever
    ),
}
