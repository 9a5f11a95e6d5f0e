import csv
import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from PIL import Image
from scipy.optimize import linear_sum_assignment

from fsbench.cli import main
from fsbench.errors import DataError
from fsbench.errors import SubmissionError
from fsbench.exports.folders import export_run
from fsbench.metrics import decay
from fsbench.metrics import region_and_contour
from fsbench.protocol import named_protocol
from fsbench.running.evaluate import evaluate_method
from fsbench.running.fold import RunOptions
from fsbench.splits.benchmark import open_benchmark
from fsbench.submissions.passing import PassOptions
from fsbench.submissions.reference import EpisodeTruth
from fsbench.submissions.score import score
from fsbench.submissions.score import validate
from tests.fsbench.running.test_fold import request as run_request
from tests.fsbench.running.test_fold import source  # noqa: F401 - a fixture

SIZE = (20, 30)


def write_masks(root, videos):
    """Writes {video or video/expression: [label map, ...]} as palette PNGs."""
    for name, maps in videos.items():
        (root / name).mkdir(parents=True)
        for t, labels in enumerate(maps):
            image = Image.fromarray(labels)
            image.putpalette(list(range(256)) * 3)  # a short palette makes Pillow drop bits
            image.save(root / name / f"{t:05d}.png")
    return root


def random_videos(seed, *, ids=(1, 2, 4), void=False, late=True):
    """Returns truth and predictions of two videos, 6 frames each: blobs, an id gap, an object that comes late."""
    rng = np.random.default_rng(seed)
    truth, preds = {}, {}
    for name in ("one", "two"):
        truth[name], preds[name] = [], []
        for t in range(6):
            label_map = np.zeros(SIZE, np.uint8)
            for i in ids:
                if not (late and i == 2 and t < 3 and name == "two"):
                    y, x = rng.integers(0, 12), rng.integers(0, 20)
                    label_map[y : y + rng.integers(2, 9), x : x + rng.integers(2, 12)] = i
            pred = np.roll(label_map, rng.integers(-2, 3), axis=1)
            pred[rng.random(SIZE) < 0.02] = 0
            if void:
                label_map[:3, :5] = 255
            truth[name].append(label_map)
            preds[name].append(pred)
    return truth, preds


def scored(tmp_path, truth, preds, protocol, **options):
    pred_root, truth_root = write_masks(tmp_path / "pred", preds), write_masks(tmp_path / "truth", truth)
    return score(pred_root, truth_root, named_protocol(protocol), PassOptions(**options))


def both(pred, truth, i, j=None):
    """J and F of two clips of label maps."""
    pred, truth = np.stack(pred), np.stack(truth)
    return region_and_contour(pred == i, truth == (i if j is None else j))


def means(scores):
    return {(row["video"], row["object_id"]): (row["J_mean"], row["F_mean"]) for row in scores.objects}


@pytest.mark.parametrize("seed", range(4))
def test_davis_2017_scores_inner_frames_and_counts_id_gaps(tmp_path, seed):
    truth, preds = random_videos(seed, late=False)
    truth["one"][0][:] = truth["one"][0]
    truth["one"][0][0, 0] = 4
    truth["two"][0][0, 0] = 4
    expected = {}
    for name in truth:
        for i in range(1, 5):
            j, f = both(preds[name][1:-1], truth[name][1:-1], i)
            expected[name, i] = (np.mean(j), np.mean(f))
    scores = scored(tmp_path, truth, preds, "davis-2017")
    assert means(scores) == expected
    assert scores.mean["J_mean"] == np.mean([j for j, _ in expected.values()])
    assert scores.mean["J&F"] == (scores.mean["J_mean"] + scores.mean["F_mean"]) / 2
    assert expected["one", 3] == (1.0, 1.0)


