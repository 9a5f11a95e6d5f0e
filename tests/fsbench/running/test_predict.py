"""Answers to every sentence of a dataset: without truth, whole, resumable, and read by all that takes predictions."""

import json
import shutil
import zipfile
from io import BytesIO

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import fsbench
from fsbench.datasets import Expression
from fsbench.datasets import open_dataset
from fsbench.errors import DataError
from fsbench.errors import PluginError
from fsbench.errors import RunError
from fsbench.masks.rle import decode_masks
from fsbench.methods import MethodInfo
from tests.forked import let_pools_fork
from tests.tiny import HEIGHT
from tests.tiny import Patches
from tests.tiny import rearrange
from tests.tiny import WIDTH
from tests.tiny import write_dataset

FLAT = {"train/JPEGImages": "valid/JPEGImages"}


class Colours:
    """Segments what is red or blue, by the sentence; an option lets it fail after some videos."""

    info = MethodInfo(name="said", version="1", summary="red or blue", trained_on=())

    def __init__(self, threshold: int = 100, fails_after: int = -1) -> None:
        self.threshold = threshold
        self.left = fails_after

    def prepare(self, fold):
        self.fold = fold

    def adapt(self, support):
        assert support.shots == ()
        return "nothing"

    def segment(self, adapted, clip, expressions):
        assert adapted == "nothing"
        if self.left == 0:
            raise ValueError("out of luck")
        self.left -= 1
        return answers(clip.frames, expressions, self.threshold)


class Said(Colours):
    """Says that sentences will do."""

    ignores_support = True


def answers(frames, expressions, threshold=100):
    difference = frames[..., 0].astype(int) - frames[..., 2]
    return np.stack([(difference if "left" in text else -difference) > threshold for text in expressions])


@pytest.fixture(autouse=True)
def _forked(monkeypatch):
    let_pools_fork(monkeypatch)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("source") / "set", {"dog": 3, "cat": 1})


@pytest.fixture
def root(source, tmp_path):
    """A copy of the dataset, without its truth."""
    copy = shutil.copytree(source, tmp_path / "set")
    shutil.rmtree(copy / "train/Annotations")
    return copy


@pytest.fixture
def lists(root):
    """Ref-YouTube-VOS, as it lies: one list of valid and test, one of test, and pictures of both in one folder."""
    said = json.loads((root / "meta_expressions/train/meta_expressions.json").read_text())["videos"]
    for video in said.values():
        for each in video["expressions"].values():
            del each["obj_id"]
    for part, videos in (("valid", said), ("test", {"dog-2": said["dog-2"]})):
        (root / "meta_expressions" / part).mkdir()
        (root / "meta_expressions" / part / "meta_expressions.json").write_text(json.dumps({"videos": videos}))
    rearrange(root, FLAT)
    (root / "train/meta.json").unlink()
    return root


def parts(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "predictions").iterdir())}


def masks_in(folder):
    rows = [row for path in sorted((folder / "predictions").iterdir()) for row in pq.read_table(path).to_pylist()]
    return {
        (r["video"], r["expression"], r["frame"]): decode_masks([r["counts"]], r["height"], r["width"])[0] for r in rows
    }


def test_every_sentence_in_every_frame_has_the_mask_that_the_method_gives(root, tmp_path):
    found = fsbench.predict(Said, tmp_path / "out", data_root=root)
    assert (found.videos, found.sentences, found.masks) == (4, 12, 48)
    assert str(found) == f"{tmp_path / 'out'}: said 1 on set: 4 videos, 12 sentences, 48 masks"
    dataset = open_dataset("mini-ref-davis", root)
    expected = {}
    for video in dataset.videos():
        said = [each for each in dataset.expressions() if each.video_id == video.video_id]
        frames = np.stack([dataset.frame(video.video_id, name) for name in video.frames])
        for each, masks in zip(said, answers(frames, [each.text for each in said]), strict=True):
            expected |= {
                (video.video_id, each.expression_id, name): mask for name, mask in zip(video.frames, masks, strict=True)
            }
    held = masks_in(tmp_path / "out")
    assert list(held) == list(expected)
    assert all((held[key] == expected[key]).all() for key in expected)
    assert any(mask.any() for mask in held.values())


