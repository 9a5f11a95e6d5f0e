import importlib
import logging
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from fsbench.errors import PluginError
from fsbench.errors import RunError
from fsbench.methods import MethodInfo
from fsbench.running.evaluate import evaluate_method
from fsbench.running.evaluate import Request
from fsbench.running.fold import RunOptions
from fsbench.running.identity import differences
from fsbench.splits.benchmark import open_benchmark
from tests.forked import let_pools_fork
from tests.tiny import Reddish
from tests.tiny import write_benchmark

METHOD = """
import numpy as np
from fsbench.methods import MethodInfo


class Edited:
    info = MethodInfo(name="edited", version="1", summary="all or nothing")

    def __init__(self, weights: str = ""):
        pass

    def prepare(self, fold):
        pass

    def adapt(self, support):
        pass

    def segment(self, adapted, clip, expressions):
        return np.{}((len(expressions), *clip.frames.shape[:3]), bool)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a tiny benchmark, which is the working folder, and where modules are found."""
    write_benchmark(tmp_path, {"dog": 3}, draws=2, frames=2)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def evaluate(place, method="tests.tiny:Reddish", run=RunOptions(), **changes):
    request = Request(
        method, open_benchmark("mini-ref-davis", place, place / "splits"), **{"out": place / "run", **changes}
    )
    (result,) = evaluate_method(request, run).results.values()
    return result


def write_method(place, maker):
    (place / "edited_method.py").write_text(METHOD.format(maker))
    sys.modules.pop("edited_method", None)
    importlib.invalidate_caches()
    return "edited_method:Edited"


def test_an_edited_method_is_another_run(place):
    empty = evaluate(place, write_method(place, "zeros"))
    with pytest.raises(RunError, match=r"it differs in source_sha256: [0-9a-f]{64}, now [0-9a-f]{64}\. .*--restart"):
        evaluate(place, write_method(place, "ones"))
    full = evaluate(place, write_method(place, "ones"), RunOptions(restart=True))
    assert full.score.mean["J"] > empty.score.mean["J"]


@pytest.mark.parametrize("option", [{"options": {"weights": "w.pt"}}, {"options": {"weights": "w"}}])
def test_what_an_option_names_counts_by_content_whatever_its_annotation(place, option):
    name = option["options"]["weights"]
    file = place / name if name == "w.pt" else place / name / "deep.bin"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"first")
    first = evaluate(place, write_method(place, "zeros"), **option)
    assert first.identity.options["weights"] == name
    assert list(first.identity.files) == ["weights"]
    file.write_bytes(b"other")
    with pytest.raises(RunError, match=r"differs in files\.weights"):
        evaluate(place, write_method(place, "zeros"), **option)


def test_an_option_that_names_no_file_counts_by_its_text(place):
    identity = evaluate(place, write_method(place, "zeros"), options={"weights": "org/model"}).identity
    assert (identity.options["weights"], identity.files) == ("org/model", {})


class OnHub(Reddish):
    info = MethodInfo(name="on-hub", version="1", summary="its checkpoint may be a name")

    def __init__(self, checkpoint: str = "org/base") -> None:
        super().__init__()


def test_a_checkpoint_that_is_no_file_is_among_the_options(place):
    identity = evaluate(place, f"{__name__}:OnHub").identity
    assert (identity.options["checkpoint"], identity.checkpoint_sha256) == ("org/base", None)
    with pytest.raises(RunError, match=r"options\.checkpoint: org/base, now org/large"):
        evaluate(place, f"{__name__}:OnHub", options={"checkpoint": "org/large"})
    (place / "w.pt").write_bytes(b"w")
    identity = evaluate(place, f"{__name__}:OnHub", options={"checkpoint": "w.pt"}, out=place / "file").identity
    assert "checkpoint" not in identity.options
    assert identity.checkpoint_sha256


@pytest.mark.parametrize("folder", ["JPEGImages", "Annotations"])
@pytest.mark.parametrize("draws", [(0,), (0, 1)])
def test_changed_pixels_are_found_before_old_scores_are_shown(place, folder, draws):
    evaluate(place, draws=(0,))
    path = sorted((place / "mini-ref-davis/train" / folder / "dog-1").iterdir())[0]
    with Image.open(path) as image:
        image.load()
        changed = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    changed.save(path)
    with pytest.raises(RunError, match=r"have changed since they were scored, e\.g\. 'dog-.'.*--restart"):
        evaluate(place, draws=draws)
    evaluate(place, run=RunOptions(restart=True))


