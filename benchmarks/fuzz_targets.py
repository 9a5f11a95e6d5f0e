"""What is fuzzed: for each kind of file, how good ones are made, and all that reads them."""

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from functools import cache
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from PIL import Image

import fsbench
from benchmarks import fuzz_labels
from benchmarks.fuzz_mutators import write_zip
from fsbench.datasets import open_dataset
from fsbench.datasets.reading import read_frames
from fsbench.errors import FsbenchError
from fsbench.errors import RunError
from fsbench.exports.folders import export_run
from fsbench.leaderboard import entries_from_runs
from fsbench.leaderboard import read_entries
from fsbench.leaderboard import readme
from fsbench.leaderboard import render
from fsbench.leaderboard import write_entries
from fsbench.leaderboard.details import detail_paths
from fsbench.leaderboard.details import Details
from fsbench.leaderboard.entries import FoldEntry
from fsbench.leaderboard.entries import mean_over_folds
from fsbench.running.plan import plan_units
from fsbench.splits.benchmark import Benchmark
from fsbench.splits.build import BuildOptions
from fsbench.splits.manifest import overall_digest
from fsbench.splits.schema import table_digest
from fsbench.splits.schema import TABLES
from fsbench.splits.verify import verify_manifest
from tests.tiny import write_benchmark
from tests.tiny import write_dataset

__all__ = ["TARGETS", "Target"]

CATEGORIES = {"cow": 2, "dog": 2}
NAME = "mini-ref-davis"
STYLES = ("md", "csv", "latex", "json")


class Target(NamedTuple):
    """A kind of file.

    Attributes:
        name: What it is called.
        make: Fills an empty folder with good files.
        read: Reads them in all ways that there are, and leaves the folder as it is.
        patterns: Which of the files are damaged.
        sign: Makes digests and sums beside a damaged file right again, so that the damage is looked at.
    """

    name: str
    make: Callable[[Path], object]
    read: Callable[[Path], object]
    patterns: tuple[str, ...]
    sign: Callable[[Path], object] | None = None

    def files(self, folder: Path) -> list[Path]:
        """Returns the files that may be damaged."""
        found = {path for pattern in self.patterns for path in folder.glob(pattern) if path.is_file()}
        return sorted(found)


def _all(*calls: Callable[[], object]) -> None:
    """Makes all calls, and then raises the first FsbenchError that there was."""
    errors = []
    for call in calls:
        try:
            call()
        except FsbenchError as error:
            errors.append(error)
    if errors:
        raise errors[0]


@contextmanager
def _copy(folder: Path) -> Iterator[Path]:
    """Yields a copy of a folder, for calls that write."""
    with tempfile.TemporaryDirectory() as scratch:
        yield shutil.copytree(folder, Path(scratch) / "copy")


# Datasets


def _make_metadata(folder: Path) -> None:
    write_dataset(folder / NAME, CATEGORIES, with_frames=False)
    groups = {1: ["cow-0", "dog-0"], 2: {"cow-1": 0, "dog": ["dog-1"]}}
    (folder / NAME / "splits").mkdir()
    for number, group in groups.items():
        (folder / NAME / f"splits/group{number}_test.json").write_text(json.dumps(group))


