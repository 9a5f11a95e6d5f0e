import logging
from pathlib import Path

from fsbench import demo
from fsbench.datasets.shapes import generate_shapes
from fsbench.datasets.shapes import ShapesConfig
from fsbench.methods.contract import Fold
from fsbench.methods.contract import Training
from fsbench.methods.contract import Weights
from fsbench.methods.registry import MethodFactory
from fsbench.running.runs import read_result
from fsbench.splits.manifest import read_manifest
from tests.tiny import Reddish


class Plain(Reddish):
    """Needs no weights."""

    def __init__(self) -> None:
        super().__init__()


class Shipping(Reddish):
    """Brings weights along for the embedded set."""

    @staticmethod
    def shipped_checkpoint(dataset, fold):
        return Path(__file__) if dataset == "mini-ref-shapes" else None


class Outdated(Shipping):
    """Its weights are for classes that the set does not have any more."""

    @staticmethod
    def describe_checkpoint(checkpoint):
        return Weights({}, Training("mini-ref-shapes", "v0", "0" * 64, 1, ("ape", "dog"), {}, 0))


class OnPaper:
    """What the demo asks of its benchmark."""

    name = "mini-ref-shapes"
    folds = (1, 2)

    @staticmethod
    def fold(index):
        return Fold("mini-ref-shapes", index, ("ape",), ("dog", "cat"))


class Gated(Plain):
    """Knows by itself what it lacks."""

    needs = ("a licence", "a licence plate")

    @staticmethod
    def missing(dataset):
        return ["a licence plate"] if dataset == "mini-ref-shapes" else []


def test_the_demo_takes_what_can_run_and_warns_of_what_cannot_be_imported(monkeypatch, caplog):
    targets = {
        "broken": "no_such_package.method:Method",
        "plain": f"{__name__}:Plain",
        "needs-weights": "tests.tiny:Reddish",
        "shipping": f"{__name__}:Shipping",
        "gated": f"{__name__}:Gated",
        "outdated": f"{__name__}:Outdated",
    }
    found = {name: MethodFactory(target, "") for name, target in targets.items()}
    monkeypatch.setattr(demo, "registered_methods", lambda: found)
    with caplog.at_level(logging.WARNING):
        assert list(demo._ready_methods(OnPaper)) == ["plain", "shipping"]
    assert "without the method 'broken'" in caplog.text
    assert "without the method 'outdated'" in caplog.text
    assert "trained on mini-ref-shapes v0, and the classes of these episodes are others" in caplog.text


def test_the_demo_ends_with_a_table_and_a_site_of_the_first_of_two_draws(monkeypatch, tmp_path):
    config = ShapesConfig(videos_per_category=3, num_categories=16, frames=3, height=48, width=64)
    generate_shapes(tmp_path / "data/mini-ref-shapes", config)
    monkeypatch.setattr(demo, "_ready_methods", lambda dataset: ["empty"])
    lines = demo.run_demo(tmp_path, workers=1).splitlines()
    supports = read_manifest(tmp_path / "splits/mini-ref-shapes/v3").rows("supports")
    assert {row["draw"] for row in supports} == {0, 1}
    results = [read_result(tmp_path / f"runs/mini-ref-shapes/empty/fold-{fold}") for fold in (1, 2, 3, 4)]
    assert {draw.draw for result in results for draw in result.draws} == {0}
    assert any(line.startswith("| a | empty |") for line in lines)
    page = tmp_path / "site/index.html"
    assert lines[-1] == f"Open in a browser: {page}"
    assert "mini-ref-shapes" in page.read_text()