@pytest.mark.parametrize("seed", range(4))
def test_davis_2017_unsupervised_assigns_proposals_and_leaves_void_out(tmp_path, seed):
    truth, preds = random_videos(seed, ids=(1, 2), void=True, late=False)
    swap = np.array([0, 5, 3, 0, 0, 0], np.uint8)
    preds = {name: [swap[p] for p in maps] for name, maps in preds.items()}
    truth["one"][0][10, 10], truth["two"][0][10, 10] = 2, 2
    totals = []
    for name in truth:
        void = np.stack(truth[name]) == 255
        pred = np.where(void, 0, np.stack(preds[name]))
        target = np.where(void, 0, np.stack(truth[name]))
        table = np.array([[both(pred, target, p, t) for t in (1, 2)] for p in range(1, 6)])
        rows, columns = linear_sum_assignment(-table.mean(axis=3).mean(axis=2))
        totals += [table[p, t].mean(axis=1).tolist() for p, t in zip(rows, columns, strict=True)]
    scores = scored(tmp_path, truth, preds, "davis-2017-unsupervised")
    assert scores.mean["J_mean"] == pytest.approx(np.mean([j for j, _ in totals]), rel=1e-14)
    assert scores.mean["F_mean"] == pytest.approx(np.mean([f for _, f in totals]), rel=1e-14)
    assert scores.mean["J_mean"] > 0.3


@pytest.mark.parametrize("seed", range(4))
def test_vos_benchmark_counts_an_object_from_its_first_frame_on(tmp_path, seed):
    truth, preds = random_videos(seed)
    scores = scored(tmp_path, truth, preds, "vos-benchmark")
    for name in truth:
        inner_truth, inner_preds = truth[name][1:-1], preds[name][1:-1]
        for i in sorted(set(np.unique(np.stack(inner_truth)).tolist()) - {0}):
            seen = [(t == i).any() or (p == i).any() for t, p in zip(inner_truth, inner_preds, strict=True)]
            start = seen.index(True)
            j, f = both(inner_preds[start:], inner_truth[start:], i)
            assert means(scores)[name, i] == (np.mean(j), np.mean(f))


def test_vos_benchmark_gives_the_numbers_of_the_package(tmp_path):
    benchmark = pytest.importorskip("vos_benchmark.benchmark", reason="vos-benchmark is not installed")
    truth, preds = random_videos(11, void=True)
    scores = scored(tmp_path, truth, preds, "vos-benchmark")
    jf, j, f, _ = benchmark.benchmark(
        [str(tmp_path / "truth")], [str(tmp_path / "pred")], num_processes=1, verbose=False
    )
    assert scores.mean["J_mean"] * 100 == pytest.approx(j[0], rel=1e-13)
    assert scores.mean["F_mean"] * 100 == pytest.approx(f[0], rel=1e-13)
    assert scores.mean["J&F"] * 100 == pytest.approx(jf[0], rel=1e-13)


def test_standard_averages_frames_objects_videos(tmp_path):
    truth, preds = random_videos(3)
    scores = scored(tmp_path, truth, preds, "standard")
    expected = [np.mean([np.mean(both(preds[n], truth[n], i)[0]) for i in (1, 2, 4)]) for n in ("one", "two")]
    assert scores.mean["J_mean"] == pytest.approx(np.mean(expected), rel=1e-14)
    assert scores.protocol == "standard|size=native|tolerance=0.008|frames=all|mean=frame>object>video"


def sentences(videos):
    return {
        f"{name}/{e}": [(m == e + 1).astype(np.uint8) for m in maps] for name, maps in videos.items() for e in (0, 1)
    }


def test_mevis_averages_sentences(tmp_path):
    truth, preds = random_videos(5)
    scores = scored(tmp_path, sentences(truth), sentences(preds), "mevis")
    expected = [np.mean(both(preds[n], truth[n], i)[0]) for n in ("one", "two") for i in (1, 2)]
    assert scores.mean["J_mean"] == np.mean(expected)
    assert [row["expression"] for row in scores.objects] == ["0", "1", "0", "1"]


def test_released_compares_at_shorter_side_360_in_one_pool(tmp_path):
    import cv2

    truth, preds = random_videos(5)
    scores = scored(tmp_path, sentences(truth), sentences(preds), "released")

    def sized(maps, i):
        return np.stack([cv2.resize((m == i).astype(np.float32), (540, 360)) > 0.5 for m in maps])

    pairs = [(sized(preds[n], i), sized(truth[n], i)) for n in ("one", "two") for i in (1, 2)]
    found = [region_and_contour(p, t, 0.010) for p, t in pairs]
    assert scores.mean["J_mean"] == pytest.approx(np.mean([j for j, _ in found]), rel=1e-13)
    assert scores.mean["F_mean"] == pytest.approx(np.mean([f for _, f in found]), rel=1e-13)


