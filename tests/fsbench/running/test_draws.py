"""Methods that learn once for all classes of a draw, from whole support videos."""

import shutil
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from fsbench.errors import RunError
from fsbench.methods.description import describe
from fsbench.methods.description import description_text
from fsbench.methods.registry import find_method
from fsbench.running.evaluate import evaluate_method
from fsbench.running.evaluate import Request
from fsbench.running.fold import RunOptions
from fsbench.splits.benchmark import open_benchmark
from tests.tiny import Reddish
from tests.tiny import write_benchmark


class Learner(Reddish):
    """Its masks depend on all support videos of a draw."""

    learns_from_draws = True
    seen: ClassVar[list] = []

    def adapt(self, support):
        self.seen.append(support)
        videos = [video for videos in support.draw for video in videos]
        return sum(int(video.shot(0, range(video.num_frames)).masks.sum()) for video in videos)


class Careless(Reddish):
    """Says nothing of draws."""

    def adapt(self, support):
        assert support.draw == ()
        return super().adapt(support)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    base = tmp_path_factory.mktemp("source")
    write_benchmark(base, {"dog": 3, "cat": 3}, draws=2, frames=1)
    return base


def run(base, out, method="Learner", **changes):
    benchmark = open_benchmark("mini-ref-davis", base, base / "splits")
    request = Request(f"{__name__}:{method}", benchmark, out=out, **changes)
    ((_, result),) = evaluate_method(request, RunOptions()).results.items()
    return result


def test_it_is_adapted_once_a_draw_and_sees_the_whole_support_videos_of_all_classes(source, tmp_path):
    Learner.seen.clear()
    run(source, tmp_path)
    benchmark = open_benchmark("mini-ref-davis", source, source / "splits")
    dataset, names = benchmark.dataset, [f"{5 * t:05d}" for t in range(4)]
    rows = sorted(benchmark.manifest.rows("supports"), key=lambda row: (row["draw"], row["class_id"]))
    assert len(Learner.seen) == 2
    for draw, support in enumerate(Learner.seen):
        assert support.shots == ()
        (classes,) = [[row["shots"] for row in rows if row["draw"] == draw]]
        assert len(support.draw) == len(classes) == 2
        for (video,), (told,) in zip(support.draw, classes, strict=True):
            video_id = told["video_id"]
            category = video_id.partition("-")[0]
            assert video.num_frames == 4
            assert video.sentences == (f"the left {category}", f"the right {category}", f"both of them {category}")
            for sentence, objects in enumerate(((1,), (2,), (1, 2))):
                shot = video.shot(sentence, (3, 1, 1))
                assert shot.sentence == video.sentences[sentence]
                for frame, mask, t in zip(shot.frames, shot.masks, (3, 1, 1), strict=True):
                    assert np.array_equal(frame, dataset.frame(video_id, names[t]))
                    assert np.array_equal(mask, np.isin(dataset.label_map(video_id, names[t]), objects))


def of_dog(result):
    (score,) = (row.score for row in result.classes if row.name == "dog")
    return score


def test_one_class_alone_gets_what_all_classes_together_get(source, tmp_path):
    whole = run(source, tmp_path / "whole")
    alone = run(source, tmp_path / "alone", classes=["dog"])
    assert of_dog(alone) == of_dog(whole)


def test_other_methods_see_their_support_set_alone(source, tmp_path):
    run(source, tmp_path, "Careless")


def test_a_changed_frame_of_a_support_video_is_noticed_though_no_shot_shows_it(source, tmp_path):
    for name in ("mini-ref-davis", "splits"):
        shutil.copytree(source / name, tmp_path / name)
    run(tmp_path, tmp_path / "run", draws=[0])
    benchmark = open_benchmark("mini-ref-davis", tmp_path, tmp_path / "splits")
    shot = next(row["shots"][0] for row in benchmark.manifest.rows("supports") if row["draw"] == 0)
    hidden = next(name for name in ("00000", "00005") if name not in shot["frames"])
    path = tmp_path / "mini-ref-davis/train/JPEGImages" / shot["video_id"] / f"{hidden}.jpg"
    Image.fromarray(np.full((24, 32, 3), 90, np.uint8)).save(path)
    with pytest.raises(RunError, match="have changed since"):
        run(tmp_path, tmp_path / "run", draws=[0])


@pytest.mark.parametrize("control", ["other-class", "empty-support"])
def test_no_support_set_stands_in_for_another(source, tmp_path, control):
    with pytest.raises(RunError, match=r"'reddish' learns from the support videos of all classes at once.*no control"):
        run(source, tmp_path / "run", control=control)
    assert not (tmp_path / "run").exists()


def test_describe_says_what_it_sees():
    text = description_text(describe(find_method(Learner), "mini-ref-shapes"))
    assert "whole support videos, those of all novel classes at once" in text
    assert "support videos" not in description_text(describe(find_method(Careless), "mini-ref-shapes"))
