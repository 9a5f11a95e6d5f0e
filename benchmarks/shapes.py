"""Does a method use its support? The trainings and runs that decide it on the embedded set, in one command.

    python -m benchmarks.shapes --out shapes --jobs 2           # goes on where it was stopped
    python -m benchmarks.shapes --out shapes --plan             # what is left, with the CPU minutes that it will take
    python -m benchmarks.shapes --out more --recipe usual --seeds 1 2    # further seeds, elsewhere

`docs/mini-ref-shapes.md` says how the results are to be read, and was written before anything was trained. All training
is on videos that were rendered from another seed than the set's. It goes from a ReferFormer (recipe `shapes`), one for
each fold, to each method (recipe `shapes-meta`, in which the name of the class is hidden), with as many steps on the
same videos.

1. Choosing. Fold 1 is left alone, and of its base classes those of fold 2 are held out: models are trained on those of
   folds 3 and 4, and tested on fold 2, in videos of a third seed. No novel class of fold 1 is looked at, so that its
   results are of a recipe that follows from base classes alone; the other folds' are of one that was chosen on 32 of
   their classes, in other videos. The recipes of `CHOICES` are tried in turn, and the first one is taken that makes
   use of the support: where it is needed, J&F falls by `LOSS` points or more if another class's is given, a mean over
   the affinity as published and the one that looks at the object alone. Of none that does, that with the highest J&F
   where the support is needed. It is written to `recipe.json`.
2. Ranking. By this recipe each method of `RANKED` is trained for each fold from three seeds, and tested on the novel
   classes; the controls are of the first seed alone.
3. Beside it, DANet from each seed, which reads no sentence and goes on from no other training; and from the first seed
   `cma-self`, `cma-object`, and CMA with the projections of its affinity untouched, as the released code leaves them,
   and 12, 48 or 96 base shapes, a short and a long training, of the affinity as published on all folds, and on fold 1
   from a second seed and of `cma-prior`. Each has a run with another class's support.

Each piece is a few commands of fsbench with one thread: more jobs are better than more threads. With `--recipe` and
`--seeds` seeds are shared out over machines; each makes the ReferFormers of the folds again, to the same bits on
processors of a kind.
"""

import argparse
import json
import os
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.pieces import Piece
from benchmarks.pieces import Work
from fsbench.datasets.catalogue import open_dataset
from fsbench.datasets.catalogue import resolve_dataset
from fsbench.datasets.shapes import generate_shapes
from fsbench.datasets.shapes import NEEDED
from fsbench.datasets.shapes import NOT_NEEDED
from fsbench.datasets.shapes import NUM_FOLDS
from fsbench.datasets.shapes import ShapesConfig
from fsbench.datasets.shipped import MINI_REF_SHAPES
from fsbench.files import write_whole
from fsbench.leaderboard.compare import as_entry
from fsbench.leaderboard.slices import slicer_of
from fsbench.splits.binning import find_attribute
from fsbench.splits.build import build_manifest
from fsbench.splits.build import BuildOptions
from fsbench.splits.controls import CONTROLS
from fsbench.splits.manifest import manifest_folder
from fsbench.splits.manifest import read_manifest
from fsbench.splits.manifest import write_manifest
from fsbench.text import columns

EMBEDDED = MINI_REF_SHAPES.name
FOLDS = range(1, NUM_FOLDS + 1)
LEFT_ALONE, HELD_OUT = 1, 2  # folds, while the recipe is chosen
SEEDS = range(3)

PUBLISHED, OBJECT, PRIOR = "cma", "cma-object", "cma-prior"
WORDLESS = "danet"
RANKED = (PRIOR, PUBLISHED, "referformer", "cma-add")
CONTROLLED = (PRIOR, PUBLISHED, "cma-add")

SHAPES = {  # to train on, by the number of base classes that they leave a fold; all have as many videos
    12: ShapesConfig(seed=2, num_categories=16, videos_per_category=512),
    48: ShapesConfig(seed=2, num_categories=64, videos_per_category=128),
    96: ShapesConfig(seed=2, videos_per_category=64),
}
CHOSEN_ON = ShapesConfig(seed=1)


@dataclass(frozen=True)
class Choice:
    """A recipe that might be the one.

    Attributes:
        label: For folders and tables.
        first, meta: What its two trainings have that `shapes` and `shapes-meta` do not, as `--set` takes it.
    """

    label: str
    first: Mapping[str, str]
    meta: Mapping[str, str]


