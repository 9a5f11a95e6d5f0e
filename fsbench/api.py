"""What stands behind `import fsbench`: one call each. Objects in, objects out; the command line calls the same.

Paths are `str` or `Path` everywhere. Nothing is printed: results show themselves by `print`, as a table in a notebook,
and as a data frame by `to_frame`.
"""

# What a call needs is imported in it: whoever scores a folder of masks waits for neither pandas nor pyarrow.

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

from fsbench.errors import DataError
from fsbench.errors import ManifestError
from fsbench.errors import SubmissionError
from fsbench.protocol import named_protocol
from fsbench.protocol import Protocol

if TYPE_CHECKING:
    import pandas as pd

    from fsbench.datasets.kept_back import Part
    from fsbench.datasets.records import MinimalDataset
    from fsbench.leaderboard.compare import Compared
    from fsbench.leaderboard.entries import Entry
    from fsbench.methods.contract import Method
    from fsbench.running.predict import Predictions
    from fsbench.running.runs import Run
    from fsbench.splits.benchmark import Benchmark
    from fsbench.splits.build import BuildOptions
    from fsbench.splits.controls import Control
    from fsbench.submissions.forms.arrays import Arrays
    from fsbench.submissions.problems import Findings
    from fsbench.submissions.reference import Truth
    from fsbench.submissions.reference import Videos
    from fsbench.submissions.report import Scores

__all__ = [
    "build_splits",
    "compare",
    "evaluate",
    "list_methods",
    "load_result",
    "open_benchmark",
    "predict",
    "score",
    "validate",
]

_STANDARD = "standard"


def open_benchmark(
    dataset: str | Path | MinimalDataset | None = None,
    data_root: str | Path = "data",
    splits: str | Path | None = None,
    *,
    progress: bool = False,
) -> Benchmark:
    """Opens a dataset and reads the manifest of its episodes.

    Args:
        dataset: A registered name, the path of a YAML file, or any object with the calls of a dataset
            (`fsbench.datasets.MinimalDataset`); None for the one under `data_root`, else the embedded one.
        data_root: Where datasets are; of no account for a dataset that is given.
        splits: A manifest or a folder of them; None looks into `splits/` here, then at those that fsbench ships.
        progress: Show a progress bar where the embedded set is rendered.

    Returns:
        The benchmark, to be handed to `evaluate` and `score`.

    Raises:
        DataError: The dataset is unknown or not there.
        ManifestError: There is no manifest, or it is of another dataset.

    Example:
        >>> fsbench.open_benchmark("mini-ref-davis", "data")
        <Benchmark mini-ref-davis pack-v1: 4 classes, 15 videos, 220 episodes; digest ...>
    """
    from fsbench.splits.benchmark import open_benchmark

    return open_benchmark(dataset, data_root, splits, progress=progress)


def build_splits(
    dataset: str | Path | MinimalDataset | None = None,
    data_root: str | Path = "data",
    *,
    out: str | Path = "splits",
    options: BuildOptions | None = None,
    supersedes: str | None = None,
    overwrite: bool = False,
    pixels: bool = False,
    progress: bool = False,
) -> Benchmark:
    """Builds the manifest of a dataset: classes, folds, support draws and episodes.

    The same data and options give the same episodes on every machine.

    Args:
        dataset: A registered name, the path of a YAML file, or any object with the calls of a dataset
            (`fsbench.datasets.MinimalDataset`); None for the one under `data_root`, else the embedded one.
        data_root: Where datasets are; of no account for a dataset that is given.
        out: Folder of all splits; the manifest goes to `<out>/<dataset>/<version>/`.
        options: What is not as the dataset's own rule has it.
        supersedes: An older version to mark as superseded by this one.
        overwrite: Replace a version that holds other episodes.
        pixels: Also decode every frame and label map, write down what they are in `pixels.json`, and give the
            attributes of each sentence the size and the occlusion of its target.
        progress: Show a progress bar where the embedded set is rendered, and over the frames.

    Returns:
        The dataset with its new manifest, ready for `evaluate`.

    Raises:
        DataError: The dataset is unknown, not there or unreadable.
        ManifestError: No episode can be formed, another manifest of this version is there, or the pixels are not what
            the metadata promises.

    Example:
        >>> options = BuildOptions(draws=2, version="two-draws")
        >>> bench = fsbench.build_splits("mini-ref-davis", "data", out="my-splits", options=options)
        >>> bench.draws, bench.folds
        ((0, 1), (0,))
    """
    from fsbench.datasets.catalogue import resolve_dataset
    from fsbench.splits.attributes import pixel_attributes
    from fsbench.splits.benchmark import Benchmark
    from fsbench.splits.build import build_manifest
    from fsbench.splits.build import BuildOptions
    from fsbench.splits.manifest import fill_attributes
    from fsbench.splits.manifest import manifest_folder
    from fsbench.splits.manifest import mark_superseded
    from fsbench.splits.manifest import read_manifest
    from fsbench.splits.manifest import write_manifest
    from fsbench.splits.verify import verify_manifest

    opened = resolve_dataset(dataset, Path(data_root), progress=progress)
    info, rows = build_manifest(opened, options or BuildOptions())
    write_manifest(Path(out), info, rows, overwrite=overwrite)
    del rows  # a million episodes take a gigabyte, and are read back
    folder = manifest_folder(Path(out), info.dataset, info.version)
    if pixels and not opened.has_frames():
        raise DataError(f"{opened.root}: no frames here, so there are no pixels to write down. Fetch them.")
    if pixels and (flaws := verify_manifest(folder, opened, progress=progress)):
        raise ManifestError(
            f"{flaws[0].where}: {flaws[0].what}. {len(flaws)} problems in all; 'fsbench verify {folder}' lists them."
        )
    if pixels and "attributes" in (manifest := read_manifest(folder)).tables:
        tables = {name: manifest.rows(name) for name in ("videos", "expressions", "attributes")}
        fill_attributes(folder, list(pixel_attributes(opened, tables, progress=progress)))
    if supersedes:
        mark_superseded(manifest_folder(Path(out), info.dataset, supersedes), info.version)
    return Benchmark(opened, read_manifest(folder))


