import hashlib
import json
import os
import pickle
import random
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fsbench.datasets import open_dataset
from fsbench.datasets.shapes import generate_shapes
from fsbench.datasets.shapes import ShapesConfig
from fsbench.errors import DataError
from fsbench.errors import ManifestError
from fsbench.splits.benchmark import Benchmark
from fsbench.splits.build import build_manifest
from fsbench.splits.build import BuildOptions
from fsbench.splits.manifest import Manifest
from fsbench.splits.schema import make_table
from fsbench.training import Augmentation
from fsbench.training import episodes as module
from fsbench.training import EpisodeSampler
from fsbench.training import TrainingEpisodes
from tests.conftest import ROOT
from tests.tiny import write_dataset

CATEGORIES = {"hat": 3, "plant": 2, "hand": 4, "horse": 3, "raccoon": 3}  # of folds 1, 2, 3, 4, 1
SETTINGS = {"seed": 5, "query_frames": 3, "support_frames": 2, "per_class": 4}
SHAKEN = Augmentation(
    flip=0.5,
    swap_sides=True,
    photometric=True,
    scales=(20, 28),
    max_size=40,
    crop=0.5,
    crop_scales=(30,),
    crop_sides=(12, 24),
    hide_name=0.5,
)


def manifest_of(dataset, path, **changes):
    """The manifest of a dataset, with other rows in some tables."""
    info, rows = build_manifest(dataset, BuildOptions(draws=1, frames=2, minimum=2))
    return Manifest(info, {name: make_table(name, table) for name, table in {**rows, **changes}.items()}, path)


def rows_of(manifest, table, keep=lambda row: True):
    return [row for row in manifest.rows(table) if keep(row)]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("tiny") / "Ref-YouTube-VOS", CATEGORIES, frames=5)


@pytest.fixture(scope="module")
def dataset(root):
    return open_dataset("mini-ref-youtube-vos", root)


@pytest.fixture(scope="module")
def manifest(dataset, root):
    return manifest_of(dataset, root)


@pytest.fixture(scope="module")
def sampler(manifest, dataset):
    return EpisodeSampler(Benchmark(dataset, manifest), 1, **SETTINGS)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    generate_shapes(folder / "mini-ref-shapes", ShapesConfig(videos_per_category=2, frames=4, height=48, width=64))
    dataset = open_dataset("mini-ref-shapes", folder)
    return dataset, manifest_of(dataset, folder)


def all_specs(sampler, epochs=3):
    return [sampler.spec(epoch, index) for epoch in range(epochs) for index in range(len(sampler))]


# ---- which episodes there are ----


def test_further_support_videos_differ_as_long_as_the_class_has_more_and_move_no_other_draw(manifest, dataset, sampler):
    several = EpisodeSampler(Benchmark(dataset, manifest), 1, **SETTINGS, support_videos=3)
    for plain, spec in zip(all_specs(sampler), all_specs(several), strict=True):
        assert (spec.query, spec.support.video_id) == (plain.query, plain.support.video_id)
        supports = [spec.support.video_id, *(clip.video_id for clip in spec.further)]
        assert len(supports) == 3
        assert spec.query.video_id not in supports
        assert len(set(supports)) == min(3, CATEGORIES[spec.class_name] - 1)
    assert all(clip.video_id in str(spec) for clip in spec.further)


def test_further_supports_are_read_and_augmented_each_for_itself(manifest, dataset, sampler):
    several = EpisodeSampler(Benchmark(dataset, manifest), 1, **SETTINGS, support_videos=3)
    flip = Augmentation(flip=0.5)
    flipped = []
    for index in range(len(several)):
        plain = TrainingEpisodes(several, dataset, Augmentation())[0, index]
        varied = TrainingEpisodes(several, dataset, flip)[0, index]
        assert [len(clip.frames) for clip in varied.supports] == [2, 2, 2]
        assert varied.supports[0] is varied.support
        flipped.append(
            [not np.array_equal(a.frames, b.frames) for a, b in zip(plain.supports, varied.supports, strict=True)]
        )
        single = TrainingEpisodes(sampler, dataset, flip)[0, index]
        for one, other in ((single.query, varied.query), (single.support, varied.support)):
            assert np.array_equal(one.frames, other.frames)
    assert any(first != second for first, second, _ in flipped)
    assert any(second != third for _, second, third in flipped)


