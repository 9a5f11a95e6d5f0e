"""A few-shot set in YouTube-VIS' form, and what the masks of a run on it come to, by pycocotools and numpy alone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from PIL import Image
from pycocotools import mask as coco

from tests.fsbench.metrics import oracles

HEIGHT, WIDTH, LENGTH = 30, 44, 4
CATEGORIES = {1: "person", 2: "giant_panda", 3: "lizard", 4: "parrot", 5: "skateboard", 6: "sedan"}
"""Two classes of the first two folds, one of each other; the ids of YouTube-VIS 2019."""

Masks = npt.NDArray[np.bool_]


def write_youtube_vis(root: Path, videos: int = 7, *, path: str = "train/train.json", lists: bool = True) -> Path:
    """Writes so many videos of each category, each with an object of the next one for company.

    A video of an even number has two objects of its category, which overlap; an object is absent from one frame. Masks
    are lists of run lengths, as YouTube-VIS has them, or strings.
    """
    content: dict[str, list[Any]] = {"info": [], "licenses": [], "videos": [], "categories": [], "annotations": []}
    content["categories"] = [{"supercategory": "object", "id": i, "name": name} for i, name in CATEGORIES.items()]
    for number in range(videos * len(CATEGORIES)):
        category = 1 + number // videos
        name = f"{number:04x}ab"
        files = [f"{name}/{5 * t:05d}.jpg" for t in range(LENGTH)]
        size = {"height": HEIGHT, "width": WIDTH, "length": LENGTH}
        content["videos"].append({"id": number + 1, "file_names": files, "license": 1, "flickr_url": "", **size})
        shown = [category] * (2 if number % 2 == 0 else 1) + (
            [category % len(CATEGORIES) + 1] if number % 3 == 0 else []
        )
        pictures = np.full((LENGTH, HEIGHT, WIDTH, 3), 90, np.uint8)
        for place, of in enumerate(shown):
            masks = [_shape(number, place, t) for t in range(LENGTH)]
            for picture, mask in zip(pictures, masks, strict=True):
                picture[mask] = (40 * of, 255 - 40 * of, 60 * place)
            codes = [_code(mask, as_list=lists) if mask.any() else None for mask in masks]
            boxes = [None if code is None else [0.0, 0.0, 1.0, 1.0] for code in codes]
            about = {"id": len(content["annotations"]) + 1, "video_id": number + 1, "category_id": of, "iscrowd": 0}
            areas = [int(mask.sum()) or None for mask in masks]
            content["annotations"].append({**about, "segmentations": codes, "bboxes": boxes, "areas": areas, **size})
        for file, picture in zip(files, pictures, strict=True):
            (root / "train/JPEGImages" / file).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(root / "train/JPEGImages" / file)
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(json.dumps(content))
    return root


def _shape(number: int, place: int, t: int) -> Masks:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    if t != (number + place) % (LENGTH + 1):
        top, left = 3 + number % 5 + 4 * place, 4 + t + 9 * place
        mask[top : top + 9, left : left + 14] = True
    return mask


def _code(mask: Masks, *, as_list: bool) -> dict[str, Any]:
    if not as_list:
        code = coco.encode(np.asfortranarray(mask, np.uint8))
        return {"size": list(code["size"]), "counts": code["counts"].decode("ascii")}
    pixels = np.concatenate([[0], mask.T.ravel().astype(int), [0]])
    changes = np.flatnonzero(np.diff(pixels))
    counts = np.diff(np.concatenate([[0], changes, [mask.size]])).tolist()
    return {"size": [HEIGHT, WIDTH], "counts": counts}


def expected_scores(file: Path, runs: Path) -> dict[str, Any]:
    """Returns what protocol fss-vos should give of the masks below the folder of a method's runs.

    It is computed from the two files alone: for each fold and draw, J and F of every frame that shows the class, their
    mean over all frames of a class, then over classes; the IoU of foreground and of background over all frames.

    Returns:
        "mean", {"J", "F", "FB_IoU"} over folds, and "classes", the same by class.
    """
    content = json.loads(file.read_text())
    ids = {category["name"]: category["id"] for category in content["categories"]}
    masks: dict[tuple[int, str], list[Any]] = {}
    for item in content["annotations"]:
        masks.setdefault((item["video_id"], item["category_id"]), []).append(item["segmentations"])
    stems = {v["id"]: [Path(name).stem for name in v["file_names"]] for v in content["videos"]}
    found: dict[tuple[str, str], dict[str, list[Any]]] = {}
    for row in pq.read_table(sorted(runs.glob("fold-*/predictions/*.parquet"))).to_pylist():
        fold, name, draw, video, _ = row["episode_id"].split("/")
        number, _, category = video.partition("-")
        assert category == name
        t = stems[int(number)].index(row["frame"])
        codes = [each[t] for each in masks[int(number), ids[name]] if each[t] is not None]
        truth = np.zeros((HEIGHT, WIDTH), bool)
        for code in codes:
            plain = code if isinstance(code["counts"], str) else coco.frPyObjects(code, HEIGHT, WIDTH)
            truth |= coco.decode(plain).astype(bool)
        assert truth.any()
        pred = coco.decode({"size": [row["height"], row["width"]], "counts": row["counts"]}).astype(bool)
        counts = oracles.edt_counts(pred, truth, oracles.radius_of(0.008, truth.shape))
        scores: dict[str, Any] = {"J": (pred & truth).sum() / (pred | truth).sum(), "F": oracles.scores(counts)[1]}
        scores["fore"] = ((pred & truth).sum(), (pred | truth).sum())
        scores["back"] = ((~pred & ~truth).sum(), (~pred | ~truth).sum())
        for key, value in scores.items():
            found.setdefault((f"{fold}/{draw}", name), {}).setdefault(key, []).append(value)
    classes: dict[str, list[dict[str, float]]] = {}
    draws: dict[str, dict[str, list[float]]] = {}
    for fold_draw in dict.fromkeys(key for key, _ in found):
        of_classes = {name: values for (key, name), values in found.items() if key == fold_draw}
        for name, values in of_classes.items():
            classes.setdefault(name, []).append({**_means(values), "FB_IoU": _fb_iou([values])})
        score = {key: np.mean([_means(values)[key] for values in of_classes.values()]) for key in "JF"}
        score["FB_IoU"] = _fb_iou(list(of_classes.values()))
        for key, value in score.items():
            draws.setdefault(fold_draw.split("/")[0], {}).setdefault(key, []).append(float(value))
    folds = [{key: np.mean(values) for key, values in of_fold.items()} for of_fold in draws.values()]
    return {
        "mean": {key: float(np.mean([fold[key] for fold in folds])) for key in folds[0]},
        "classes": {name: {k: float(np.mean([v[k] for v in each])) for k in each[0]} for name, each in classes.items()},
    }


def _means(values: Mapping[str, list[Any]]) -> dict[str, float]:
    return {key: float(np.mean(values[key])) for key in "JF"}


def _fb_iou(parts: list[dict[str, list[Any]]]) -> float:
    sums = {key: np.sum([pair for values in parts for pair in values[key]], axis=0) for key in ("fore", "back")}
    return float(np.mean([sums[key][0] / sums[key][1] for key in sums]))