def test_the_masks_are_predictions_for_validate_and_score(source, root, tmp_path):
    fsbench.predict(Said, tmp_path / "out", data_root=root)
    assert fsbench.validate(tmp_path / "out", source, protocol="mevis") == []
    scores = fsbench.score(tmp_path / "out", source, protocol="mevis")
    assert len(scores.objects) == 12
    # The left patch is red and the right one blue, in pictures that JPEG has blurred a little.
    assert scores.to_frame().query("expression == '0'")["J_mean"].min() > 0.8


def test_the_truth_is_not_looked_at(tmp_path):
    class Blind(Patches):
        def label_map(self, video_id, name):
            raise AssertionError("looked at the truth")

        def frame(self, video_id, name):
            return np.full((HEIGHT, WIDTH, 3), (200, 40, 20), np.uint8)

    assert fsbench.predict(Said, tmp_path / "out", Blind()).masks == 24


@pytest.mark.parametrize(
    ("part", "name", "videos"),
    [
        (None, "valid", ("cat-0", "dog-0", "dog-1")),
        ("test", "test", ("dog-2",)),
        ("all", "all", ("cat-0", "dog-0", "dog-1", "dog-2")),
    ],
)
def test_an_official_list_is_answered_and_becomes_the_zip_of_the_server(lists, tmp_path, fsbench, part, name, videos):
    of_part = () if part is None else ("--part", part)
    ours = ("--data-root", lists, *of_part)
    told = fsbench("predict", "out", "--method", f"{__name__}:Said", *ours, "--workers", 2).stdout
    assert f"said 1 on ref-youtube-vos-{name}: {len(videos)} videos" in told
    fsbench("export", "out", "out.zip", "--format", "ref-youtube-vos", *ours)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        masks = {name: np.array(Image.open(BytesIO(archive.read(name)))) for name in archive.namelist()}
    assert {name.split("/")[1] for name in masks} == set(videos)
    assert len(masks) == 12 * len(videos)
    assert {mask.shape for mask in masks.values()} == {(HEIGHT, WIDTH)}
    for (video, expression, frame), mask in masks_in(tmp_path / "out").items():
        assert (masks[f"Annotations/{video}/{expression}/{frame}.png"] == 255 * mask).all()


def test_pictures_of_the_test_part_may_lie_in_a_folder_of_their_own(lists, tmp_path):
    rearrange(lists, {"valid/JPEGImages/dog-2": "test/JPEGImages/dog-2"})
    assert fsbench.predict(Said, tmp_path / "out", data_root=lists.parent / "set", part="all").videos == 4


def test_a_part_of_mevis_is_answered_from_its_own_folder_or_from_the_one_above(root, tmp_path):
    rearrange(
        root,
        {
            "train/JPEGImages": "valid/JPEGImages",
            "meta_expressions/train/meta_expressions.json": "valid/meta_expressions.json",
        },
    )
    above = fsbench.predict(Said, tmp_path / "above", data_root=root, part="valid")
    own = fsbench.predict(Said, tmp_path / "own", data_root=root / "valid")
    assert (above.identity.dataset, own.identity.dataset) == ("set-valid", "valid")
    assert masks_in(above.folder).keys() == masks_in(own.folder).keys()
    assert above.masks == 48
    with pytest.raises(DataError, match=r"set: holds no list of test with sentences of a known form\. Name"):
        fsbench.predict(Said, tmp_path / "none", data_root=root, part="test")


def test_a_named_dataset_is_answered_and_has_no_parts(root, tmp_path):
    found = fsbench.predict("empty", tmp_path / "out", "mini-ref-davis", root)
    assert not any(mask.any() for mask in masks_in(found.folder).values())
    with pytest.raises(DataError, match=r"mini-ref-davis: is named, and has no part 'valid'"):
        fsbench.predict("empty", tmp_path / "other", "mini-ref-davis", root, part="valid")