def evaluate(
    method: str | type | Method,
    benchmark: Benchmark,
    *,
    folds: Sequence[int] = (),
    draws: Sequence[int] | None = None,
    refine: str = "",
    options: Mapping[str, Any] | None = None,  # Any: whatever the method's options are
    checkpoint: str | Path | None = None,
    device: str = "auto",
    protocol: str | Protocol = "standard",
    tolerance: float | None = None,
    variant: str = "",
    limit: int | None = None,
    classes: Sequence[str] = (),
    control: Control | None = None,
    shard: tuple[int, int] | None = None,
    out: str | Path | None = None,
    workers: int = 1,
    engine: str = "local",
    ray_address: str = "",
    gpus_per_worker: float | None = None,
    cpus_per_worker: float = 1,
    ray_wait: float = 600,
    keep_going: bool = False,
    restart: bool = False,
    memo_mib: int = 512,
    mask_mib: int = 4096,
    ahead: int | None = None,
    progress: bool = False,
) -> Run:
    """Runs a method over the episodes of a benchmark and scores it, or goes on where an earlier call stopped.

    A run with more draws than the one in its folder adds them to it. A run of some videos or classes (`limit`,
    `classes`) is for a look, and one with other supports (`control`) is to be held against the plain one; neither is
    ever an entry of the leaderboard.

    Args:
        method: A registered name, `module:attr`, `FILE.py:Class`, a class, or an instance.
        benchmark: From `open_benchmark` or `build_splits`.
        folds: Empty for all.
        draws: Support draws; None for all.
        refine: A registered tracker, which propagates the mask of each sentence's surest frame to the others; empty for
            none. Where the method does not say how sure it is, that frame is the one whose mask has most in common with
            those beside it. The run is of a method called METHOD+TRACKER.
        options: Of the method, and of a tracker as `refine_<name>`; not for an instance, which has its own.
        checkpoint: Weights; "{fold}" in the path stands for the fold. None for those that the method brings along.
        device: For methods that use one: auto, cpu, cuda, mps. Workers are dealt out over all devices of the kind, or
            over those numbered: "cuda:0,2".
        protocol: How masks are scored and averaged. `standard` also reports N_acc and T_acc where the data has
            sentences that name nothing.
        tolerance: Another contour tolerance than the protocol's, as a share of the diagonal or, from 1 on, in pixels;
            the signature tells, and its numbers stand in a table of their own.
        variant: A name for this way of running the method, to tell its runs apart.
        limit: Query videos to take of each fold, the first ones, each with all its sentences and draws; None for all.
        classes: Names of the classes to take; folds that have none of them are left out. Empty for all.
        control: "other-class": each class has the support sets of the next class of its fold; "empty-support": its own,
            with empty masks. What a method loses by it is what it has from the support. None for the plain run.
        shard: (i, n): take the i-th of n parts of each fold's videos, i from 1, into a folder of its own, whose name
            ends in `.shard-<i>-of-<n>`; `gather` joins them. None for all.
        out: Folder of the run; None for `runs/<dataset>/<method>`, followed by `.<variant>`, `.control-<name>`,
            `.class-<names>` and `.limit-<n>` where there are such.
        workers: Processes.
        engine: "local", or "ray".
        ray_address: Of a Ray cluster that is there; empty for that in RAY_ADDRESS, or else one of this machine alone.
            Where Ray is connected already, its cluster is taken.
        gpus_per_worker, cpus_per_worker: What each worker asks Ray for; None is one GPU on CUDA (with device "auto",
            if the cluster has any), and else none.
        ray_wait: Seconds to wait for a place on the cluster while no worker has one.
        keep_going: Record episodes that fail, and go on.
        restart: Discard what an earlier call left in the folder.
        memo_mib: MiB that a method may keep of a video for later sentences and draws, in each worker.
        mask_mib: MiB of masks that a method may return at once, at a byte a pixel. One that does not work in parts
            gets the sentences of a longer video in groups.
        ahead: Videos to read ahead while the method works, in each worker, with masks of one more scored behind it; 0
            does one thing after the other. None is 1 on an accelerator, or with more cores than workers, and else 0.
            Of a dataset that is no folder of pictures and label maps, as one of your own, None is 0: with any other
            number its calls come from several threads at once.
        progress: Show a progress bar.

    Returns:
        The run: `print` shows every class, `to_frame()` gives rows and means.

    Raises:
        FsbenchError: Something asked for does not exist or does not fit, the folder holds another run, data is damaged,
            or the method breaks the contract. The message says what to do.

    Example:
        >>> bench = fsbench.open_benchmark("mini-ref-davis", "data")
        >>> run = fsbench.evaluate("full-frame", bench, draws=[0], out="runs/full-frame")
        >>> run.to_frame("fold")[["fold", "J"]].round(3).to_dict("records")
        [{'fold': 0, 'J': 0.088}]
    """
    from fsbench.running.cluster import ClusterOptions
    from fsbench.running.evaluate import evaluate_method
    from fsbench.running.evaluate import Request
    from fsbench.running.fold import RunOptions

    request = Request(
        method=method,
        benchmark=benchmark,
        folds=folds,
        draws=draws,
        refine=refine,
        options=dict(options or {}),
        checkpoint=None if checkpoint is None else Path(checkpoint),
        device=device,
        protocol=protocol,
        tolerance=tolerance,
        variant=variant,
        limit=limit,
        classes=classes,
        control=control,
        shard=shard,
        out=None if out is None else Path(out),
    )
    carried_out = RunOptions(
        workers=workers,
        engine=engine,
        cluster=ClusterOptions(ray_address, gpus_per_worker, cpus_per_worker, ray_wait),
        keep_going=keep_going,
        restart=restart,
        memo_mib=memo_mib,
        mask_mib=mask_mib,
        ahead=ahead,
        progress=progress,
    )
    return evaluate_method(request, carried_out)