def test_the_target_of_a_class_is_all_its_objects_in_frames_that_show_one(manifest, dataset, sampler):
    whole = EpisodeSampler(Benchmark(dataset, manifest), 1, **SETTINGS, target="class")
    seen = {}
    for row in manifest.rows("objects"):
        seen.setdefault(row["video_id"], set()).update(row["frames"])
    for plain, spec in zip(all_specs(sampler), all_specs(whole), strict=True):
        assert spec.query.video_id == plain.query.video_id
        for clip in (spec.query, spec.support):
            assert clip.object_ids == (1, 2)
            assert set(clip.frames) <= seen[clip.video_id]
    assert any(spec.query.object_ids != (1, 2) for spec in all_specs(sampler))


def test_frames_without_the_class_are_not_drawn_for_it(manifest, dataset, root):
    late = [row | {"frames": row["frames"][-2:]} for row in manifest.rows("objects")]
    whole = EpisodeSampler(Benchmark(dataset, manifest_of(dataset, root, objects=late)), 1, **SETTINGS, target="class")
    frames = {frame for spec in all_specs(whole) for frame in (*spec.query.frames, *spec.support.frames)}
    assert frames == {"00015", "00020"}


def test_an_epoch_goes_through_the_base_classes_in_order(sampler):
    names = [sampler.spec(7, index).class_name for index in range(len(sampler))]
    assert names == [name for name in ("plant", "hand", "horse") for _ in range(4)]


@pytest.mark.parametrize("fold", [1, 2, 3, 4])
@pytest.mark.parametrize("shuffle", [False, True])
def test_classes_are_balanced_and_those_of_the_fold_are_never_drawn(manifest, dataset, fold, shuffle):
    sampler = EpisodeSampler(Benchmark(dataset, manifest), fold, **SETTINGS, shuffle=shuffle)
    base = {row["name"] for row in manifest.rows("classes") if row["fold"] != fold}
    video_class = {row["video_id"]: row["class_id"] for row in manifest.rows("videos")}
    for epoch in range(3):
        specs = [sampler.spec(epoch, index) for index in range(len(sampler))]
        assert Counter(spec.class_name for spec in specs) == dict.fromkeys(base, 4)
        for spec in specs:
            assert {video_class[spec.query.video_id], video_class[spec.support.video_id]} == {spec.class_id}


def test_shuffling_permutes_the_episodes_of_an_epoch(manifest, dataset, sampler):
    shuffled = EpisodeSampler(Benchmark(dataset, manifest), 1, **SETTINGS, shuffle=True)
    orders = []
    for epoch in range(4):
        plain = [replace(sampler.spec(epoch, index), index=0) for index in range(len(sampler))]
        mixed = [replace(shuffled.spec(epoch, index), index=0) for index in range(len(sampler))]
        assert Counter(plain) == Counter(mixed)
        orders.append(tuple(plain.index(spec) for spec in mixed))
    assert len(set(orders)) == 4


def test_episodes_do_not_depend_on_what_was_asked_before(manifest, dataset, sampler):
    places = [(epoch, index) for epoch in range(3) for index in range(len(sampler))]
    expected = {place: sampler.spec(*place) for place in places}
    again = EpisodeSampler(Benchmark(dataset, manifest), 1, **SETTINGS)
    random.Random(3).shuffle(places)
    assert {place: again.spec(*place) for place in places} == expected
    assert pickle.loads(pickle.dumps(again)).spec(2, 5) == expected[2, 5]


def test_episodes_follow_seed_epoch_and_index(manifest, dataset, sampler):
    other = EpisodeSampler(Benchmark(dataset, manifest), 1, **{**SETTINGS, "seed": 6})
    clips = {(s.query, s.support) for s in [*all_specs(sampler), *all_specs(other)]}
    assert len(clips) > 60  # of 72


def test_a_later_class_moves_no_episode_of_an_earlier_one(manifest, dataset, sampler, root):
    fewer = manifest_of(dataset, root, classes=rows_of(manifest, "classes", lambda row: row["name"] != "horse"))
    kept = rows_of(manifest, "videos", lambda row: row["class_id"] in fewer.class_names)
    known = {row["video_id"] for row in kept}
    sentences = rows_of(manifest, "expressions", lambda row: row["video_id"] in known)
    fewer = manifest_of(dataset, root, classes=fewer.rows("classes"), videos=kept, expressions=sentences)
    smaller = EpisodeSampler(Benchmark(dataset, fewer), 1, **SETTINGS)
    assert [smaller.spec(1, i) for i in range(8)] == [sampler.spec(1, i) for i in range(8)]