def test_a_sentence_is_answered_in_the_frames_in_which_it_is_asked(tmp_path):
    class Sampled(Patches):
        def expressions(self):
            return [
                Expression("red-0", "0", (1,), "the left patch"),
                Expression("red-0", "1", (1,), "the left one", ("00001", "00003")),
            ]

    found = fsbench.predict(Said, tmp_path / "out", Sampled())
    assert (found.videos, found.sentences, found.masks) == (1, 2, 6)
    asked = [key[1:] for key in masks_in(found.folder)]
    assert asked == [("0", f"0000{t}") for t in range(4)] + [("1", "00001"), ("1", "00003")]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_stopped_goes_on_and_ends_in_the_same_bytes(root, tmp_path, caplog, workers):
    whole = fsbench.predict(Said, tmp_path / "whole", data_root=root, workers=workers)
    looked = fsbench.predict(Said, tmp_path / "out", data_root=root, limit=2)
    assert str(looked).endswith(": said 1 on set: 2 of 4 videos, 6 sentences, 24 masks")
    begun = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/predictions").iterdir()}
    found = fsbench.predict(Said, tmp_path / "out", data_root=root, workers=workers)
    assert found.masks == whole.masks
    assert parts(tmp_path / "out") == parts(tmp_path / "whole")
    assert {path: path.stat().st_mtime_ns for path in begun} == begun
    assert "6 sentences are taken from 20" in caplog.text
    identity = (tmp_path / "out/identity.json").read_text()
    assert identity == (tmp_path / "whole/identity.json").read_text()
    assert json.loads(identity) == json.loads(found.to_json())["identity"]


def test_a_video_of_many_sentences_is_answered_in_several_parts(root, tmp_path, monkeypatch):
    whole = fsbench.predict(Said, tmp_path / "whole", data_root=root)
    monkeypatch.setattr("fsbench.running.predict._MOST_MASKS", 9)  # two sentences of four frames
    found = fsbench.predict(Said, tmp_path / "out", data_root=root, limit=3)
    assert (found.videos, found.sentences) == (3, 9)
    assert len(parts(found.folder)) == 6
    found = fsbench.predict(Said, tmp_path / "out", data_root=root)
    assert (found.videos, found.masks, len(parts(found.folder))) == (4, 48, 8)
    held, expected = masks_in(found.folder), masks_in(whole.folder)
    assert list(held) == list(expected)
    assert all((held[key] == expected[key]).all() for key in expected)


def test_a_list_says_which_videos_are_answered(root, tmp_path, fsbench):
    (tmp_path / "list.txt").write_text("dog-1\ncat-0\n")
    ran = ("predict", "out", "--method", "empty", "--data-root", root, "--videos")
    assert "2 of 4 videos, 6 sentences" in fsbench(*ran, "list.txt").stdout
    assert {key[0] for key in masks_in(tmp_path / "out")} == {"cat-0", "dog-1"}
    (tmp_path / "list.txt").write_text("dog-1\nbird-7\n")
    assert "asks nothing about 1 videos of the list, e.g. 'bird-7'." in fsbench(*ran, "list.txt", code=3).stderr


def test_a_method_that_fails_leaves_what_it_has_finished(root, tmp_path):
    with pytest.raises(ValueError, match="out of luck"):
        fsbench.predict(Said, tmp_path / "out", data_root=root, options={"fails_after": "2"})
    assert list(parts(tmp_path / "out")) == ["part-00000.parquet", "part-00001.parquet"]
    with pytest.raises(ValueError, match="out of luck"):
        fsbench.predict(Said, tmp_path / "none", data_root=root, options={"fails_after": "0"})
    assert not (tmp_path / "none/identity.json").exists()
    assert fsbench.predict(Said, tmp_path / "none", data_root=root).videos == 4


