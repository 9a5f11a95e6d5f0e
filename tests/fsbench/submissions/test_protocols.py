"""The protocols of other tools, held against the numbers that these tools give."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from tests.mevis import FRAMES
from tests.mevis import SAID
from tests.mevis import true_mask
from tests.mevis import write_mevis

COLUMNS = {
    "mose-v2": {"J": "J_mean", "F_dot": "F_dot_mean", "F": "F_mean"}
    | {name: name for name in ("disappear_J", "disappear_F_dot", "reappear_J", "reappear_F_dot")},
    "long-rvos": {"J": "J_mean", "F": "F_mean", "tIoU": "tIoU", "vIoU": "vIoU"},
}


@pytest.fixture(scope="module")
def osvos(test_data, tmp_path_factory):
    """The masks as they are and with spans of frames emptied, by variant: folders of truth and of predictions."""
    source, out = test_data / "davis17-osvos", tmp_path_factory.mktemp("osvos")
    emptied = {"truth": [*range(10, 20), *range(30, 36)], "pred": range(12, 22)}
    folders = {"truth": "Annotations/480p", "pred": "results_osvos"}
    for kind, places in emptied.items():
        for path in (source / folders[kind]).glob("*/*.png"):
            position = sorted(path.parent.glob("*.png")).index(path)
            for variant in ("asis", "vanish"):
                image = Image.open(path)
                if variant == "vanish" and position in places:
                    image.paste(0, (0, 0, *image.size))
                target = out / variant / kind / path.parent.name / path.name
                target.parent.mkdir(parents=True, exist_ok=True)
                image.save(target)
    return out


@pytest.mark.parametrize(("protocol", "file"), [("mose-v2", "mose_v2.csv"), ("long-rvos", "long_rvos.csv")])
def test_a_tools_own_numbers_on_masks_of_davis(fsbench, test_data, osvos, protocol, file):
    with (test_data / "davis17-osvos" / file).open() as stream:
        expected = {(row["variant"], row["sequence"]): row for row in csv.DictReader(stream)}
    for variant in ("asis", "vanish"):
        folder = osvos / variant
        said = fsbench("score", folder / "pred", "--truth", folder / "truth", "--protocol", protocol, "--json")
        found = json.loads(said.stdout)
        for row in found["objects"]:
            theirs = expected.pop((variant, row["video"]))
            for column, name in COLUMNS[protocol].items():
                if theirs[column] == "":
                    assert row[name] is None
                else:
                    assert row[name] == pytest.approx(float(theirs[column]), abs=1e-9)
        names = COLUMNS[protocol].values()
        known = {name: [row[name] for row in found["objects"] if row[name] is not None] for name in names}
        for name, values in known.items():
            assert found["mean"][name] == (pytest.approx(np.mean(values)) if values else None)
    assert not expected


def write(folder, masks):
    for name, mask in masks.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask.astype(np.uint8)).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def sentences(tmp_path):
    """Three sentences over two frames, by video, sentence and frame: one has no target."""
    block = np.zeros((40, 60), bool)
    block[10:20, 10:30] = True
    shifted, nothing = np.roll(block, 5, axis=1), np.zeros_like(block)
    truth = {"v/0/00": block, "v/0/01": nothing, "v/1/00": nothing, "v/1/01": nothing, "w/0/00": block, "w/0/01": block}
    pred = {
        "v/0/00": shifted,
        "v/0/01": nothing,
        "v/1/00": nothing,
        "v/1/01": block,
        "w/0/00": nothing,
        "w/0/01": block,
    }
    return write(tmp_path / "truth", truth), write(tmp_path / "pred", pred)


def scored(fsbench, sentences, protocol):
    said = fsbench("score", sentences[1], "--truth", sentences[0], "--protocol", protocol, "--json")
    return json.loads(said.stdout)


def test_mevis_v2_leaves_sentences_without_a_target_out_of_j(fsbench, sentences):
    found = scored(fsbench, sentences, "mevis-v2")
    assert [(row["J_mean"], row["N_acc"], row["T_acc"]) for row in found["objects"]] == [
        (pytest.approx((15 / 25 + 1) / 2), None, 1.0),
        (None, 0.0, None),
        (0.5, None, 1.0),
    ]
    assert found["mean"]["J_mean"] == pytest.approx((0.8 + 0.5) / 2)
    assert (found["mean"]["N_acc"], found["mean"]["T_acc"]) == (0.0, 1.0)
    table = fsbench("score", sentences[1], "--truth", sentences[0], "--protocol", "mevis-v2").stdout
    assert "|metrics=mevis-v2/J,mevis-v2/F,N_acc,T_acc|headline=J&F|" in table


def test_a2d_pools_all_frames(fsbench, sentences):
    found = scored(fsbench, sentences, "a2d")
    ious = [0.6, 1, 1, 0, 0, 1]
    assert found["mean"]["mIoU"] == pytest.approx(np.mean(ious))
    assert found["mean"]["oIoU"] == pytest.approx((150 + 200) / (250 + 200 + 200 + 200))
    assert found["mean"]["P@0.5"] == pytest.approx(4 / 6)
    assert found["mean"]["P@0.6"] == pytest.approx(4 / 6)
    assert found["mean"]["P@0.7"] == pytest.approx(3 / 6)
    assert next(iter(found["mean"])) == "mIoU"


def test_revos_measures_what_is_wrong_by_all_that_the_sentences_of_a_frame_name(fsbench, sentences):
    found = {(row["video"], row["expression"]): row for row in scored(fsbench, sentences, "revos")["objects"]}
    assert found["v", "0"]["R_mean"] == pytest.approx(((1 - 50 / 200) + 1) / 2)
    assert found["v", "0"]["A_mean"] == pytest.approx(((1 - 100 / 2400) + 1) / 2)
    assert found["v", "1"]["R_mean"] == pytest.approx((1 + 0) / 2)
    assert found["w", "0"]["R_mean"] == 1


def test_a_value_that_does_not_apply_is_empty_in_a_table_and_null_in_json(fsbench, sentences, tmp_path):
    arguments = ("score", sentences[1], "--truth", sentences[0], "--protocol", "mevis-v2", "--videos-of", "truth")
    fsbench(*arguments, "--out", tmp_path / "objects.csv")
    with (tmp_path / "objects.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["J_mean"], row["N_acc"]) for row in rows] == [("0.8", ""), ("", "0.0"), ("0.5", "")]
    said = fsbench(*arguments[:-2]).stdout
    assert "- where a metric does not apply" not in said


@pytest.mark.parametrize("said", ["type_id", "type"])
def test_the_mean_of_revos_is_that_of_its_kinds_of_sentences(fsbench, tmp_path, said):
    root = write_mevis(tmp_path / "revos", {"cow": 2}, with_frames=False)
    path = root / "meta_expressions.json"
    content = json.loads(path.read_text())
    kinds = {"0": (0, "referring"), "1": (1, "reasoning"), "2": (0, "referring"), "10": (0, "referring")}
    for video in content["videos"].values():
        for key, expression in video["expressions"].items():
            expression[said] = kinds[key][0 if said == "type_id" else 1]
    path.write_text(json.dumps(content))
    for number, video in enumerate(content["videos"]):
        for key, (_, places) in SAID.items():
            for frame, name in enumerate(FRAMES):
                mask = np.any([true_mask(number, place, frame) for place in places] or [np.zeros((24, 32))], axis=0)
                write(tmp_path / "pred", {f"{video}/{key}/{name}": np.roll(mask, int(key) + number, axis=1)})
    score = ("score", tmp_path / "pred", "--truth", root, "--protocol")
    found = json.loads(fsbench(*score, "revos", "--json").stdout)
    by_kind = {
        kind: np.mean([row["J_mean"] for row in found["objects"] if row["kind"] == kind])
        for kind in ("referring", "reasoning")
    }
    assert {kind: means["J_mean"] for kind, means in found["mean"]["kinds"].items()} == pytest.approx(by_kind)
    assert found["mean"]["J_mean"] == pytest.approx(np.mean(list(by_kind.values())))
    assert by_kind["reasoning"] < by_kind["referring"] < 1
    plain = json.loads(fsbench(*score, "mevis", "--json").stdout)["mean"]
    assert plain["J_mean"] == pytest.approx(np.mean([row["J_mean"] for row in found["objects"]]))
    assert plain["kinds"].keys() == by_kind.keys()
    assert "reasoning" in fsbench(*score, "revos").stdout