CHOICES = (
    Choice("usual", {}, {}),
    Choice("twice-as-long", {}, {"epochs": "16"}),
    Choice("name-half-hidden", {}, {"augmentation.hide_name": "0.5"}),
)
LOSS = 3.0  # J&F in per cent
LENGTHS = {"short": {"epochs": "2"}, "long": {}}
EPOCHS = "8"  # of a long second training
PRETRAINING = {"pretraining.epochs": "80"}  # of the backbone, in any first training

EPISODES = 960  # of an epoch, with any number of classes
_STEPS = EPISODES // 8


def main() -> None:
    """Parses the command line, does what is left to do, and prints what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("shapes"), help="folder for all of it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at once, of one thread each")
    parser.add_argument("--plan", action="store_true", help="print what is left, and do nothing")
    parser.add_argument("--recipe", choices=[choice.label for choice in CHOICES], help="take it, and choose none")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="of what is ranked (0 1 2)")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    taken = next((choice for choice in CHOICES if choice.label == arguments.recipe), chosen(out))
    if arguments.plan:
        if taken is None:
            print(Work(out, [piece for choice in CHOICES for piece in choosing_pieces(out, choice)]).plan())
        print(Work(out, deciding_pieces(out, taken or CHOICES[0], arguments.seeds)).plan())
        return
    resolve_dataset(EMBEDDED, out / "data", progress=True)
    render(out, 96)
    if taken is None:
        taken = choose(out, arguments.jobs)
        print(f"\nJ&F in per cent, on base classes that were held out. The recipe: {taken.label}.", flush=True)
    Work(out, ranked_pieces(out, taken, arguments.seeds)).run(arguments.jobs)
    if SEEDS[0] in arguments.seeds:
        for number in SHAPES:
            render(out, number)
    Work(out, deciding_pieces(out, taken, arguments.seeds)).run(arguments.jobs)
    print(f"Entries of the runs on novel classes: fsbench submit {out / 'runs'}")


# ---- data ----


def render(out: Path, number: int) -> None:
    """Renders a set to train on, a key of `SHAPES`, and of all shapes what the recipe is chosen on."""
    _render(out / "sets" / f"train-{number}", SHAPES[number], "train", FOLDS)
    if number == max(SHAPES):
        _render(out / "sets" / f"train-{number}", SHAPES[number], "choose", set(FOLDS) - {LEFT_ALONE})
        _render(out / "sets" / "choose", CHOSEN_ON, "choose", {HELD_OUT})


def _render(root: Path, config: ShapesConfig, version: str, folds: Iterable[int]) -> None:
    """Renders a set, with a manifest of the classes of some folds."""
    generate_shapes(root / EMBEDDED, config, workers=os.cpu_count() or 1, progress=True)
    if _manifest(root, version).exists():
        return
    dataset = open_dataset(EMBEDDED, root)
    names = {name for number, name in enumerate(config.categories) if number % NUM_FOLDS + 1 in folds}
    videos = tuple(video.video_id for video in dataset.videos() if video.video_id.rpartition("-")[0] in names)
    write_manifest(root / "splits", *build_manifest(dataset, BuildOptions(version=version, videos=videos)))


def _manifest(root: Path, version: str) -> Path:
    return manifest_folder(root / "splits", EMBEDDED, version)


# ---- pieces ----


@dataclass(frozen=True)
class _Training:
    """A second training, and the first one that it goes on from; that of `WORDLESS` goes on from none.

    Attributes:
        out: The folder of all.
        method: What is trained.
        choice: How.
        fold: Whose classes are not trained on.
        seed: Of the second one.
        shapes: The set that is trained on, a key of `SHAPES`.
        version: The manifest of that set, which may leave classes out.
        classes: How many are trained on.
        length: A key of `LENGTHS`.
        is_touched: Whether the projections of the affinity are trained.
    """

    out: Path
    method: str
    choice: Choice
    fold: int
    seed: int = 0
    shapes: int = 96
    version: str = "train"
    classes: int = 96
    length: str = "long"
    is_touched: bool = True

    @property
    def variant(self) -> str:
        """What sets it apart among the trainings of its method, but for seed and fold."""
        if not self.is_touched:
            return "untouched"
        return f"{self.length}-on-{self.shapes}" if self.is_cell else ""

    @property
    def is_cell(self) -> bool:
        """Whether it is a cell of the factors that is not ranked as well."""
        return (self.shapes, self.length) != (96, "long")

    @property
    def place(self) -> str:
        """The folder of the trainings and runs of all folds, below whatever it is of."""
        name = f"{self.method}.{self.variant}" if self.variant else self.method
        return f"{name}/seed-{self.seed}" if self.version == "train" else f"choosing/{self.choice.label}/{name}"

    @property
    def _name(self) -> str:
        return f"trainings/{self.place}/fold-{self.fold}"

    def _runs(self, control: str) -> str:
        """Returns the folder of its runs: those of the second part alone may become entries."""
        if self.version != "train":
            return "runs-on-base"
        return "controls" if control else "factors" if self.is_cell else "runs"

    def pieces(self) -> tuple[Piece, ...]:
        """Returns the trainings; the weights are stored in half precision, as they are then tested."""
        changes = {"episodes_per_class": self._per_class, "epochs": EPOCHS} | self.choice.meta | LENGTHS[self.length]
        epochs = int(changes["epochs"])
        # Here and below, seconds of a step of each stage, as measured on two cores.
        if self.method == WORDLESS:
            stage = {"pretraining.episodes_per_class": self._per_class, **PRETRAINING}
            per_step = int(PRETRAINING["pretraining.epochs"]) * 0.05 + epochs * 0.2
            return (self._last("shapes", {**changes, **stage}, WORDLESS, per_step),)
        start = self._first()
        recipe = "shapes-meta" if self.is_touched else "shapes-meta-released"
        return start, self._last(recipe, changes, "meta", epochs * 0.3, start.name)

    def _first(self) -> Piece:
        own = {**PRETRAINING, **self.choice.first}
        epochs = {"naming.epochs": 6, "epochs": 7} | {key: int(value) for key, value in own.items()}
        per_step = epochs["pretraining.epochs"] * 0.05
        per_step += epochs["naming.epochs"] * (0.12 + 0.002 * self.classes) + epochs["epochs"] * 0.23
        name = f"trainings/first-on-{self.classes}/fold-{self.fold}"
        if self.choice.first:
            name = f"{name}.{self.choice.label}"
        stages = {f"{stage}episodes_per_class": self._per_class for stage in ("", "pretraining.", "naming.")}
        command = self._train("referformer", "shapes", SEEDS[0], {**stages, **own}, name)
        return Piece(name, (command,), (), "first", _STEPS * per_step)

    def _last(self, recipe: str, changes: Mapping[str, str], kind: str, per_step: float, first: str = "") -> Piece:
        init = ("--init", f"{self.out / first}/model") if first else ()
        train = self._train(self.method, recipe, self.seed, changes, self._name, *init)
        half = ("convert", f"{self.out / self._name}/model", f"{self.out / self._name}/half", "--method", self.method)
        needs = (first,) if first else ()
        return Piece(self._name, (train, (*half, "--half")), needs, kind, _STEPS * per_step)

    @property
    def _per_class(self) -> str:
        return str(EPISODES // self.classes)

    def _train(
        self, method: str, recipe: str, seed: int, changes: Mapping[str, str], place: str, *more: str
    ) -> tuple[str, ...]:
        root = self.out / "sets" / f"train-{self.shapes}"
        what = ("train", "--method", method, "--recipe", recipe, "--seed", str(seed), "--fold", str(self.fold))
        sets = [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]
        where = ("--dataset", EMBEDDED, "--data-root", str(root), "--splits", str(_manifest(root, self.version)))
        return (*what, *sets, *where, "--device", "cpu", "--out", str(self.out / place), "--resume", *more)

    def run(self, control: str = "") -> Piece:
        """Returns the run of its model over the classes of its fold; of a control, or plain."""
        place = f"{self._runs(control)}/{self.place}{f'.{control}' if control else ''}"
        what = ("evaluate", "--method", self.method, "--checkpoint", f"{self.out / self._name}/half")
        what += ("--fold", str(self.fold), "--dataset", EMBEDDED, "--device", "cpu", "--out", str(self.out / place))
        seed = f"seed-{self.seed}" if self.seed else ""
        what += ("--variant", "-".join(filter(None, (self.variant, seed)))) + (
            ("--control", control) if control else ()
        )
        root = self.out / "data" if self.version == "train" else self.out / "sets" / "choose"
        where = ("--data-root", str(root))
        where += () if self.version == "train" else ("--splits", str(_manifest(root, self.version)))
        return Piece(f"{place}/fold-{self.fold}", ((*what, *where),), (self._name,), "run", 60)


def choosing_pieces(out: Path, choice: Choice) -> Iterator[Piece]:
    """Yields the pieces of the first part that try a recipe."""
    for training in _candidates(out, choice):
        yield from (*training.pieces(), *map(training.run, ("", "other-class")))


def _candidates(out: Path, choice: Choice) -> tuple[_Training, ...]:
    methods = (PUBLISHED, OBJECT)
    return tuple(_Training(out, method, choice, HELD_OUT, version="choose", classes=64) for method in methods)


def deciding_pieces(out: Path, choice: Choice, seeds: Sequence[int] = SEEDS) -> Iterator[Piece]:
    """Yields the pieces of the other parts: what is ranked, then what is trained beside it."""
    yield from ranked_pieces(out, choice, seeds)
    for training in _beside(out, choice, seeds):
        yield from (*training.pieces(), *map(training.run, ("", "other-class")))


def ranked_pieces(out: Path, choice: Choice, seeds: Sequence[int]) -> Iterator[Piece]:
    """Yields the pieces of what is ranked, seed by seed, and then of its controls."""
    ranked = list(_ranked(out, choice, seeds))
    for training in ranked:
        yield from (*training.pieces(), training.run())
    for training in ranked:
        if training.seed == SEEDS[0] and training.method in CONTROLLED:
            yield from map(training.run, CONTROLS)


def _ranked(out: Path, choice: Choice, seeds: Iterable[int]) -> Iterator[_Training]:
    for seed in seeds:
        for method in RANKED:
            for fold in FOLDS:
                yield _Training(out, method, choice, fold, seed)


def _beside(out: Path, choice: Choice, seeds: Sequence[int]) -> Iterator[_Training]:
    if SEEDS[0] in seeds:
        yield from _beside_once(out, choice)
    for seed in seeds:
        for fold in FOLDS:
            yield _Training(out, WORDLESS, choice, fold, seed)


def _beside_once(out: Path, choice: Choice) -> Iterator[_Training]:
    for fold in FOLDS:
        yield _Training(out, PUBLISHED, choice, fold, is_touched=False)
        yield _Training(out, "cma-self", choice, fold)
        yield _Training(out, OBJECT, choice, fold)
    on_one_fold = ((PRIOR, 0, LEFT_ALONE), (PUBLISHED, 1, LEFT_ALONE))
    for method, seed, fold in (*((PUBLISHED, 0, fold) for fold in FOLDS), *on_one_fold):
        for shapes in SHAPES:
            for length in LENGTHS:
                cell = _Training(out, method, choice, fold, seed, shapes, classes=shapes, length=length)
                if cell.is_cell:
                    yield cell


# ---- the choice ----


def chosen(out: Path) -> Choice | None:
    """Returns the recipe that was chosen; None if none was."""
    path = out / "recipe.json"
    label = json.loads(path.read_bytes())["label"] if path.exists() else None
    return next((choice for choice in CHOICES if choice.label == label), None)


def choose(out: Path, jobs: int) -> Choice:
    """Tries recipes until one makes use of the support, prints what they came to, and writes down which is taken."""
    tried: dict[str, dict[str, float]] = {}
    for choice in CHOICES:
        starts = (
            training.pieces()[0] for training in _ranked(out, choice, SEEDS[:1])
        )  # while a trial waits for its own
        Work(out, (*choosing_pieces(out, choice), *starts)).run(jobs)
        tried[choice.label] = _try(out, choice)
        if tried[choice.label]["loss"] >= LOSS:
            break
    else:
        choice = max(CHOICES, key=lambda choice: tried[choice.label][NEEDED])
    write_whole(out / "recipe.json", json.dumps({"label": choice.label, "tried": tried}, indent=1) + "\n")
    return choice


def _try(out: Path, choice: Choice) -> dict[str, float]:
    """Prints what a recipe came to, and returns J&F where the support is needed, and what another's support costs."""
    heads = [f"{kind}{of}" for of in ("", ", another's support") for kind in (NEEDED, NOT_NEEDED)]
    rows: list[tuple[str, ...]] = [("recipe", "method", *heads)]
    found = {NEEDED: 0.0, "loss": 0.0}
    for training in _candidates(out, choice):
        own, other = (_by_kind(out, training, control) for control in ("", "other-class"))
        cells = (f"{at[kind]:.1f}" for at in (own, other) for kind in (NEEDED, NOT_NEEDED))
        rows.append((choice.label, training.method, *cells))
        found[NEEDED] += own[NEEDED] / 2
        found["loss"] += (own[NEEDED] - other[NEEDED]) / 2
    print(columns(rows), flush=True)
    return found


def _by_kind(out: Path, training: _Training, control: str = "") -> dict[str, float]:
    """Returns J&F of a run of the first part in per cent, by the kind of the sentence."""
    manifest = _manifest(out / "sets" / "choose", "choose")
    run = out / training.run(control).name
    found = slicer_of(read_manifest(manifest), None).slices(as_entry(run, manifest), find_attribute("kind"))
    return {name: 100 * each.score["J&F"] for name, each in found.items()}


if __name__ == "__main__":
    main()