def test_masks_of_another_identity_are_never_mixed_in(root, tmp_path):
    out = tmp_path / "out"
    fsbench.predict(Said, out, data_root=root, limit=1)
    with pytest.raises(
        RunError, match=r"out: holds other masks; they differ in options\.threshold: 100, now 90\. Name"
    ):
        fsbench.predict(Said, out, data_root=root, options={"threshold": "90"})
    assert fsbench.predict(Said, out, data_root=root, options={"threshold": "90"}, restart=True).videos == 4
    path = root / "meta_expressions/train/meta_expressions.json"
    path.write_text(path.read_text().replace("the left dog", "the other dog"))
    with pytest.raises(RunError, match=r"questions: \w+, now \w+"):
        fsbench.predict(Said, out, data_root=root, options={"threshold": "90"})
    (out / "identity.json").write_text("{")
    with pytest.raises(
        RunError, match=r"identity\.json: .*whose masks these are is not known\. Discard them with --re"
    ):
        fsbench.predict(Said, out, data_root=root)
    (out / "run.json").write_text("{}")
    with pytest.raises(RunError, match=r"out: holds a run of 'fsbench evaluate'"):
        fsbench.predict(Said, out, data_root=root, restart=True)


def test_masks_of_pictures_that_have_changed_are_not_taken(root, tmp_path):
    fsbench.predict(Said, tmp_path / "out", data_root=root)
    picture = root / "train/JPEGImages/dog-0/00005.jpg"
    Image.new("RGB", (WIDTH, HEIGHT), (9, 9, 9)).save(picture)
    with pytest.raises(RunError, match=r"out: pictures of video 'dog-0' have changed since it was answered\. Name"):
        fsbench.predict(Said, tmp_path / "out", data_root=root)


def test_a_method_that_needs_a_support_set_is_refused_before_anything_is_made(root, tmp_path, fsbench):
    refused = fsbench("predict", "out", "--method", "support-copy", "--data-root", root, code=2).stderr
    assert refused.startswith(
        "Error: Method 'support-copy' needs a support set, and sentences alone have none: 'fsbench"
    )
    assert refused.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_factory_that_says_it_in_another_way_is_refused(root, tmp_path):
    class Unsure(Colours):
        ignores_support = "yes"

    class Misspelt(Colours):
        ignore_support = True

    for kind, message in ((Unsure, "'ignores_support' is a str, expected True"), (Misspelt, "meant to be 'ignores_s")):
        with pytest.raises(PluginError, match=message):
            fsbench.predict(kind, tmp_path / "out", data_root=root)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: (root / "train/JPEGImages/dog-0/00005.jpg").unlink(), r"dog-0/00005\.jpg: missing"),
        (
            lambda root: Image.new("RGB", (8, 8)).save(root / "train/JPEGImages/cat-0/00005.jpg"),
            r"video 'cat-0', frame '00005': the picture is \(8, 8\) \(height, width\), and .* first \(24, 32\)",
        ),
        (
            lambda root: [path.write_text('{"videos": {}}') for path in root.rglob("meta*.json")],
            r"set: has no sentences, so there is nothing to answer",
        ),
        (lambda root: shutil.rmtree(root / "meta_expressions"), r"set: holds no sentences of a known form"),
    ],
)
def test_what_is_wrong_with_the_data_is_said(root, tmp_path, damage, message):
    damage(root)
    with pytest.raises(DataError, match=message):
        fsbench.predict(Said, tmp_path / "out", data_root=root)


def test_sentences_without_a_text_are_not_answered(tmp_path):
    class Silent(Patches):
        def expressions(self):
            return [Expression("red-0", "0", (1,), "")]

    with pytest.raises(DataError, match=r"says nothing of what is asked of video 'red-0': no text is there"):
        fsbench.predict("full-frame", tmp_path / "out", Silent())


def test_json_says_who_made_the_masks(root, fsbench):
    ran = ("--method", "full-frame", "--data-root", root)
    told = json.loads(fsbench("predict", "out", *ran, "--json").stdout)
    assert (told["folder"], told["videos"], told["videos_asked"], told["masks"]) == ("out", 4, 4, 48)
    assert told["identity"]["method"]["name"] == "full-frame"
    assert set(told["identity"]["sources"]) == {"train/meta.json", "meta_expressions/train/meta_expressions.json"}