def gather(
    out: str | Path, shards: Iterable[str | Path] = (), *, splits: str | Path | None = None, restart: bool = False
) -> Run:
    """Joins the shards of a run (`evaluate(shard=(i, n))`) to the run that one call would have made, to the byte.

    Args:
        out: Folder of the run.
        shards: Their folders; empty for those beside it, `<out>.shard-<i>-of-<n>`.
        splits: A manifest, or a folder of splits, where the run's is; None as in `open_benchmark`.
        restart: Discard what the folder holds of another run.

    Returns:
        The run.

    Raises:
        FsbenchError: A shard is missing, unfinished, there twice, or of another run; or the manifest is not there.
    """
    from fsbench.running.shards import gather
    from fsbench.running.shards import shard_folders
    from fsbench.splits.manifest import require_digest

    where = None if splits is None else Path(splits)
    folders = [Path(each) for each in shards] or shard_folders(Path(out))
    return gather(
        folders,
        Path(out),
        lambda run: require_digest(run.dataset, run.manifest_digest, where),
        restart=restart,
    )


def predict(
    method: str | type | Method,
    out: str | Path,
    dataset: str | Path | MinimalDataset | None = None,
    data_root: str | Path = "data",
    *,
    part: Part | None = None,
    refine: str = "",
    options: Mapping[str, Any] | None = None,  # Any: whatever the method's options are
    checkpoint: str | Path | None = None,
    device: str = "auto",
    videos: Sequence[str] | None = None,
    limit: int | None = None,
    workers: int = 1,
    engine: str = "local",
    ray_address: str = "",
    gpus_per_worker: float | None = None,
    cpus_per_worker: float = 1,
    ray_wait: float = 600,
    restart: bool = False,
    memo_mib: int = 512,
    mask_mib: int = 4096,
    ahead: int | None = None,
    progress: bool = False,
) -> Predictions:
    """Lets a method that needs no support answer every sentence of a dataset, or goes on where an earlier call stopped.

    Neither episodes nor truth are needed: of each video the pictures, and a list of the sentences.

    Args:
        method: As in `evaluate`; one that ignores the support.
        out: Folder of the masks, which `score`, `validate` and the exports take.
        dataset: A registered name, the path of a YAML file, or any object with the calls of a dataset; None for what
            lies in `data_root`, in the layout of Ref-YouTube-VOS, MeViS, ReVOS or JHMDB-Sentences.
        data_root: Where datasets are, or the folder of the data itself.
        part: "valid", "test" or "all" of the official lists of Ref-YouTube-VOS, or the folder of this name of MeViS;
            None for the part whose truth is there, where there is one.
        refine, options, checkpoint, device: Of the method, as in `evaluate`.
        videos: Ids of the videos to answer; None for all.
        limit: Videos to answer at most, the first ones; the same call without it goes on. None for all.
        workers, engine, ray_address, gpus_per_worker, cpus_per_worker, ray_wait: As in `evaluate`.
        memo_mib, mask_mib, ahead, progress: As in `evaluate`.
        restart: Discard the masks in the folder.

    Returns:
        Where the masks are, how many, and who made them.

    Raises:
        FsbenchError: The method needs a support set, something asked for does not exist, the folder holds other masks,
            or a picture cannot be read.

    Example:
        >>> found = fsbench.predict("full-frame", "masks", "mini-ref-davis", "data", limit=1)
        >>> found.videos
        1
    """
    from fsbench.datasets.opening import resolve_asked
    from fsbench.running.cluster import ClusterOptions
    from fsbench.running.fold import RunOptions
    from fsbench.running.predict import predict
    from fsbench.running.predict import PredictionRequest

    request = PredictionRequest(
        method=method,
        dataset=resolve_asked(dataset, Path(data_root), part, progress=progress),
        refine=refine,
        options=dict(options or {}),
        checkpoint=None if checkpoint is None else Path(checkpoint),
        device=device,
        videos=videos,
        limit=limit,
    )
    run = RunOptions(
        workers=workers,
        engine=engine,
        cluster=ClusterOptions(ray_address, gpus_per_worker, cpus_per_worker, ray_wait),
        restart=restart,
        memo_mib=memo_mib,
        mask_mib=mask_mib,
        ahead=ahead,
        progress=progress,
    )
    return predict(request, Path(out), run)