def test_a_run_that_is_extended_still_knows_the_pixels_of_its_first_draws(place):
    evaluate(place, draws=(0,))
    evaluate(place, draws=(0, 1))
    path = sorted((place / "mini-ref-davis/train/Annotations/dog-1").iterdir())[0]
    Image.fromarray(np.zeros((24, 32), np.uint8)).save(path)
    with pytest.raises(RunError, match="have changed"):
        evaluate(place, draws=(0, 1))


def test_a_dataset_without_files_counts_by_its_pixels(place):
    from tests.tiny import Patches

    class Brighter(Patches):
        def frame(self, video_id, name):
            return super().frame(video_id, name) // 2

    import fsbench
    from fsbench.splits.build import BuildOptions

    bench = fsbench.build_splits(Patches(), options=BuildOptions(draws=1, frames=2))
    fsbench.evaluate("empty", bench)
    with pytest.raises(RunError, match="have changed"):
        fsbench.evaluate("empty", fsbench.open_benchmark(Brighter()))


def test_what_is_reused_is_said_with_its_date(place, caplog):
    evaluate(place)
    assert not caplog.text
    with caplog.at_level(logging.WARNING):
        evaluate(place)
    assert " episodes of 2 of 2 videos are taken from 20" in caplog.text
    assert "--restart runs anew" in caplog.text


def test_draws_that_are_kept_are_among_what_is_reused(place, caplog):
    first = evaluate(place, draws=(0,))
    with caplog.at_level(logging.WARNING):
        whole = evaluate(place, draws=(0, 1))
    assert whole.episodes > first.episodes
    assert f" {first.episodes} episodes of 2 of 2 videos are taken from 20" in caplog.text


def test_a_folder_in_which_nothing_is_finished_is_no_run_yet(place):
    class_name = f"{__name__}:Failing"
    with pytest.raises(ZeroDivisionError):
        evaluate(place, class_name)
    assert (place / "run/fold-0/run.json").is_file()
    evaluate(place)


class Failing(Reddish):
    info = MethodInfo(name="failing", version="1", summary="fails")

    def segment(self, adapted, clip, expressions):
        raise ZeroDivisionError


class Leaving(Reddish):
    info = MethodInfo(name="leaving", version="1", summary="ends the program")

    def __init__(self, where: str = "segment") -> None:
        super().__init__()
        self.where = where
        self.leave("make")

    def leave(self, here):
        if here == self.where:
            sys.exit(0)

    def prepare(self, fold):
        self.leave("prepare")
        super().prepare(fold)

    def adapt(self, support):
        self.leave("adapt")
        return super().adapt(support)

    def segment(self, adapted, clip, expressions):
        self.leave("segment")
        return super().segment(adapted, clip, expressions)


@pytest.mark.parametrize("where", ["make", "prepare", "adapt", "segment"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_method_that_exits_is_an_error_that_names_it(place, monkeypatch, where, workers):
    let_pools_fork(monkeypatch)
    with pytest.raises(PluginError, match=r"leaving|Leaving"):
        evaluate(place, f"{__name__}:Leaving", RunOptions(workers=workers), options={"where": where})
    assert not (place / "run/fold-0/result.json").exists()


def test_only_what_differs_is_named_and_whole(place):
    one = evaluate(place).identity
    packages = {**one.packages, "torch": "0.1", "new": "1"}
    other = one.model_copy(update={"packages": packages, "options": {**one.options, "threshold": 7}})
    found = differences(one, other)
    assert f"packages.torch: {one.packages['torch']}, now 0.1" in found
    assert "packages.new: None, now 1" in found
    assert "options.threshold: 100, now 7" in found
    assert len(found) == 3


def test_the_commit_of_a_changed_checkout_says_by_content_what_changed(tmp_path):
    from fsbench.running.identity import _commit

    commit = _commit.__wrapped__  # a process asks once

    def git(*arguments):
        who = ("-c", "user.name=one", "-c", "user.email=one@example.org")
        return subprocess.run(
            ["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    assert commit(tmp_path) is None
    code = tmp_path / "fsbench"
    code.mkdir()
    (code / "old.py").write_text("a = 0\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    clean = git("rev-parse", "HEAD").strip()
    assert commit(tmp_path) == clean
    (tmp_path / "notes.txt").write_text("no code")
    assert commit(tmp_path) == clean
    for name in ("old.py", "new.py"):
        found = []
        for text in ("a = 1\n", "a = 2\n", "a = 1\n"):
            (code / name).write_text(text)
            found.append(commit(tmp_path))
        assert found[0] == found[2] != found[1]
        assert all(each.startswith(f"{clean}+") for each in found)