def _read_metadata(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as out:
        options = BuildOptions(draws=2, frames=2)
        bench = fsbench.build_splits(NAME, folder, out=out, options=options)
        _plan(bench)
        _all(lambda: verify_manifest(bench.manifest.path, bench.dataset))


def _plan(bench: Benchmark) -> None:
    for fold in bench.folds:
        bench.fold(fold)
        plan_units(bench, fold, bench.draws)


def _make_frames(folder: Path) -> None:
    root = write_dataset(folder / NAME, {"cow": 1}, frames=3)
    pictures, masks = root / "train/JPEGImages/cow-0", root / "train/Annotations/cow-0"
    first, second, third = sorted(pictures.iterdir())
    Image.open(second).save(second.with_suffix(".png"))
    second.unlink()
    Image.open(third).convert("L").save(third)
    deep = np.asarray(Image.open(masks / f"{first.stem}.png")).astype(np.uint16)
    Image.fromarray(deep).save(masks / f"{first.stem}.png")


def _read_frames(folder: Path) -> None:
    dataset = open_dataset(NAME, folder)
    (video,) = dataset.videos()
    annotated = {each.object_id: each.frames for each in dataset.objects()}
    _all(
        *(partial(read, video.video_id, name) for name in video.frames for read in (dataset.frame, dataset.label_map)),
        lambda: read_frames(dataset, video.video_id, annotated, video.frames),
        lambda: dataset.frame_size(video.video_id),
    )


def _make_label_maps(folder: Path) -> None:
    for number, content in enumerate(fuzz_labels.seed_files()[::7]):
        (folder / f"{number:02d}.png").write_bytes(content)


def _read_label_maps(folder: Path) -> None:
    for path in folder.iterdir():
        fuzz_labels.check(path.read_bytes())


def _make_description(folder: Path) -> None:
    write_dataset(folder / "set", {"cow": 3, "dog": 3}, with_frames=False)
    layout = {"metadata": "train/meta.json", "expressions": "meta_expressions/train/meta_expressions.json"}
    layout |= {"images": ["train/JPEGImages"], "annotations": "train/Annotations"}
    rule = {"minimum": 1, "cap": 2, "shots": 1, "frames": 2, "draws": 2, "queries": 0, "seed": 3}
    whole = {"name": "my-set", "title": "Mine", "layout": layout, "root": "set", "classes": ["cow", "dog"], "folds": 2}
    whole |= {"rule": rule, "version": "v2", "licence": "CC0", "shows": "masks"}
    short = {"name": "short", "folders": ["set", "other"], "rule": {"draws": 1, "frames": 2}}
    for name, content in (("whole", whole), ("short", short)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))