def test_all_videos_sentences_and_frames_are_drawn_with_equal_chances(manifest, dataset):
    sampler = EpisodeSampler(Benchmark(dataset, manifest), 1, **{**SETTINGS, "per_class": 600, "query_frames": 1})
    specs = [sampler.spec(0, index) for index in range(600, 1200)]  # hand: 4 videos of 5 frames and 3 sentences
    pairs = Counter((spec.query.video_id, spec.support.video_id) for spec in specs)
    assert len(pairs) == 12
    assert all(25 < count < 80 for count in pairs.values())
    assert all(150 < count < 250 for count in Counter(spec.query.expression_id for spec in specs).values())
    frames = Counter(spec.query.frames for spec in specs)
    assert len(frames) == 5
    assert all(85 < count < 155 for count in frames.values())


def test_query_and_support_are_different_videos(sampler):
    assert all(spec.query.video_id != spec.support.video_id for spec in all_specs(sampler))


def test_windows_are_consecutive_and_short_videos_repeat_their_last_frame(manifest, dataset):
    names = dataset.videos()[0].frames
    sampler = EpisodeSampler(Benchmark(dataset, manifest), 1, **{**SETTINGS, "query_frames": 3, "support_frames": 7})
    queries = {spec.query.frames for spec in all_specs(sampler, 12)}
    assert queries == {names[0:3], names[1:4], names[2:5]}
    assert {spec.support.frames for spec in all_specs(sampler)} == {names + names[-1:] * 2}


def test_spread_frames_differ_and_keep_their_order(manifest, dataset):
    names = dataset.videos()[0].frames
    settings = {**SETTINGS, "support_frames": 7, "frame_choice": "spread"}
    sampler = EpisodeSampler(Benchmark(dataset, manifest), 1, **settings)
    queries = {spec.query.frames for spec in all_specs(sampler, 20)}
    assert len(queries) == 10  # all ways to take 3 of 5
    assert all(list(frames) == sorted(set(frames)) for frames in queries)
    assert {spec.support.frames for spec in all_specs(sampler)} == {names + names[-1:] * 2}


def test_sentences_about_objects_of_other_classes_are_not_drawn(manifest, dataset, root):
    objects = [
        {**row, "class_id": 48} if row["object_id"] == 2 and row["video_id"].startswith("hand") else row
        for row in manifest.rows("objects")
    ]
    sampler = EpisodeSampler(Benchmark(dataset, manifest_of(dataset, root, objects=objects)), 1, **SETTINGS)
    for spec in all_specs(sampler, 10):
        if spec.class_name == "hand":
            assert spec.query.object_ids == spec.support.object_ids == (1,)


def test_a_class_of_one_video_is_refused(manifest, dataset, root):
    sentences = rows_of(manifest, "expressions", lambda row: row["video_id"] != "plant-1")
    lonely = manifest_of(dataset, root, expressions=sentences)
    with pytest.raises(ManifestError, match=r"'plant' has 1 with a sentence .* 'fsbench build-splits'"):
        EpisodeSampler(Benchmark(dataset, lonely), 1, **SETTINGS)
    assert (
        EpisodeSampler(Benchmark(dataset, lonely), 2, **SETTINGS).spec(0, 0).class_name == "hat"
    )  # plant is novel there


def test_a_fold_or_sentence_that_is_not_there_is_named(manifest, dataset, root, tmp_path):
    with pytest.raises(ManifestError, match="no fold 9"):
        EpisodeSampler(Benchmark(dataset, manifest), 9, **SETTINGS)
    path = "meta_expressions/train/meta_expressions.json"
    other = write_dataset(tmp_path / "Ref-YouTube-VOS", CATEGORIES, frames=5, with_frames=False)
    content = json.loads((other / path).read_text())
    content["videos"]["hand-2"]["expressions"]["10"]["exp"] = "something else"
    (other / path).write_text(json.dumps(content))
    with pytest.raises(ManifestError, match="sentence '10' of video 'hand-2' has another text"):
        EpisodeSampler(Benchmark(open_dataset("mini-ref-youtube-vos", other), manifest), 1, **SETTINGS)


def test_the_sentences_are_those_that_episodes_draw(sampler):
    clips = [clip for spec in all_specs(sampler, epochs=40) for clip in (spec.query, spec.support)]
    assert sampler.sentences() == tuple(sorted({sampler.sentence(clip) for clip in clips}))