def score(
    predictions: str | Path | Run | Arrays,
    truth: str | Path | Benchmark | Arrays,
    *,
    protocol: str | Protocol | None = None,
    tolerance: float | None = None,
    folds: Sequence[int] = (),
    draws: Sequence[int] = (),
    videos: Sequence[str] | None = None,
    only_predicted: bool = False,
    void: str | None = None,
    missing_is_empty: bool = False,
    ignore_extra: bool = False,
    min_score: float | None = None,
    uint8_decay: bool = False,
    workers: int = 1,
    progress: bool = False,
) -> Scores:
    """Scores masks that were made anywhere.

    Args:
        predictions: A run, a folder or zip of masks, a file of run-length codes, or masks in memory: a clip, integer or
            bool [T, H, W]; clips by video; or masks by video and sentence. Or a folder of folders `anno_<k>`, the label
            maps that answer each annotator's sentences.
        truth: Likewise; or a benchmark, whose episodes the predictions answer.
        protocol: How masks are scored and averaged; None for `standard`, and for answers to several annotators the one
            by which the field scores them on the benchmark's dataset.
        tolerance: Another contour tolerance than the protocol's, as a share of the diagonal or, from 1 on, in pixels;
            the signature tells.
        folds, draws: Of the benchmark; empty for those that the predictions are of.
        videos: Which to score; None for all of the truth. The signature says so.
        only_predicted: Score the videos of which there are predictions, and say so in the signature.
        void: What index 255 of label maps is: "object", or None for what the protocol takes it for.
        missing_is_empty: A mask that is not there counts as empty, instead of being a problem.
        ignore_extra: A mask that nobody asked for is ignored, instead of being a problem.
        min_score: Of masklets, those with a score above it count; None for all.
        uint8_decay: Wrap frame ids in decay at 8 bits, as davis2017-evaluation does.
        workers: Threads.
        progress: Show a progress bar.

    Returns:
        The scores, in [0, 1]: `mean`, a record for each object or sentence, and `to_frame()`.

    Raises:
        SubmissionError: There is any problem with the predictions; the message is the whole report.
        FsbenchError: The truth cannot be read, or the protocol does not fit.

    Example:
        >>> truth = np.zeros((4, 40, 60), np.uint8)
        >>> truth[:, 10:30, 10:30] = 1
        >>> pred = np.roll(truth, 2, axis=2)
        >>> scores = fsbench.score(pred, truth, protocol="davis-2017")
        >>> round(scores.mean["J_mean"], 4)
        0.8182
    """
    from fsbench.submissions.annotators import annotator_answers
    from fsbench.submissions.annotators import over_annotators
    from fsbench.submissions.passing import PassOptions
    from fsbench.submissions.score import score

    options = PassOptions(missing_is_empty, ignore_extra, workers=workers, progress=progress, min_score=min_score)
    masks, held, chosen = _masks(predictions), _truth(truth, folds, draws), _chosen(videos, only_predicted)
    with annotator_answers(masks, held, protocol if isinstance(protocol, str) else None) as answers:
        how = _protocol(protocol or (answers and answers.protocol) or _STANDARD, void).with_tolerance(tolerance)
        if answers is None:
            return score(masks, held, how, options, videos=chosen, uint8_decay=uint8_decay)
        chosen = chosen or answers.videos
        return over_annotators(
            {
                name: score(each, answers.truth, how, options, videos=chosen, uint8_decay=uint8_decay)
                for name, each in answers.by_name.items()
            }
        )


