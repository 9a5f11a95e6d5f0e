import threading

import pytest
import torch
from click.testing import CliRunner
from transformers import CLIPSegForImageSegmentation
from transformers import SegGptForImageSegmentation

from fsbench.cli import main
from fsbench.errors import DataError
from fsbench.errors import PluginError
from fsbench_baselines.hub import weights
from fsbench_baselines.hub.declarations import SEGGPT
from tests.baselines.hub.tiny_models import write_clipseg
from tests.baselines.hub.tiny_models import write_seggpt
from tests.tiny import write_dataset

CPU, FLOAT = torch.device("cpu"), torch.float32
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of the hub, and no network: each question to the hub is recorded and fails."""
    asked = []

    def model_info(self, name, **options):
        asked.append((name, options))
        raise ConnectionError("no network here")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "snapshot_download", in_cache(weights.snapshot_download, tmp_path / "cache"))
    monkeypatch.setattr(weights.HfApi, "model_info", model_info)
    return tmp_path / "cache", asked


def in_cache(download, folder):
    def asking_the_cache_alone(name, **options):
        assert options.get("local_files_only"), "nothing may be downloaded"
        return download(name, cache_dir=folder, **options)

    return asking_the_cache_alone


def put_into(cache, name, write, commit=COMMIT, branch="main"):
    repository = cache / f"models--{name.replace('/', '--')}"
    write(repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / branch).write_text(commit)


def test_a_branch_is_pinned_to_the_commit_in_the_cache_without_asking_the_hub(cache):
    folder, asked = cache
    put_into(folder, "someone/model", write_seggpt)
    assert weights.pin_revision("someone/model", "main") == COMMIT
    assert weights.pin_revision("someone/model", COMMIT) == COMMIT
    assert asked == []


def test_the_hub_is_asked_once_with_a_time_limit_and_its_absence_is_explained(cache):
    _, asked = cache
    with pytest.raises(PluginError) as caught:
        SEGGPT().prepare(None)
    for part in ("BAAI/seggpt-vit-large", "main", "hf download", "--checkpoint", "config.json", "model.safetensors"):
        assert part in str(caught.value)
    assert asked == [("BAAI/seggpt-vit-large", {"revision": "main", "timeout": weights.HUB_TIMEOUT})]
    assert weights.HUB_TIMEOUT < 5


def test_a_hub_that_never_answers_is_given_up():
    never = threading.Event()
    with pytest.raises(TimeoutError, match=r"within 0\.01 s"):
        weights._within(0.01, never.wait)
    never.set()


def test_a_cache_without_the_weights_themselves_does_not_count(cache):
    folder, asked = cache
    put_into(folder, "someone/model", write_seggpt)
    (folder / "models--someone--model" / "snapshots" / COMMIT / "model.safetensors").unlink()
    with pytest.raises(PluginError, match="no network here"):
        weights.pin_revision("someone/model", "main")
    assert len(asked) == 1


def test_a_checkpoint_goes_before_names_and_revisions(cache, tmp_path):
    _, asked = cache
    options = {"checkpoint": tmp_path, "weights": "a/b", "revision": "main", "device": "cpu"}
    assert weights.pin_options(options, "") == {**options, "weights": "", "revision": ""}
    assert asked == []


def test_a_folder_that_lacks_files_is_refused_by_their_names(tmp_path):
    write_seggpt(tmp_path)
    with pytest.raises(DataError, match=r"no tokenizer\.json and no tokenizer_config\.json"):
        weights.find_folder(tmp_path, "", "", weights.FILES + weights.TOKENIZER_FILES)


def test_weights_of_another_model_or_damaged_ones_are_refused(tmp_path):
    write_seggpt(tmp_path / "seggpt")
    write_clipseg(tmp_path / "clipseg")
    (tmp_path / "seggpt" / "model.safetensors").write_bytes((tmp_path / "clipseg" / "model.safetensors").read_bytes())
    with pytest.raises(DataError, match="tensors of SegGptForImageSegmentation"):
        weights.load_model(SegGptForImageSegmentation, tmp_path / "seggpt", CPU, FLOAT)
    (tmp_path / "clipseg" / "model.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(DataError, match="cannot be loaded"):
        weights.load_model(CLIPSegForImageSegmentation, tmp_path / "clipseg", CPU, FLOAT)


def test_evaluate_records_the_commit_that_it_loads(cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_dataset(tmp_path / "data/mini-ref-davis", {"dog": 3}, frames=2)
    put_into(cache[0], "someone/model", write_seggpt)
    assert CliRunner().invoke(main, ["build-splits", "mini-ref-davis"]).exit_code == 0
    arguments = "evaluate --method seggpt --dataset mini-ref-davis --draws 0 --out run --device cpu"
    result = CliRunner().invoke(main, [*arguments.split(), "--option", "weights=someone/model"])
    assert result.exit_code == 0, (result.output, result.exception)
    assert COMMIT in (tmp_path / "run" / "fold-0" / "run.json").read_text()
