"""The zip for the server of Ref-YouTube-VOS, held against lists in the form of the official ones."""

import json
import zipfile
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from fsbench.errors import DataError
from fsbench.errors import SubmissionError
from fsbench.exports.ref_youtube_vos import export_for_server
from fsbench.masks.rle import encode_masks

VALID, TEST = ("v0", "v1"), ("t0",)
FRAMES = ("00000", "00005")


def asked(videos):
    said = {"0": {"exp": "a dog"}, "1": {"exp": "a dog on the left"}}
    return {"videos": {video: {"frames": list(FRAMES), "expressions": said} for video in videos}}


def write_lists(root, *, with_test=True):
    for part, videos in (("valid", (*VALID, *TEST)), ("test", TEST)):
        if part == "valid" or with_test:
            path = root / "meta_expressions" / part / "meta_expressions.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(asked(videos)))
    return root


def mask_of(video, expression, frame):
    mask = np.zeros((6, 9), np.uint8)
    mask[: 1 + int(expression), (VALID + TEST).index(video) :] = int(frame) + 1
    return mask


def write_masks(folder, videos=(*VALID, *TEST)):
    for video in videos:
        for expression in "01":
            for frame in FRAMES:
                path = folder / "Annotations" / video / expression / f"{frame}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(mask_of(video, expression, frame)).save(path)
    return folder


def written(path):
    with zipfile.ZipFile(path) as archive:
        images = {name: Image.open(BytesIO(archive.read(name))) for name in archive.namelist()}
        assert {image.mode for image in images.values()} == {"L"}
        return {name: np.array(image) for name, image in images.items()}


@pytest.mark.parametrize(
    ("part", "with_test", "videos", "title"),
    [
        (None, True, VALID, "valid: 2 videos, 4 sentences, 8 masks"),
        ("test", True, TEST, "test: 1 videos, 2 sentences, 4 masks"),
        ("all", True, VALID + TEST, "all: 3 videos"),
        (None, False, VALID + TEST, "valid and test: 3 videos, 6 sentences, 12 masks"),
    ],
)
def test_the_zip_holds_every_mask_of_the_part_as_black_and_white(tmp_path, part, with_test, videos, title):
    root = write_lists(tmp_path / "data/ref-youtube-vos", with_test=with_test)
    told = export_for_server(write_masks(tmp_path / "mine"), tmp_path / "out.zip", root.parent, part=part)
    assert title in told
    found = written(tmp_path / "out.zip")
    assert set(found) == {f"Annotations/{v}/{e}/{f}.png" for v in videos for e in "01" for f in FRAMES}
    for name, image in found.items():
        video, expression, frame = name.removesuffix(".png").split("/")[1:]
        np.testing.assert_array_equal(image, np.where(mask_of(video, expression, frame), 255, 0))


def test_masks_of_any_form_give_the_same_bytes(tmp_path):
    root = write_lists(tmp_path)
    rows = [
        {"video": v, "expression": e, "frame": f, "size": [6, 9], "counts": code.decode()}
        for v in VALID
        for e in "01"
        for f in FRAMES
        for code in encode_masks(mask_of(v, e, f)[None] != 0)
    ]
    (tmp_path / "masks.json").write_text(json.dumps(rows))
    export_for_server(tmp_path / "masks.json", tmp_path / "of-codes.zip", root)
    export_for_server(write_masks(tmp_path / "mine", VALID), tmp_path / "of-folder.zip", root)
    assert (tmp_path / "of-codes.zip").read_bytes() == (tmp_path / "of-folder.zip").read_bytes()


def test_what_is_missing_and_what_nobody_asks_for_is_listed_and_nothing_is_written(tmp_path):
    root, mine = write_lists(tmp_path / "data"), write_masks(tmp_path / "mine", [*VALID, *TEST])
    (mine / "Annotations/v0/0/00005.png").unlink()
    (mine / "Annotations/v0/1").rename(mine / "Annotations/v0/7")
    (mine / "Annotations/v1").rename(mine / "Annotations/w1")
    with pytest.raises(SubmissionError) as error:
        export_for_server(mine, tmp_path / "out.zip", root)
    for told in ("1 of 2, e.g. 00005", "v0/1", "v0/7", "v1: all 2 frames are missing", "w1: nobody asks for it"):
        assert told in str(error.value)
    assert "t0" not in str(error.value)
    assert not (tmp_path / "out.zip").exists()


def test_masks_that_are_of_no_use_are_listed_and_nothing_is_written(tmp_path):
    root, mine = write_lists(tmp_path / "data"), write_masks(tmp_path / "mine", VALID)
    Image.fromarray(np.zeros((7, 9), np.uint8)).save(mine / "Annotations/v0/1/00000.png")
    Image.fromarray(np.arange(54, dtype=np.uint8).reshape(6, 9)).save(mine / "Annotations/v1/0/00000.png")
    (mine / "Annotations/v1/1/00000.png").write_bytes(b"no picture")
    with pytest.raises(SubmissionError) as error:
        export_for_server(mine, tmp_path / "out.zip", root)
    for told in ("7 x 9, and the video's first mask is 6 x 9", "values [1, 2, 3", "v1/1/00000.png"):
        assert told in str(error.value)
    assert str(error.value).count("v1/1/00000.png") == 1
    assert not (tmp_path / "out.zip").exists()


def test_valid_cannot_be_told_from_test_without_the_list_of_test(tmp_path):
    root, mine = write_lists(tmp_path, with_test=False), write_masks(tmp_path / "mine")
    with pytest.raises(DataError, match=r"test/meta_expressions\.json: is not there.*ask for all"):
        export_for_server(mine, tmp_path / "out.zip", root, part="valid")
    with pytest.raises(DataError, match=r"(?s)no lists of Ref-YouTube-VOS.*list of valid +nothing"):
        export_for_server(mine, tmp_path / "out.zip", tmp_path / "nowhere")


def test_the_official_list_asks_for_every_sentence_of_507_videos(fsbench, test_data, tmp_path):
    official = test_data / "ref-youtube-vos/meta_expressions/valid/meta_expressions.json"
    listed = json.loads(official.read_text())["videos"]
    (code,) = encode_masks(np.zeros((1, 4, 6), np.bool_))
    rows = [
        {"video": video, "expression": expression, "frame": frame, "size": [4, 6], "counts": code.decode()}
        for video, item in list(listed.items())[:3]
        for expression in item["expressions"]
        for frame in item["frames"]
    ]
    last = rows.pop()
    (tmp_path / "three.json").write_text(json.dumps(rows))
    command = ["export", "three.json", "out.zip", "--format", "ref-youtube-vos", "--data-root", test_data]
    refused = fsbench(*command, code=4).stderr
    assert len(listed) == 507
    assert "missing-video: 504" in refused
    assert f"missing-frame: 1\n  {last['video']}/{last['expression']}: 1 of" in refused