@pytest.mark.parametrize("index", [-1, 12])
def test_there_is_nothing_beyond_an_epoch(sampler, index):
    assert len(sampler) == 12
    with pytest.raises(IndexError, match="12 episodes"):
        sampler.spec(0, index)


def test_an_episode_names_itself(sampler):
    spec = sampler.spec(2, 4)
    text = str(spec)
    assert text.startswith("epoch 2, episode 4, class 'hand': query video 'hand-")
    for clip in (spec.query, spec.support):
        assert f"video {clip.video_id!r}, sentence {clip.expression_id!r}, frames {' '.join(clip.frames)}" in text


# ---- what is read ----


def test_clips_are_what_is_on_disk(dataset, sampler):
    episodes = TrainingEpisodes(sampler, dataset, Augmentation())
    texts = {(e.video_id, e.expression_id): e.text for e in dataset.expressions()}
    assert len(episodes) == 12
    for index in range(12):
        episode = episodes[1, index]
        assert episode.spec == sampler.spec(1, index)
        for spec, clip in ((episode.spec.query, episode.query), (episode.spec.support, episode.support)):
            assert clip.sentence == texts[spec.video_id, spec.expression_id]
            assert clip.class_id == episode.spec.class_id
            for t, name in enumerate(spec.frames):
                np.testing.assert_array_equal(clip.frames[t], dataset.frame(spec.video_id, name))
                mask = np.isin(dataset.label_map(spec.video_id, name), spec.object_ids)
                np.testing.assert_array_equal(clip.masks[t], mask)
                assert clip.valid[t] == mask.any()
                places = np.argwhere(mask)[:, ::-1]
                assert clip.boxes[t].tolist() == ([*places.min(0), *places.max(0) + 1] if len(places) else [0] * 4)


def test_swapped_boxes_are_those_of_the_released_code(dataset, sampler):
    plain, swapped = (TrainingEpisodes(sampler, dataset, Augmentation(), swapped_clamp=s) for s in (False, True))
    differences = 0
    for index in range(12):
        for before, after in zip(plain[0, index].query.boxes, swapped[0, index].query.boxes, strict=True):
            x0, y0, x1, y1 = before
            expected = [min(x0, 24), min(y0, 32), min(x1 - 1, 24), min(y1 - 1, 32)]  # frames are 24 x 32
            has_area = expected[2] > expected[0] and expected[3] > expected[1]
            assert after.tolist() == (expected if has_area else [0] * 4)
            differences += x1 - 1 > 24
    assert differences


class Counting:
    """A dataset that counts how often each file is read."""

    def __init__(self, dataset):
        self.dataset = dataset
        self.reads = Counter()

    def frame(self, video_id, name):
        self.reads["frame", video_id, name] += 1
        return self.dataset.frame(video_id, name)

    def label_map(self, video_id, name):
        self.reads["labels", video_id, name] += 1
        return self.dataset.label_map(video_id, name)


def test_each_file_of_a_clip_is_read_once(manifest, dataset):
    sampler = EpisodeSampler(Benchmark(dataset, manifest), 1, **{**SETTINGS, "query_frames": 9, "support_frames": 9})
    counting = Counting(dataset)
    episode = TrainingEpisodes(sampler, counting, Augmentation())[0, 0]
    assert len(episode.query.frames) == 9
    assert set(counting.reads.values()) == {1}
    assert len(counting.reads) == 2 * 2 * 5


def digest_of(episodes, places):
    digest = hashlib.sha256()
    for place in places:
        episode = episodes[place]
        digest.update(str(episode.spec).encode())
        for clip in (episode.query, episode.support):
            for array in (clip.frames, clip.masks, clip.boxes, clip.valid):
                digest.update(f"{array.shape}".encode() + array.tobytes())
            digest.update(clip.sentence.encode())
    return digest.hexdigest()


@pytest.mark.parametrize("has_room", [True, False])
def test_files_are_read_again_only_where_there_is_no_room(manifest, dataset, has_room, monkeypatch):
    sampler = EpisodeSampler(Benchmark(dataset, manifest), 1, **SETTINGS)
    places = [(epoch, index) for epoch in range(2) for index in range(len(sampler))]
    fresh = [digest_of(TrainingEpisodes(sampler, dataset, SHAKEN), [place]) for place in places]
    monkeypatch.setattr(module, "_MEMO_BYTES", (1 << 20) * has_room)
    counting = Counting(dataset)
    episodes = TrainingEpisodes(sampler, counting, SHAKEN)
    assert [digest_of(episodes, [place]) for place in places] == fresh
    assert (set(counting.reads.values()) == {1}) is has_room


