"""MiniVSPW out of files in the form of VSPW and of its lists."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pycocotools import mask as coco

from fsbench.datasets import open_dataset
from fsbench.datasets.minivspw import prepare_mini_vspw
from fsbench.datasets.vspw import CATEGORIES
from fsbench.datasets.vspw import FOLDS
from fsbench.errors import DataError

NAME = "few-shot-mini-vspw"
NUMBERS = {"airplane": 57, "bus": 50, "dog": 63, "cattle": 65}
WALL, SKY, VOID = 1, 29, 255
FRAMES = ("00000118", "00000119", "00000121")


def mask_of(number, t):
    """A mask of VSPW: a class on wall and sky, not in every frame, beside a class of another fold."""
    labels = np.full((24, 36), WALL, np.uint8)
    labels[:9] = SKY
    labels[20:, 30:] = NUMBERS["dog"]
    if t != number % 4:
        labels[3 + number % 7 : 15 + number % 7, 5 + 2 * t : 22 + t] = list(NUMBERS.values())[number // 7]
    labels[0] = VOID
    return labels


@pytest.fixture
def release(tmp_path):
    """VSPW with seven videos of one class of each fold, and the lists of its test videos; not every frame is listed."""
    listed = {fold: [] for fold in range(4)}
    for number in range(7 * len(NUMBERS)):
        video = f"{number}_{'qZm-' * 2}"
        for t, frame in enumerate((*FRAMES, "00000125")):
            labels = mask_of(number, t) if t < 3 else np.zeros((24, 36), np.uint8)
            for folder, ending, image in (("mask", "png", labels), ("origin", "jpg", np.stack([labels] * 3, axis=-1))):
                path = tmp_path / "VSPW_480p/data" / video / folder / f"{frame}.{ending}"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).save(path)
        listed[number // 7] += [f"{video} {video}/mask/{frame}.png" for frame in FRAMES]
    lists = tmp_path / "lists/nminivspw_pascal"
    lists.mkdir(parents=True)
    for fold, names in enumerate(FOLDS):
        classes = {str(NUMBERS.get(name, 200 + i)): name for i, name in enumerate(names)}
        (lists / f"class_test_{fold}.json").write_text(json.dumps(classes))
        (lists / f"test_{fold}.txt").write_text("\n".join(listed[fold]) + "\n")
    return tmp_path


def test_every_class_is_in_the_fold_of_the_lists():
    assert len(set(CATEGORIES)) == 20
    for i, name in enumerate(CATEGORIES):
        assert name in FOLDS[i % 4]


def test_from_the_release_to_scores_that_pycocotools_and_numpy_give(fsbench, release):
    (release / "lists").rename(release / "authors")
    prepare = ("prepare", "mini-vspw", "--vspw", release, "--lists", "authors")
    info = json.loads(fsbench(*prepare, "--link", "--json").stdout)
    assert info["counts"]["classes"] == 4
    assert info["counts"]["videos"] == 28
    assert "is there already, and is the same" in fsbench(*prepare, "--link").stderr
    dataset = open_dataset(NAME, release / "data")
    videos = {video.video_id: video.frames for video in dataset.videos()}
    for number in range(28):
        name = list(NUMBERS)[number // 7]
        shows = tuple(FRAMES[t] for t in range(3) if NUMBERS[name] in mask_of(number, t))
        assert videos[f"{number}_qZm-qZm--{name}"] == shows
    assert set(np.unique(dataset.label_map("0_qZm-qZm--airplane", FRAMES[1]))) == {0, 57}
    assert "no problems" in fsbench("verify", f"splits/{NAME}/v1", "--data-root", "data").stdout

    evaluate = ("evaluate", "--method", "support-copy", "--dataset", NAME, "--protocol", "fss-vos", "--draws", 0)
    report = json.loads(fsbench(*evaluate, "--json").stdout)
    sums: dict[str, list[float]] = {}
    for row in pq.read_table(sorted((release / "runs").rglob("predictions/*.parquet"))).to_pylist():
        _, name, _, video, _ = row["episode_id"].split("/")
        pred = coco.decode({"size": [row["height"], row["width"]], "counts": row["counts"]}).astype(bool)
        truth = mask_of(int(video.split("_")[0]), FRAMES.index(row["frame"])) == NUMBERS[name]
        sums.setdefault(name, []).append((pred & truth).sum() / (pred | truth).sum())
    assert report["mean"]["J"] == pytest.approx(np.mean([np.mean(values) for values in sums.values()]), abs=1e-12)
    assert [run["identity"]["fold"] for run in report["runs"]] == [1, 2, 3, 4]


WRONG = {
    "no VSPW": (lambda root: (root / "VSPW_480p").rename(root / "VSPW"), "holds no VSPW at 480p"),
    "no lists": (
        lambda root: (root / "lists/nminivspw_pascal/class_test_0.json").unlink(),
        r"class_test_0\.json: cannot be read",
    ),
    "other classes": (
        lambda root: (root / "lists/nminivspw_pascal/class_test_1.json").write_text('{"5": "wall"}'),
        r"class_test_1\.json: expected the classes bus, car, cat",
    ),
    "other lines": (
        lambda root: (root / "lists/nminivspw_pascal/test_2.txt").write_text("a b/mask/1.png\n"),
        r"test_2\.txt, line 1: expected '<video> <video>/mask/<frame>\.png', not 'a b/mask",
    ),
    "out of the folder": (
        lambda root: (root / "lists/nminivspw_pascal/test_2.txt").write_text(".. ../mask/1.png\n"),
        "'..'",
    ),
    "no picture": (
        lambda root: (root / f"VSPW_480p/data/0_qZm-qZm-/origin/{FRAMES[0]}.jpg").unlink(),
        rf"{FRAMES[0]}\.jpg: missing",
    ),
    "no mask": (lambda root: (root / f"VSPW_480p/data/0_qZm-qZm-/mask/{FRAMES[0]}.png").unlink(), "missing"),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_and_nothing_is_made(release, change, message):
    change(release)
    with pytest.raises(DataError, match=message):
        prepare_mini_vspw(release, release / "lists", release / "out")
    assert not (release / "out").exists()