def test_released_scores_label_maps_object_by_object(tmp_path):
    truth, preds = random_videos(5, ids=(1, 2), late=False)
    maps = scored(tmp_path / "maps", truth, preds, "released")
    masks = scored(tmp_path / "masks", sentences(truth), sentences(preds), "released")
    assert maps.mean == masks.mean


def test_a_video_without_a_frame_that_counts_and_a_truth_without_objects_are_errors(tmp_path):
    blank = np.zeros(SIZE, np.uint8)
    with pytest.raises(DataError, match="leaves out the first and the last"):
        scored(tmp_path / "short", {"v": [blank + 1] * 2}, {"v": [blank + 1] * 2}, "davis-2017")
    with pytest.raises(DataError, match="shows an object"):
        scored(tmp_path / "blank", {"v": [blank] * 3}, {"v": [blank] * 3}, "standard")


def test_official_scores_to_every_printed_digit(test_data, tmp_path):
    folder = test_data / "davis17-osvos"
    arguments = ["--truth", folder / "Annotations/480p", "--protocol", "davis-2017", "--json"]
    result = CliRunner().invoke(main, ["score", *map(str, [folder / "results_osvos", *arguments])])
    rows = {f"{row['video']}_{row['object_id']}": row for row in json.loads(result.stdout)["objects"]}
    with (folder / "official_scores.csv").open() as stream:
        for official in csv.DictReader(stream):
            row = rows.pop(official["object"])
            for name in ("J-Mean", "J-Recall", "J-Decay", "F-Mean", "F-Recall", "F-Decay"):
                assert f"{row[name.replace('-M', '_m').replace('-R', '_r').replace('-D', '_d')]:.6f}" == official[name]
    assert not rows


def test_decay_wraps_at_8_bits_on_request(tmp_path):
    rng = np.random.default_rng(0)
    maps = [(rng.random((4, 6)) < 0.5).astype(np.uint8) for _ in range(300)]
    maps[0][0, 0] = 1
    others = [(rng.random((4, 6)) < 0.5).astype(np.uint8) for _ in range(300)]
    pred, truth = write_masks(tmp_path / "pred", {"v": others}), write_masks(tmp_path / "truth", {"v": maps})
    protocol, target = named_protocol("davis-2017"), truth
    plain = score(pred, target, protocol, PassOptions())
    wrapped = score(pred, target, protocol, PassOptions(), uint8_decay=True)
    values = both(others[1:-1], maps[1:-1], 1)[0]
    assert plain.objects[0]["J_decay"] == decay(values)
    assert np.isnan(decay(values, uint8_bins=True))  # a bin without any frame
    assert wrapped.objects[0]["J_decay"] is None
    assert json.loads(wrapped.to_json())["objects"][0]["J_decay"] is None
    assert "decay=uint8" in wrapped.protocol


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.sampled_from(["standard", "davis-2017", "vos-benchmark", "davis-2017-unsupervised"]))
def test_workers_and_zip_change_nothing(tmp_path_factory, seed, protocol):
    tmp_path = tmp_path_factory.mktemp("any")
    truth, preds = random_videos(seed)
    for maps in truth.values():
        maps[0][0, 0] = 4
    one = scored(tmp_path, truth, preds, protocol)
    with zipfile.ZipFile(tmp_path / "pred.zip", "w") as archive:
        for path in sorted((tmp_path / "pred").rglob("*.png")):
            archive.write(path, f"Annotations/{path.relative_to(tmp_path / 'pred')}")
    target = tmp_path / "truth"
    two = score(tmp_path / "pred.zip", target, named_protocol(protocol), PassOptions(workers=3))
    assert one == two


# ---- runs and manifests ----


def manifest_target(place, **changes):
    return EpisodeTruth(open_benchmark("mini-ref-davis", place, place / "splits"), **changes)