def _read_descriptions(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as out:
        _all(*(partial(fsbench.build_splits, path, folder, out=out) for path in sorted(folder.glob("*.yaml"))))


# Manifests


def _make_manifest(folder: Path) -> None:
    _, made = write_benchmark(folder, CATEGORIES, draws=2, frames=2)
    made.rename(folder / "manifest")


def _read_manifest(folder: Path) -> None:
    def opened() -> None:
        bench = fsbench.open_benchmark(NAME, folder, folder / "manifest")
        _plan(bench)
        repr(bench)

    _all(opened, lambda: verify_manifest(folder / "manifest", open_dataset(NAME, folder), pixels=False))


def _sign_manifest(folder: Path) -> None:
    path = folder / "manifest/manifest.json"
    info = json.loads(path.read_bytes())
    for name in TABLES:
        rows = pq.read_table(folder / f"manifest/{name}.parquet").to_pylist()
        info["digests"][name], info["counts"][name] = table_digest(name, rows), len(rows)
    info["digest"] = overall_digest(info["digests"])
    path.write_text(json.dumps(info))


# Runs, submissions, entries


def _make_run(folder: Path) -> None:
    """Makes a finished run of each of two methods; the first has a failed episode and times that never change."""
    _, made = write_benchmark(folder, CATEGORIES, draws=2, frames=2)
    bench = fsbench.open_benchmark(NAME, folder, made)
    fsbench.evaluate("tests.tiny:Reddish", bench, out=folder / "run")
    fsbench.evaluate("full-frame", bench, out=folder / "other")
    for path in folder.glob("*/*/timing.jsonl"):
        lines = [{**json.loads(line), "seconds": 1.5, "peak_bytes": 1 << 28} for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@cache
def _bench(folder: Path) -> Benchmark:
    return fsbench.open_benchmark(NAME, folder, folder / "splits")


def _read_run(folder: Path) -> None:
    def loaded() -> None:
        run = fsbench.load_result(folder / "run")
        _all(run.__str__, run.to_json, run._repr_html_, *(partial(run.to_frame, level) for level in LEVELS))

    def submitted() -> None:
        found = entries_from_runs(folder / "run", lambda identity: _bench(folder).folds)
        render(found, "md")
        with tempfile.TemporaryDirectory() as out:
            write_entries(Path(out), found)
            read_entries(Path(out))

    with tempfile.TemporaryDirectory() as out:
        _all(
            loaded,
            submitted,
            lambda: fsbench.compare(folder / "run", folder / "other").to_json(),
            lambda: fsbench.score(folder / "run", _bench(folder)),
            lambda: export_run(folder / "run", Path(out) / "masks.zip"),
        )


LEVELS = ("frame", "episode", "class", "fold")


def _resume_run(folder: Path) -> None:
    with _copy(folder / "run") as out:
        fsbench.evaluate("tests.tiny:Reddish", _bench(folder), out=out)


def _make_unfinished(folder: Path) -> None:
    _make_run(folder)
    (folder / "run/fold-0/result.json").unlink()
    (folder / "run/fold-0/scores/part-00001.parquet").unlink()
    (folder / "run/fold-0/failures.json").write_text('{"1": {"f0/dog/d0/dog-1/0": "no memory"}}')


def _make_submissions(folder: Path) -> None:
    """Makes the same masks in every form, of all episodes and as label maps."""
    _make_run(folder)
    export_run(folder / "run", folder / "masks.zip")
    shutil.unpack_archive(folder / "masks.zip", folder / "masks")
    files = [(path.relative_to(folder / "masks").as_posix(), path.read_bytes()) for path in _below(folder / "masks")]
    (folder / "masks.zip").write_bytes(write_zip(files))
    parts = [pq.read_table(path) for path in sorted(folder.glob("run/*/predictions/*"))]
    pq.write_table(pa.concat_tables(parts), folder / "codes.parquet")
    rows = [row for part in parts for row in part.to_pylist()]
    texts = [{**row, "counts": row["counts"].decode()} for row in rows]
    sized = [{"size": [row.pop("height"), row.pop("width")], **_parts(row.pop("episode_id")), **row} for row in texts]
    (folder / "codes.json").write_text(json.dumps({"masks": sized}))
    labels = folder / f"{NAME}/train/Annotations"
    shutil.copytree(labels, folder / "labels")
    files = [(f"Annotations/{path.relative_to(labels).as_posix()}", path.read_bytes()) for path in _below(labels)]
    (folder / "labels.zip").write_bytes(write_zip(files))


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _parts(episode_id: str) -> dict[str, object]:
    _, _, draw, video, expression = episode_id.split("/")
    return {"draw": int(draw[1:]), "video": video, "expression": expression}


def _read_answers(name: str, folder: Path) -> None:
    """Scores masks of sentences against episodes; and takes them for what they are not."""
    given, bench = folder / name, _bench(folder)
    _all(
        lambda: fsbench.validate(given, bench),
        lambda: fsbench.score(given, bench),
        lambda: fsbench.score(given, bench, missing_is_empty=True, ignore_extra=True),
    )
    labels = folder / f"{NAME}/train/Annotations"
    for pair in ((given, labels), (labels, given)):
        with suppress(FsbenchError):
            fsbench.score(*pair, missing_is_empty=True, ignore_extra=True)


def _read_labels(name: str, folder: Path) -> None:
    """Scores label maps, and takes them for the truth."""
    given, labels = folder / name, folder / f"{NAME}/train/Annotations"
    lenient = partial(fsbench.score, missing_is_empty=True, ignore_extra=True)
    _all(
        lambda: fsbench.validate(given, labels, protocol="davis-2017"),
        lambda: lenient(given, labels, protocol="davis-2017-unsupervised"),
        lambda: lenient(labels, given, protocol="vos-benchmark"),
    )
    with suppress(FsbenchError):
        lenient(given, _bench(folder))


def _make_truths(folder: Path) -> None:
    """Makes truths of sentences in every form that others have, with answers in theirs."""
    from tests.fsbench.datasets.test_a2d import coco_truth
    from tests.fsbench.datasets.test_a2d import results
    from tests.fsbench.datasets.test_a2d import write_a2d
    from tests.fsbench.datasets.test_jhmdb import VIDEOS
    from tests.fsbench.datasets.test_jhmdb import write_jhmdb
    from tests.fsbench.datasets.test_jhmdb import write_samples
    from tests.fsbench.datasets.test_jhmdb import write_v73
    from tests.fsbench.datasets.test_masklets import CONTENT
    from tests.fsbench.submissions.test_masklets import answers
    from tests.mevis import write_mevis

    write_mevis(folder / "mevis", {"cow": 1}, with_frames=False)
    write_samples(write_jhmdb(folder / "jhmdb"), {video: ["00001"] for video in VIDEOS})
    old = next(folder.glob("jhmdb/puppet_mask/*/one_frame_3/puppet_mask.mat"))
    write_v73(old, np.ones((24, 32, 1), np.uint8))
    write_a2d(folder / "a2d")
    pairs = [{"video_id": 7, "category_id": number, "noun_phrase": "a dog"} for number in (1, 30)]
    files = {"masklets": CONTENT, "phrases": {**CONTENT, "video_np_pairs": pairs}, "samples": coco_truth()}
    files |= {"answered-masklets": answers(), "answered-samples": results(1)[0]}
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


def _read_truths(folder: Path) -> None:
    """Scores answers against truths of their form, and by others."""
    lenient = partial(fsbench.score, missing_is_empty=True, ignore_extra=True, protocol="mevis")
    masklets, samples = folder / "answered-masklets.json", folder / "answered-samples.json"
    pairs = [(masklets, folder / "masklets.json"), (masklets, folder / "phrases.json"), (samples, folder / "a2d")]
    pairs += [(samples, folder / "samples.json"), (masklets, folder / "mevis"), (samples, folder / "jhmdb")]
    _all(
        *(partial(fsbench.validate, *pair) for pair in pairs),
        *(partial(lenient, *pair) for pair in pairs),
        lambda: fsbench.score(masklets, folder / "masklets.json", min_score=0.5, ignore_extra=True),
    )


def _make_entries(folder: Path) -> None:
    _make_run(folder)
    found = entries_from_runs(folder, lambda identity: _bench(folder).folds, links=["https://example.org/code"])
    write_entries(folder / "entries", found)
    (folder / "given").mkdir()
    shutil.copy(next(folder.glob("entries/*/full-frame.json")), folder / "given")


def _read_entries(folder: Path) -> None:
    from fsbench.leaderboard.site import make_boards
    from fsbench.leaderboard.site import write_site

    found = read_entries(folder / "entries")
    paths = sorted(folder.glob("entries/*/*.json"))
    with tempfile.TemporaryDirectory() as out:
        _all(
            lambda: readme(found),
            *(partial(render, found, style) for style in STYLES),
            lambda: fsbench.compare(paths[0], paths[1]).to_json(),
            lambda: write_site(Path(out) / "site", make_boards(found)),
        )


def _sign_entries(folder: Path) -> None:
    for path in folder.glob("entries/*/*.json"):
        entry = json.loads(path.read_bytes())
        before = detail_paths(path, entry["details_sha256"])
        tables = {name: pq.read_table(file) for name, file in before.items()}
        entry["details_sha256"] = Details(**tables).digest
        for name, file in detail_paths(path, entry["details_sha256"]).items():
            before[name].rename(file)
        path.write_text(json.dumps(entry))
        folds = [FoldEntry.model_validate(fold) for fold in entry["folds"]]
        mean = mean_over_folds(folds, entry["expected_folds"])
        entry["mean"] = None if mean is None else mean.model_dump()
        path.write_text(json.dumps(entry))


# Recipes, trainings, checkpoints


def _make_recipes(folder: Path) -> None:
    from fsbench_baselines.referformer.recipes import RECIPES
    from tests.baselines.referformer.training_samples import MODEL

    whole = {**RECIPES["shapes"].to_json(), "model": MODEL, "pretraining": None, "naming": None}
    (folder / "whole.yaml").write_text(yaml.safe_dump(whole))
    few = {"base": "shapes", "lr": 0.001, "augmentation": {"flip": 0.0}, "model": MODEL, "rates": {"backbone": 0.1}}
    (folder / "few.yaml").write_text(yaml.safe_dump(few))


def _read_recipes(folder: Path) -> None:
    from fsbench_baselines.referformer.recipes import RECIPES
    from fsbench_baselines.referformer.task import build_task
    from fsbench_baselines.referformer.task import Start
    from fsbench_baselines.training.optimisation import build_optimizer
    from fsbench_baselines.training.recipe import load_recipe
    from tests.baselines.referformer.training_samples import SENTENCES

    def read(path: Path) -> None:
        recipe = load_recipe(str(path), {}, recipes=RECIPES, base="shapes")
        build_optimizer(build_task(recipe, Start(sentences=SENTENCES)).model, recipe)

    _all(*(partial(read, path) for path in sorted(folder.glob("*.yaml"))))


def _make_training(folder: Path) -> None:
    """Makes a training that was stopped in the middle, and a finished one."""
    from tests.baselines.training.toy import ToyEpisodes
    from tests.baselines.training.toy import train

    with _toys():
        train(folder / "finished")
    with _toys(), suppress(RunError):
        train(folder / "stopped", episodes=ToyEpisodes(broken=[(2, 0)]))


def _resume_trainings(folder: Path) -> None:
    from tests.baselines.training.toy import train

    def resume(name: str) -> None:
        with _copy(folder / name) as out, _toys():
            train(out, resume=True)

    _all(partial(resume, "finished"), partial(resume, "stopped"))


def _make_checkpoint(folder: Path) -> None:
    from fsbench_baselines.referformer.task import Start
    from fsbench_cma.task import build_task
    from tests.baselines.referformer.training_samples import MODEL
    from tests.baselines.referformer.training_samples import recipe
    from tests.baselines.referformer.training_samples import SENTENCES

    small = recipe(model={**MODEL, "short_side": 32})
    build_task(small, Start(sentences=SENTENCES), affinity="cross", dab=True).save(folder / "model")


def _read_checkpoint(folder: Path) -> None:
    from fsbench.methods import Fold
    from fsbench_cma.declarations import CMAOptions
    from fsbench_cma.method import CMAMethod

    method = CMAMethod(CMAOptions(checkpoint=folder / "model", device="cpu"))
    method.prepare(Fold("set", 1, ("cow",), ("dog",)))
    method.tokens(["the left dog"])
    with tempfile.TemporaryDirectory() as out:
        method.convert(Path(out) / "converted", half=True)


def _sign_checkpoint(folder: Path) -> None:
    import safetensors
    from safetensors.torch import save

    path = folder / "model/model.safetensors"
    with safetensors.safe_open(path, framework="pt") as stream:
        state = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - not a mapping
    path.write_bytes(save(state, metadata={"config": (folder / "model/config.json").read_text(encoding="utf-8")}))


def _make_released(folder: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from fsbench_baselines.referformer.config import ModelConfig
    from fsbench_baselines.referformer.model import ReferFormer
    from tests.baselines.danet.samples import small_model
    from tests.baselines.referformer.training_samples import MODEL

    torch.manual_seed(0)
    state = ReferFormer(ModelConfig(**MODEL)).state_dict()
    arguments = argparse.Namespace(lr=1e-4, backbone="resnet_small", masks=True)
    optimizer = {"state": {0: {"step": 3}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
    torch.save({"model": state, "args": arguments, "optimizer": optimizer, "epoch": 3}, folder / "family.pt")
    torch.save({f"module.{name}": tensor for name, tensor in small_model().state_dict().items()}, folder / "danet.pt")
    save_file({name: tensor.clone() for name, tensor in state.items()}, folder / "family.safetensors")


def _read_released(folder: Path) -> None:
    from transformers import RobertaConfig

    from fsbench_baselines.danet.checkpoint import load_released as load_danet
    from fsbench_baselines.referformer.checkpoint import load_released
    from fsbench_baselines.released import read_released
    from fsbench_cma import load_released as load_cma
    from tests.baselines.referformer.training_samples import TEXT

    def loaded(load: Callable[..., object], path: Path) -> None:
        with_no_fit(partial(load, path, backbone="resnet_small", text_config=RobertaConfig(**TEXT)))

    def with_no_fit(load: Callable[[], object]) -> None:
        try:
            load()
        except FsbenchError as error:  # good files of a small model fit none that was released
            if "do not fit" not in str(error) and "are of" not in str(error):
                raise

    calls: list[Callable[[], object]] = []
    for path in sorted(folder.iterdir()):
        calls += [partial(read_released, path), partial(loaded, load_released, path), partial(loaded, load_cma, path)]
    _all(*calls, partial(with_no_fit, partial(load_danet, folder / "danet.pt")))


@contextmanager
def _toys() -> Iterator[None]:
    """Lets one process train several times, and draws no pictures."""
    from unittest import mock

    from accelerate.state import AcceleratorState

    from fsbench_baselines.training import loop

    with mock.patch.object(loop, "draw_curve"):
        try:
            yield
        finally:
            AcceleratorState._reset_state(reset_partial_state=True)


def _submission(name: str, pattern: str) -> Target:
    read = _read_labels if name == "labels" else _read_answers
    return Target(f"submission-{name}", _make_submissions, partial(read, pattern.split("/")[0]), (pattern,))


_LIST: Iterable[Target] = (
    Target("metadata", _make_metadata, _read_metadata, (f"{NAME}/**/*.json",)),
    Target("frames", _make_frames, _read_frames, (f"{NAME}/train/*/*/*",)),
    Target("label-maps", _make_label_maps, _read_label_maps, ("*.png",)),
    Target("descriptions", _make_description, _read_descriptions, ("*.yaml",)),
    Target("manifests", _make_manifest, _read_manifest, ("manifest/*",), _sign_manifest),
    _submission("zip", "masks.zip"),
    _submission("folder", "masks/**/*.png"),
    _submission("parquet", "codes.parquet"),
    _submission("json", "codes.json"),
    _submission("labels", "labels.zip"),
    Target(
        "truths",
        _make_truths,
        _read_truths,
        # Of the .mat files that of version 7.3: scipy 1.17.1 may end the process on others.
        ("*.json", "*/*.json", "*/*.txt", "a2d/**/*.txt", "a2d/**/*.csv", "a2d/**/*.h5", "jhmdb/**/one_frame_3/*.mat"),
    ),
    Target("runs", _make_run, _read_run, ("run/*/*.json*", "run/*/*/*.parquet")),
    Target("resumed-runs", _make_unfinished, _resume_run, ("run/*/*.json*", "run/*/*/*.parquet")),
    Target("entries", _make_entries, _read_entries, ("entries/*/*.json",), _sign_entries),
    Target("details", _make_entries, _read_entries, ("entries/*/*.parquet",), _sign_entries),
    Target("recipes", _make_recipes, _read_recipes, ("*.yaml",)),
    Target("trainings", _make_training, _resume_trainings, ("*/*.json*", "*/state.pt")),
    Target("checkpoints", _make_checkpoint, _read_checkpoint, ("model/*", "model/tokenizer/*"), _sign_checkpoint),
    Target("released", _make_released, _read_released, ("*.pt", "*.safetensors")),
)
TARGETS = {target.name: target for target in _LIST}
"""All, by name."""
