import numpy as np
import pytest
from PIL import Image

import fsbench
from fsbench.errors import FsbenchError
from fsbench.errors import PluginError
from fsbench.errors import RunError
from fsbench.exports.folders import export_run
from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.splits.benchmark import open_benchmark
from fsbench.submissions.forms import open_submission
from fsbench_baselines.recalled import Masks
from tests.tiny import write_benchmark


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    base = tmp_path_factory.mktemp("masks")
    write_benchmark(base, {"dog": 3}, draws=2, frames=1)
    return base


@pytest.fixture(scope="module")
def bench(place):
    return open_benchmark("mini-ref-davis", place, place / "splits")


@pytest.fixture(scope="module")
def made(bench, place):
    """The folder of a run whose masks differ from draw to draw."""
    fsbench.evaluate("tests.tiny:Reddish", bench, out=place / "made")
    return place / "made"


def tables(run):
    return {path.relative_to(run): path.read_bytes() for path in run.rglob("part-*")}


@pytest.mark.parametrize("form", ["run", "folder", "masks.zip"])
def test_the_masks_of_a_run_come_to_its_predictions_and_scores_again(form, made, bench, tmp_path):
    source = made if form == "run" else tmp_path / form
    if form != "run":
        export_run(made, source)
    fsbench.evaluate("masks", bench, options={"folder": str(source)}, out=tmp_path / "again")
    assert tables(tmp_path / "again") == tables(made) != {}


def test_masks_without_draws_answer_every_draw(made, bench, tmp_path):
    masks = np.zeros((24, 32), np.uint8)
    masks[3:12, 5:20] = 255
    for row in bench.manifest.rows("episodes"):
        for video in bench.manifest.rows("videos"):
            if video["video_id"] == row["video_id"]:
                write(tmp_path / "one", row, video["frames"], masks)
    fsbench.evaluate("masks", bench, options={"folder": str(tmp_path / "one")}, out=tmp_path / "run")
    with open_submission(tmp_path / "run") as submission:
        keys = submission.keys()
        assert {key.draw for key in keys} == {0, 1}
        assert all(np.array_equal(submission.labels(key), masks == 255) for key in keys)


def write(folder, episode, frames, masks):
    for frame in frames:
        path = folder / episode["video_id"] / episode["expression_id"] / f"{frame}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(masks).save(path)


def spoilt(made, folder, spoil):
    """The masks of a run as a folder, one of them spoilt."""
    export_run(made, folder)
    first = min(folder.rglob("*.png"))
    spoil(first)
    return first


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: path.unlink(), r"has no mask draw-0/dog-./0/00000.*missing=empty"),
        (lambda path: path.write_bytes(path.read_bytes()[:40]), r"dog-./0/00000\.png: cannot be decoded"),
        (lambda path: Image.new("L", (5, 7)).save(path), r"7 x 5, expected 24 x 32"),
        (lambda path: Image.fromarray(np.arange(768, dtype=np.uint8).reshape(24, 32)).save(path), "beside 0"),
        (lambda path: (path.parent / "x.tar").write_bytes(b""), r"x\.tar: is an archive"),
    ],
    ids=["missing", "cut off", "another size", "several values", "an archive"],
)
def test_a_mask_that_cannot_be_recalled_is_an_error_that_names_it(spoil, told, made, bench, tmp_path):
    spoilt(made, tmp_path / "masks", spoil)
    with pytest.raises(FsbenchError, match=rf"(?s){told}"):
        fsbench.evaluate("masks", bench, options={"folder": str(tmp_path / "masks")}, out=tmp_path / "run")


def test_what_is_there_besides_masks_is_passed_over(made, bench, tmp_path):
    spoilt(made, tmp_path / "masks", lambda path: path.with_suffix(".jpg").write_bytes(b""))
    fsbench.evaluate("masks", bench, options={"folder": str(tmp_path / "masks")}, out=tmp_path / "run")
    assert tables(tmp_path / "run") == tables(made) != {}


def test_a_mask_that_is_not_there_is_empty_if_so_asked(made, bench, tmp_path):
    gone = spoilt(made, tmp_path / "masks", lambda path: path.unlink())
    options = {"folder": str(tmp_path / "masks"), "missing": "empty"}
    fsbench.evaluate("masks", bench, options=options, out=tmp_path / "run")
    with open_submission(tmp_path / "run") as run, open_submission(made) as whole:
        keys = whole.keys()
        changed = [key for key in keys if not np.array_equal(run.labels(key), whole.labels(key))]
        assert [(f"draw-{key.draw}", key.video, key.expression, key.frame) for key in changed] == [
            (gone.parts[-5], *gone.parts[-3:-1], gone.stem)
        ]
        assert not run.labels(changed[0]).any()


def test_masks_of_the_frames_size_are_resized_as_the_protocol_asks(made, bench, place, tmp_path):
    protocol = "released"
    fsbench.evaluate("masks", bench, options={"folder": str(made)}, protocol=protocol, out=tmp_path / "run")
    again, direct = (fsbench.score(masks, bench, protocol=protocol).mean for masks in (tmp_path / "run", made))
    assert again == direct


def test_a_changed_mask_is_another_run(made, bench, tmp_path):
    export_run(made, tmp_path / "masks")
    options = {"folder": str(tmp_path / "masks")}
    fsbench.evaluate("masks", bench, options=options, out=tmp_path / "run")
    Image.new("L", (32, 24)).save(min((tmp_path / "masks").rglob("*.png")))
    with pytest.raises(RunError, match=r"files\.folder"):
        fsbench.evaluate("masks", bench, options=options, out=tmp_path / "run")


def test_nobody_but_the_harness_can_ask(made):
    method = Masks(made)
    method.prepare(Fold("any", 0, ("dog",), ()))
    with pytest.raises(PluginError, match="fsbench evaluate"):
        next(method.segment(None, Clip(np.zeros((1, 24, 32, 3), np.uint8)), ["it"]))