def test_a_manifest_is_scored_without_what_takes_much_memory_to_import(source, tmp_path):  # noqa: F811
    benchmark = manifest_target(source).benchmark
    asked = benchmark.manifest.rows("episodes")[0]
    frames = next(r["frames"] for r in benchmark.manifest.rows("videos") if r["video_id"] == asked["video_id"])
    masks = [np.zeros_like(benchmark.dataset.label_map(asked["video_id"], frame)) for frame in frames]
    write_masks(tmp_path / "masks", {f"{asked['video_id']}/{asked['expression_id']}": masks})
    code = (
        "import sys\n"
        "from fsbench.cli import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "heavy = {'pandas', 'pyarrow.compute', 'pyarrow.dataset', 'scipy', 'torch'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()"
    )
    against = ["--dataset", "mini-ref-davis", "--data-root", source, "--splits", source / "splits"]
    command = [
        sys.executable,
        "-c",
        code,
        "score",
        tmp_path / "masks",
        *against,
        "--missing",
        "empty",
        "--extra",
        "ignore",
    ]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("protocol", ["standard", "released"])
def test_a_run_its_export_and_its_zip_score_as_the_run_did(source, tmp_path, protocol):  # noqa: F811
    run = evaluate_method(run_request(source, tmp_path / "run", protocol=protocol), RunOptions())
    (result,) = run.results.values()
    export_run(tmp_path / "run", tmp_path / "masks")
    export_run(tmp_path / "run", tmp_path / "masks.zip")
    for predictions in (tmp_path / "run", tmp_path / "run/fold-0", tmp_path / "masks", tmp_path / "masks.zip"):
        scores = score(predictions, manifest_target(source), named_protocol(protocol), PassOptions(workers=2))
        assert scores.mean["J_mean"] == result.score.mean["J"]
        assert scores.mean["F_mean"] == result.score.mean["F"]
        assert scores.mean["folds"]["0"]["sd_draws"]["J&F"] == result.score.sd_draws["J&F"]
        assert scores.protocol == result.identity.protocol
        assert len(scores.objects) == result.episodes


def test_masks_without_a_draw_level_count_for_every_draw(source, tmp_path):  # noqa: F811
    evaluate_method(run_request(source, tmp_path / "run", method="full-frame"), RunOptions())
    result = json.loads((tmp_path / "run/fold-0/result.json").read_text())
    export_run(tmp_path / "run", tmp_path / "masks")
    flat = tmp_path / "flat"
    for path in sorted((tmp_path / "masks").rglob("*.png")):
        target = flat / path.relative_to(tmp_path / "masks").relative_to(path.relative_to(tmp_path / "masks").parts[0])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    scores = score(flat, manifest_target(source), named_protocol("standard"), PassOptions())
    assert scores.mean["J_mean"] == result["score"]["mean"]["J"]


# ---- what is wrong ----


def plant_everything(root):
    """Damages a folder of label maps for two videos in every way; returns what a report must say."""
    (root / "one/00001.png").unlink()
    (root / "one/00002.png").write_bytes((root / "one/00002.png").read_bytes()[:60])
    Image.new("RGB", SIZE[::-1]).save(root / "one/00003.png")
    Image.new("P", (7, 9)).save(root / "one/00004.png")
    (root / "one/00005.png").write_bytes(b"no picture")
    Image.new("P", SIZE[::-1]).save(root / "one/00099.png")
    (root / "three").mkdir()
    Image.new("P", SIZE[::-1]).save(root / "three/00000.png")
    image = Image.fromarray(np.full(SIZE, 77, np.uint8))
    image.save(root / "two/00003.png")
    (root / "one/00000.jpg").write_text("stray")
    return {
        "missing-frame": "one",
        "unreadable": "one/00002.png",
        "not-labels": "one/00003.png",
        "wrong-size": "one/00004.png",
        "extra-frame": "one/00099.png",
        "extra-video": "three",
        "unknown-id": "two",
        "stray": "one/00000.jpg",
    }


@pytest.mark.parametrize("packed", [False, True])
def test_a_submission_with_one_fault_of_each_kind_gets_a_report_that_names_every_one(tmp_path, packed):
    truth, preds = random_videos(0)
    truth_root = write_masks(tmp_path / "truth", {**truth, "absent": truth["one"]})
    root = write_masks(tmp_path / "pred", preds)
    expected = {**plant_everything(root), "missing-video": "absent"}
    if packed:
        with zipfile.ZipFile(tmp_path / "pred.zip", "w") as archive:
            for path in sorted(root.rglob("*.*")):
                archive.write(path, path.relative_to(root))
        root = tmp_path / "pred.zip"
    target = truth_root
    problems = validate(root, target, named_protocol("standard"), PassOptions(workers=2))
    for kind, where in expected.items():
        assert any(p.kind == kind and where in p.where for p in problems), (kind, problems)
    assert any("00005.png" in p.where for p in problems)
    assert not any(p.what.startswith(p.where) for p in problems)  # the report names the file before what is wrong
    with pytest.raises(SubmissionError) as refused:
        score(root, target, named_protocol("standard"), PassOptions())
    for kind in expected:
        assert f"{kind}: " in str(refused.value)


def test_sentence_masks_must_be_binary_and_complete(tmp_path):
    truth, preds = random_videos(1)
    root = write_masks(tmp_path / "pred", sentences(preds))
    truth_root = write_masks(tmp_path / "truth", sentences(truth))
    Image.fromarray((np.arange(600).reshape(SIZE) % 3).astype(np.uint8)).save(root / "one/0/00002.png")
    for path in (root / "two/1").iterdir():
        path.unlink()
    problems = validate(root, truth_root, named_protocol("mevis"), PassOptions())
    assert {(p.kind, p.where) for p in problems} == {("not-binary", "one/0/00002.png"), ("missing-sentence", "two/1")}
    assert problems.notes == []  # a sentence is not said to name nothing because nobody answers it


@pytest.mark.parametrize("top", [".", "top"])
def test_label_maps_for_sentences_and_the_other_way_are_told_what_the_truth_has(tmp_path, top):
    truth, _ = random_videos(1)
    for pred, target, wanted in (
        (truth, sentences(truth), "masks of sentences"),
        (sentences(truth), truth, "label maps"),
    ):
        folder = tmp_path / wanted
        write_masks(folder / "pred" / top, pred)
        asked = write_masks(folder / "truth", target)
        found = validate(folder / "pred", asked, named_protocol("standard"), PassOptions())
        assert {p.remedy.split(": ")[1].startswith(wanted) for p in found if p.kind == "missing-sentence"} == {True}


def test_missing_masks_count_as_empty_on_request_and_the_signature_says_so(tmp_path):
    truth, preds = random_videos(2)
    root = write_masks(tmp_path / "pred", preds)
    for t in range(6):
        (root / f"two/{t:05d}.png").unlink()
    target = write_masks(tmp_path / "truth", truth)
    scores = score(root, target, named_protocol("standard"), PassOptions(missing_is_empty=True))
    assert scores.protocol.endswith("|missing=empty")
    assert means(scores)["two", 1][0] == 0
    with pytest.raises(SubmissionError, match="missing-video: 1"):
        score(root, target, named_protocol("standard"), PassOptions())


def test_extra_masks_are_ignored_on_request(tmp_path):
    truth, preds = random_videos(2)
    root = write_masks(tmp_path / "pred", {**preds, "more": preds["one"]})
    target = write_masks(tmp_path / "truth", truth)
    assert len(score(root, target, named_protocol("standard"), PassOptions(ignore_extra=True)).objects) == 6


def test_full_frames_against_nothing_are_said(tmp_path):
    full, empty = np.ones(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
    scores = scored(tmp_path, {"v": [full, full]}, {"v": [empty, empty]}, "standard")
    assert scores.mean["J&F"] == 0.5
    assert any("2 masks have J = 0 and F = 1" in note for note in scores.notes)


def test_0_255_masks_do_not_become_255_objects(tmp_path):
    truth, preds = random_videos(2, ids=(1,))
    preds = {name: [m * 255 for m in maps] for name, maps in preds.items()}
    with pytest.raises(SubmissionError, match=r"(?s)unknown-id: 2.*not as 255"):
        scored(tmp_path, truth, preds, "davis-2017")


@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
def test_scores_of_every_object_are_written(tmp_path, ending):
    import pyarrow.csv
    import pyarrow.parquet

    truth, preds = random_videos(2)
    pred, target = write_masks(tmp_path / "pred", preds), write_masks(tmp_path / "truth", truth)
    out = tmp_path / f"scores.{ending}"
    arguments = ["score", str(pred), "--truth", str(target), "--out", str(out), "--json"]
    printed = json.loads(CliRunner().invoke(main, arguments).stdout)
    if ending == "json":
        assert json.loads(out.read_text()) == printed
    else:
        table = pyarrow.csv.read_csv(out) if ending == "csv" else pyarrow.parquet.read_table(out)
        assert table["J_mean"].to_pylist() == [row["J_mean"] for row in printed["objects"]]


def test_validate_exits_with_4_and_prints_the_report(tmp_path):
    truth, preds = random_videos(2)
    root, target = write_masks(tmp_path / "pred", preds), write_masks(tmp_path / "truth", truth)
    call = ["validate", str(root), "--truth", str(target)]
    assert CliRunner().invoke(main, call).stdout == f"{root}: no problems\n"
    (root / "one/00003.png").unlink()
    result = CliRunner().invoke(main, call)
    assert result.exit_code == 4
    assert "missing-frame: 1" in result.stdout
    listed = json.loads(CliRunner().invoke(main, [*call, "--json"]).stdout)
    assert [problem["kind"] for problem in listed["problems"]] == ["missing-frame"]


# ---- as people have them ----


def test_a_missing_video_is_a_report_under_every_protocol(tmp_path):
    truth, preds = random_videos(2, ids=(1, 2), late=False)
    root, target = write_masks(tmp_path / "pred", {"one": preds["one"]}), write_masks(tmp_path / "truth", truth)
    for name in ("standard", "released", "davis-2017", "davis-2017-unsupervised", "vos-benchmark"):
        for protocol in (named_protocol(name), named_protocol(name).with_void("object")):
            assert [p.kind for p in validate(root, target, protocol, PassOptions())] == ["missing-video"]
            with pytest.raises(SubmissionError, match="missing-video: 1"):
                score(root, target, protocol, PassOptions())


def sav(videos, ids, first=None):
    """Returns masks of 0 and 1 by video and object, as SA-V has them; those of `first` from some frame on alone."""
    return {
        f"{name}/{i:03d}": [(m == i).astype(np.uint8) for m in maps[(first or {}).get(i, 0) :]]
        for name, maps in videos.items()
        for i in ids
    }


@pytest.mark.parametrize("seed", range(3))
def test_vos_benchmark_gives_the_same_numbers_in_sav_layout_as_of_label_maps(tmp_path, seed):
    truth, preds = random_videos(seed)
    maps = scored(tmp_path / "maps", truth, preds, "vos-benchmark")
    masks = scored(tmp_path / "masks", sav(truth, (1, 2, 4)), sav(preds, (1, 2, 4)), "vos-benchmark")
    found = {(row["video"], int(row["expression"])): (row["J_mean"], row["F_mean"]) for row in masks.objects}
    assert found == means(maps)
    assert masks.mean == maps.mean


def test_objects_in_sav_layout_may_have_frames_of_their_own_and_never_be_shown(tmp_path):
    truth, preds = random_videos(1, late=False)
    for maps in truth.values():
        for labels in maps:
            labels[labels == 4] = 0
    whole = scored(tmp_path / "whole", sav(truth, (1, 2)), sav(preds, (1, 2)), "vos-benchmark")
    cut = scored(tmp_path / "cut", sav(truth, (1, 2, 4), {2: 2}), sav(preds, (1, 2, 4), {2: 2}), "vos-benchmark")
    assert [row["expression"] for row in cut.objects] == ["001", "002"] * 2
    assert cut.objects[0] == whole.objects[0]
    assert [row["frames"] for row in cut.objects] == [4, 2] * 2
    with pytest.raises(SubmissionError, match="other frames"):
        scored(tmp_path / "mevis", sav(truth, (1, 2), {2: 2}), sav(preds, (1, 2), {2: 2}), "mevis")


def wide(videos, number_of):
    """Returns label maps in 16 bits with other ids."""
    return {name: [number_of[m].astype(np.uint16) for m in maps] for name, maps in videos.items()}


@pytest.mark.parametrize("protocol", ["standard", "davis-2017", "davis-2017-unsupervised", "vos-benchmark", "released"])
def test_label_maps_of_16_bits_score_as_those_of_8(tmp_path, protocol):
    truth, preds = random_videos(3, ids=(1, 2), late=False)
    narrow = score(preds_in_memory(preds), preds_in_memory(truth), named_protocol(protocol), PassOptions())
    same = np.arange(256)
    one = wide(preds, same), wide(truth, same)
    assert score(*map(preds_in_memory, one), named_protocol(protocol), PassOptions()) == narrow


def preds_in_memory(videos):
    return {name: np.stack(maps) for name, maps in videos.items()}


@pytest.mark.parametrize("protocol", ["standard", "vos-benchmark", "released"])
def test_ids_above_255_score_as_small_ones(tmp_path, protocol):
    truth, preds = random_videos(3, ids=(1, 2), late=False)
    number_of = np.arange(256)
    number_of[[1, 2]] = 300, 60_000
    narrow = score(preds_in_memory(preds), preds_in_memory(truth), named_protocol(protocol), PassOptions())
    large = wide(preds, number_of), wide(truth, number_of)
    found = score(*map(preds_in_memory, large), named_protocol(protocol), PassOptions())
    assert found.mean == narrow.mean
    assert {row["object_id"] for row in found.objects} == {300, 60_000}
    with pytest.raises(DataError, match="Number the objects from 1"):
        score(*map(preds_in_memory, large), named_protocol("davis-2017"), PassOptions())


def test_files_of_16_bits_are_read(tmp_path):
    truth, preds = random_videos(3, ids=(1, 2), late=False)
    for name, videos in (("pred", preds), ("truth", truth)):
        for video, maps in videos.items():
            (tmp_path / name / video).mkdir(parents=True)
            for t, labels in enumerate(maps):
                Image.fromarray(labels.astype(np.uint16)).save(tmp_path / name / video / f"{t:05d}.png")
    wide_scores = score(tmp_path / "pred", tmp_path / "truth", named_protocol("standard"), PassOptions())
    assert wide_scores.mean == scored(tmp_path / "narrow", truth, preds, "standard").mean


@pytest.mark.parametrize("protocol", ["standard", "davis-2017", "released"])
def test_a_truth_of_0_and_255_is_void_unless_the_user_says_that_it_is_the_object(protocol):
    truth, preds = random_videos(4, ids=(1,), late=False)
    as_object = np.arange(256)
    as_object[1] = 255
    grey = wide(preds, as_object), wide(truth, as_object)
    with pytest.raises(DataError, match=r"takes for void.*--void object"):
        score(*map(preds_in_memory, grey), named_protocol(protocol), PassOptions())
    found = score(*map(preds_in_memory, grey), named_protocol(protocol).with_void("object"), PassOptions())
    usual = score(preds_in_memory(preds), preds_in_memory(truth), named_protocol(protocol), PassOptions())
    assert found.mean == usual.mean
    assert found.protocol == f"{usual.protocol}|void=object"


def test_a_prediction_of_255_against_void_is_told_how_255_becomes_the_object():
    truth, preds = random_videos(4, ids=(1,), void=True, late=False)
    preds = {name: [m * 255 for m in maps] for name, maps in preds.items()}
    found = validate(preds_in_memory(preds), preds_in_memory(truth), named_protocol("standard"), PassOptions())
    assert {(p.kind, "--void object" in p.remedy) for p in found} == {("unknown-id", True)}


def test_palettes_that_disagree_are_one_note(tmp_path):
    truth, preds = random_videos(4, ids=(1, 2), late=False)
    root, target = write_masks(tmp_path / "pred", preds), write_masks(tmp_path / "truth", truth)
    assert not score(root, target, named_protocol("standard"), PassOptions()).notes
    for path in (root / "one").iterdir():
        with Image.open(path) as image:
            other = image.copy()
        colours = other.getpalette()
        other.putpalette([*colours[:3], *colours[6:9], *colours[3:6], *colours[9:]])
        other.save(path)
    for found in (
        score(root, target, named_protocol("standard"), PassOptions()).notes,
        validate(root, target, named_protocol("standard"), PassOptions()).notes,
    ):
        (note,) = found
        assert note.startswith("6 label maps paint an index otherwise than the truth, e.g. index 1 in one/0000")


def test_notes_of_a_submission_are_shown_by_score_and_validate(tmp_path):
    truth, preds = random_videos(4)
    write_masks(tmp_path / "pred/top", preds)
    target = write_masks(tmp_path / "truth", truth)
    (tmp_path / "pred/readme.txt").touch()
    call = [str(tmp_path / "pred"), "--truth", str(target)]
    for command in ("score", "validate"):
        text = CliRunner().invoke(main, [command, *call])
        assert text.exit_code == 0
        assert "note: The masks lie below 'top'" in text.stdout
        notes = json.loads(CliRunner().invoke(main, [command, *call, "--json"]).stdout)["notes"]
        assert [note.split()[0] for note in notes] == ["The", "Passed"]
    (tmp_path / "pred/top/one/00003.png").unlink()
    for command in ("score", "validate"):
        refused = CliRunner().invoke(main, [command, *call])
        assert refused.exit_code == 4
        assert "note: The masks lie below 'top'" in refused.output


# ---- subsets ----


def test_a_list_of_videos_or_those_predicted_are_scored_alone_and_signed(tmp_path):
    truth, preds = random_videos(4)
    root, target = write_masks(tmp_path / "pred", {"one": preds["one"]}), write_masks(tmp_path / "truth", truth)
    alone = score(
        root, write_masks(tmp_path / "alone", {"one": truth["one"]}), named_protocol("standard"), PassOptions()
    )
    listed = tmp_path / "val.txt"
    listed.write_text("one\n\n")
    call = ["score", str(root), "--truth", str(target), "--json"]
    for option in (["--videos", str(listed)], ["--videos-of", "predictions"]):
        found = json.loads(CliRunner().invoke(main, [*call, *option]).stdout)
        assert found["mean"] == alone.mean
        signature = found["protocol"].split("|")
        assert "videos=1 of 2" in signature
        assert any(part.startswith("videos-sha256=") for part in signature)
    write_masks(root, {"two": preds["two"]})
    found = json.loads(CliRunner().invoke(main, [*call, "--videos", str(listed)]).stdout)
    assert found["mean"] == alone.mean
    whole = json.loads(CliRunner().invoke(main, [*call, "--videos-of", "predictions"]).stdout)
    assert whole["protocol"] == alone.protocol


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one\nthree\n", "line 2: 'three'"),
        ("one\ntwo 3\n", "line 2: 'two 3'"),
        ("one\ttwo\n", "line 1: has more"),
        ("\n", "lists nothing"),
    ],
)
def test_a_list_that_does_not_fit_is_refused_by_its_line(tmp_path, text, message):
    truth, preds = random_videos(4)
    root, target = write_masks(tmp_path / "pred", preds), write_masks(tmp_path / "truth", truth)
    (tmp_path / "val.txt").write_text(text)
    result = CliRunner().invoke(
        main, ["score", str(root), "--truth", str(target), "--videos", str(tmp_path / "val.txt")]
    )
    assert result.exit_code == 3
    assert f"val.txt, {message}" in result.output or f"val.txt: {message}" in result.output