def validate(
    predictions: str | Path | Run | Arrays,
    truth: str | Path | Benchmark | Arrays,
    *,
    protocol: str | Protocol | None = None,
    folds: Sequence[int] = (),
    draws: Sequence[int] = (),
    videos: Sequence[str] | None = None,
    only_predicted: bool = False,
    void: str | None = None,
    missing_is_empty: bool = False,
    ignore_extra: bool = False,
    min_score: float | None = None,
    workers: int = 1,
    progress: bool = False,
) -> Findings:
    """Returns everything that is wrong with masks, as a list with notes, without scoring them; see `score`.

    Example:
        >>> truth = np.zeros((4, 40, 60), np.uint8)
        >>> truth[:, 10:30, 10:30] = 1
        >>> [problem.kind for problem in fsbench.validate(truth[:3, :30], truth)]
        ['missing-frame', 'wrong-size', 'wrong-size', 'wrong-size']
    """
    from fsbench.submissions.annotators import all_findings
    from fsbench.submissions.annotators import annotator_answers
    from fsbench.submissions.passing import PassOptions
    from fsbench.submissions.score import validate

    options = PassOptions(missing_is_empty, ignore_extra, workers=workers, progress=progress, min_score=min_score)
    masks, held, chosen = _masks(predictions), _truth(truth, folds, draws), _chosen(videos, only_predicted)
    with annotator_answers(masks, held, protocol if isinstance(protocol, str) else None) as answers:
        how = _protocol(protocol or (answers and answers.protocol) or _STANDARD, void)
        if answers is None:
            return validate(masks, held, how, options, videos=chosen)
        chosen = chosen or answers.videos
        return all_findings(
            {name: validate(each, answers.truth, how, options, videos=chosen) for name, each in answers.by_name.items()}
        )


def _protocol(protocol: str | Protocol, void: str | None) -> Protocol:
    named = named_protocol(protocol) if isinstance(protocol, str) else protocol
    return named if void is None else named.with_void(void)


def _chosen(videos: Sequence[str] | None, only_predicted: bool) -> Videos | None:
    from fsbench.submissions.reference import Videos

    if videos is not None and only_predicted:
        raise SubmissionError("Give either the videos to score, or those of which there are predictions.")
    return Videos(videos) if videos is not None or only_predicted else None


def _masks(predictions: str | Path | Run | Arrays) -> Path | Arrays:
    """Returns predictions in a form that can be opened; of a run the folder that holds its folds."""
    import numpy as np

    if isinstance(predictions, str | Path):
        return Path(predictions)
    if isinstance(predictions, Mapping | np.ndarray):
        return predictions
    folders = {folder.parent for folder in predictions.results}
    if len(folders) > 1:
        raise SubmissionError(f"The run lies in {len(folders)} folders. Score them one after the other.")
    return folders.pop()


