"""A dataset as MeViS and ReVOS lie on disk: sentences about several objects, which overlap, or about none."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as coco

HEIGHT, WIDTH = 24, 32
FRAMES = ("00000", "00001", "00002", "00003")
SAID = {"0": ("the left", (0,)), "1": ("the right", (1,)), "2": ("both", (1, 0)), "10": ("the flying", ())}
"""For each sentence its text, and which of a video's annotations it names."""


def true_mask(number: int, place: int, frame: int) -> np.ndarray:
    """Returns the mask of an annotation of a video, bool [H, W]; the second one is not there in frame 0."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    if place == 0:
        mask[4 + frame : 14 + frame, 3 + number % 3 : 14] = True
    elif frame > 0:
        mask[8:20, 11 : 24 + frame] = True
    return mask


def code_of(mask: np.ndarray) -> dict[str, object]:
    """Returns a COCO run-length code as JSON has it."""
    code = coco.encode(np.asfortranarray(mask, np.uint8))
    return {"size": code["size"], "counts": code["counts"].decode("ascii")}


def write_mevis(root: Path, categories: Mapping[str, int], *, with_frames: bool = True) -> Path:
    """Writes `categories[name]` videos of each category, with two annotations and the sentences of `SAID` each."""
    videos, masks, named = {}, {}, {}
    for number, video in enumerate(f"{name}-{i}" for name, count in categories.items() for i in range(count)):
        category = video.split("-")[0]
        expressions = {}
        for key, (text, places) in SAID.items():
            annotations = [100 + 2 * number + place for place in places]
            expressions[key] = {"exp": f"{text} {category}", "obj_id": list(places), "anno_id": annotations}
        videos[video] = {"vid_id": number, "frames": list(FRAMES), "expressions": expressions}
        for place in (0, 1):
            found = [true_mask(number, place, frame) for frame in range(len(FRAMES))]
            masks[str(100 + 2 * number + place)] = [code_of(mask) if mask.any() else None for mask in found]
            named[str(100 + 2 * number + place)] = category
        for frame, name in enumerate(FRAMES if with_frames else ()):
            picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
            picture[true_mask(number, 1, frame)] = (20, 40, 200)
            picture[true_mask(number, 0, frame)] = (200, 40, 20)
            path = root / "JPEGImages" / video / f"{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)
    root.mkdir(parents=True, exist_ok=True)
    (root / "meta_expressions.json").write_text(json.dumps({"videos": videos}))
    (root / "mask_dict.json").write_text(json.dumps(masks))
    (root / "categories.json").write_text(json.dumps(named))
    return root