# ---- folds and draws ----


@pytest.mark.parametrize("draw", [0, 1])
def test_a_run_and_an_export_of_one_draw_are_scored_by_that_draw(source, tmp_path, draw):  # noqa: F811
    run = evaluate_method(run_request(source, tmp_path / "run", draws=(draw,)), RunOptions())
    (result,) = run.results.values()
    export_run(tmp_path / "run", tmp_path / "masks")
    for predictions in (tmp_path / "run", tmp_path / "masks"):
        assert not validate(predictions, manifest_target(source), named_protocol("standard"), PassOptions())
        scores = score(predictions, manifest_target(source), named_protocol("standard"), PassOptions())
        assert scores.mean["J_mean"] == result.score.mean["J"]
        assert any(f"Of draw {draw} alone" in note for note in scores.notes)
    asked = manifest_target(source, draws=(0, 1))
    problems = validate(tmp_path / "run", asked, named_protocol("standard"), PassOptions())
    assert {(p.kind, p.where) for p in problems} == {("missing-draw", f"draw-{1 - draw}")}


def test_a_draw_that_is_not_asked_for_and_a_support_video_are_named_as_such(source, tmp_path):  # noqa: F811
    evaluate_method(run_request(source, tmp_path / "run"), RunOptions())
    export_run(tmp_path / "run", tmp_path / "masks")
    asked = manifest_target(source, draws=(0,))
    problems = validate(tmp_path / "masks", asked, named_protocol("standard"), PassOptions())
    assert {(p.kind, p.where) for p in problems} == {("extra-draw", "draw-1")}
    assert not validate(tmp_path / "masks", asked, named_protocol("standard"), PassOptions(ignore_extra=True))
    draws = tmp_path / "masks"
    videos = [{path.name for path in (draws / f"draw-{d}/Annotations").iterdir()} for d in (0, 1)]
    supporting = min(videos[1] - videos[0])
    (draws / "draw-0/Annotations" / supporting).symlink_to(draws / "draw-1/Annotations" / supporting)
    problems = validate(draws, manifest_target(source), named_protocol("standard"), PassOptions())
    assert {p.kind for p in problems} == {"extra-sentence"}
    assert all("support set of draw 0" in p.what and "--extra ignore" in p.remedy for p in problems)
    assert not validate(draws, manifest_target(source), named_protocol("standard"), PassOptions(ignore_extra=True))