def _truth(truth: str | Path | Benchmark | Arrays, folds: Sequence[int], draws: Sequence[int]) -> Truth:
    import numpy as np

    from fsbench.submissions.reference import EpisodeTruth

    if isinstance(truth, str | Path):
        return Path(truth)
    if isinstance(truth, Mapping | np.ndarray):
        return truth
    return EpisodeTruth(truth, folds, draws)


def compare(
    one: Run | Entry | str | Path,
    other: Run | Entry | str | Path,
    *,
    by: str | None = None,
    contrast: str | None = None,
    data_root: str | Path = "data",
    splits: str | Path | None = None,
) -> Compared:
    """Says whether two methods differ: over all episodes, in each fold, in each class; or by an attribute.

    Args:
        one, other: Runs, entries, or paths of either; see `fsbench.leaderboard.compare.as_entry`. Both must be of the
            same episodes and protocol.
        by: An attribute of sentences and their targets (`fsbench list attributes`): a row for each of its slices takes
            the place of folds and classes. The difference of a slice averages each class over its draws first, so where
            a class lacks one it may be a trifle off the difference of the two scores.
        contrast: Two slices of an attribute, as in `has_motion=yes,no`: by how much more `one` leads in the first than
            in the second, in the classes that have both.
        data_root: Where datasets are, of whose sentences attributes are told where a manifest has none.
        splits: A manifest or a folder of them; None looks into `splits/` here, then at those that fsbench ships.

    Returns:
        The differences with their 95 % intervals and paired p; `print` shows a table, `to_frame()` gives it. What is
        seen as a sample, and how trainings come into it, says `fsbench.scores.statistics`.

    Raises:
        RunError: A path holds neither, the two were not evaluated on the same episodes by the same protocol, there is
            no such attribute or slice, or `by` and `contrast` are both given.
        ManifestError: Of slices, the manifest is not here, or has no attributes and its sentences are not here.

    Example:
        >>> bench = fsbench.open_benchmark("mini-ref-davis", "data")
        >>> full = fsbench.evaluate("full-frame", bench, draws=[0], out="runs/full-frame")
        >>> empty = fsbench.evaluate("empty", bench, draws=[0], out="runs/empty")
        >>> found = fsbench.compare(full, empty).to_frame()
        >>> found[["of", "difference"]].round(1).to_dict("records")[0]
        {'of': 'all', 'difference': 4.4}
        >>> found = fsbench.compare(full, empty, by="has_colour").to_frame()
        >>> found[["of", "episodes"]].to_dict("records")
        [{'of': 'all', 'episodes': 44}, {'of': 'no', 'episodes': 15}, {'of': 'yes', 'episodes': 29}]
    """
    from fsbench.errors import RunError
    from fsbench.leaderboard.compare import as_entry
    from fsbench.leaderboard.compare import compare
    from fsbench.splits.binning import slices_of_contrast

    where = None if splits is None else Path(splits)
    if by is not None and contrast is not None:
        raise RunError("Give either 'by' or 'contrast'.")
    asked = None if contrast is None else slices_of_contrast(contrast)
    found = compare(as_entry(one, where), as_entry(other, where), Path(data_root), where)
    if asked is not None:
        return found.contrast(*asked)
    return found if by is None else found.sliced(by)


def load_result(path: str | Path) -> Run | Entry:
    """Reads the finished runs of a method below a folder, or the JSON file of a leaderboard entry.

    Raises:
        RunError: There is none, or the folder holds runs of several methods.

    Example:
        >>> bench = fsbench.open_benchmark("mini-ref-davis", "data")
        >>> _ = fsbench.evaluate("empty", bench, draws=[0], out="runs/empty")
        >>> fsbench.load_result("runs/empty").title
        'empty'
    """
    from fsbench.leaderboard.shelf import read_entry
    from fsbench.running.runs import load_run

    path = Path(path)
    return read_entry(path.parent.parent, path) if path.is_file() else load_run(path)


def list_methods() -> pd.DataFrame:
    """Returns the methods that can be named: columns name, version, summary, needs, missing, options, from.

    A method that cannot be used has the reason in a column error.

    Example:
        >>> "full-frame" in set(fsbench.list_methods()["name"])
        True
    """
    import pandas as pd

    from fsbench.listing import method_records

    return pd.DataFrame(method_records())