PLACES = [(epoch, index) for epoch in range(2) for index in range(0, 24, 5)]


def shaken_shapes(shapes):
    dataset, manifest = shapes
    sampler = EpisodeSampler(
        Benchmark(dataset, manifest), 3, **{**SETTINGS, "per_class": 2}, shuffle=True, frame_choice="spread"
    )
    return TrainingEpisodes(sampler, dataset, SHAKEN)


def test_augmented_episodes_are_equal_in_another_process_and_order(shapes):
    episodes = shaken_shapes(shapes)
    expected = {place: digest_of(episodes, [place]) for place in PLACES}
    copy = pickle.loads(pickle.dumps(episodes))
    assert {place: digest_of(copy, [place]) for place in reversed(PLACES)} == expected
    code = (
        "import pickle, sys; from tests.fsbench.training.test_episodes import *; "
        "episodes = shaken_shapes(pickle.load(sys.stdin.buffer)); "
        "print([digest_of(episodes, [place]) for place in PLACES])"
    )
    for hash_seed in ("0", "77"):
        result = subprocess.run(
            [sys.executable, "-c", code],
            input=pickle.dumps(shapes),
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        assert result.stdout.decode().strip() == str(list(expected.values()))


def test_query_and_support_are_augmented_each_for_itself(shapes):
    dataset, manifest = shapes
    sampler = EpisodeSampler(Benchmark(dataset, manifest), 3, **SETTINGS)
    episodes = TrainingEpisodes(sampler, dataset, Augmentation(scales=(20, 28)))
    heights = Counter((e.query.masks.shape[1], e.support.masks.shape[1]) for e in (episodes[0, i] for i in range(48)))
    assert set(heights) == {(20, 20), (20, 28), (28, 20), (28, 28)}


def test_names_are_hidden_in_both_sentences_or_in_none(shapes):
    dataset, manifest = shapes
    sampler = EpisodeSampler(Benchmark(dataset, manifest), 3, **SETTINGS)
    episodes = TrainingEpisodes(sampler, dataset, Augmentation(hide_name=0.5))
    hidden = []
    for index in range(len(episodes)):
        episode = episodes[0, index]
        clips = ((episode.spec.query, episode.query), (episode.spec.support, episode.support))
        changed = {clip.sentence != sampler.sentence(spec) for spec, clip in clips}
        assert len(changed) == 1
        for spec, clip in clips:
            assert clip.sentence in (
                sampler.sentence(spec),
                sampler.sentence(spec).replace(episode.spec.class_name, "<unk>"),
            )
        hidden.append(changed.pop())
    assert 0.3 < np.mean(hidden) < 0.7


def test_a_file_that_is_not_there_is_named(manifest, tmp_path):
    dataset = open_dataset(
        "mini-ref-youtube-vos",
        write_dataset(tmp_path / "Ref-YouTube-VOS", CATEGORIES, frames=5),
    )
    sampler = EpisodeSampler(Benchmark(dataset, manifest), 1, **SETTINGS)
    query = sampler.spec(0, 6).query
    (dataset.root / "train/Annotations" / query.video_id / f"{query.frames[1]}.png").unlink()
    with pytest.raises(DataError, match=rf"{query.video_id}/{query.frames[1]}\.png: missing"):
        TrainingEpisodes(sampler, dataset, Augmentation())[0, 6]


def test_a_frame_of_another_size_is_named(manifest, tmp_path):
    root = write_dataset(tmp_path / "Ref-YouTube-VOS", CATEGORIES, frames=5)
    dataset = open_dataset("mini-ref-youtube-vos", root)
    sampler = EpisodeSampler(Benchmark(dataset, manifest), 1, **SETTINGS)
    query = sampler.spec(0, 6).query
    path = root / "train/JPEGImages" / query.video_id / f"{query.frames[1]}.jpg"
    Image.new("RGB", (8, 8)).save(path)
    with pytest.raises(DataError, match=f"video '{query.video_id}', frame '{query.frames[1]}'.*must both be"):
        TrainingEpisodes(sampler, dataset, Augmentation())[0, 6]
