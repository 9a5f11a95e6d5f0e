import logging
from pathlib import Path

from fsbench import demo
from fsbench.datasets.shapes import generate_shapes
from fsbench.datasets.shapes import ShapesConfig
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
    }
    found = {name: MethodFactory(target, "") for name, target in targets.items()}
    monkeypatch.setattr(demo, "registered_methods", lambda: found)
    with caplog.at_level(logging.WARNING):
        assert list(demo._ready_methods("mini-ref-shapes")) == ["plain", "shipping"]
    assert "without the method 'broken'" in caplog.text


def test_the_demo_ends_with_a_table_and_a_site_of_the_first_of_five_draws(monkeypatch, tmp_path):
    generate_shapes(tmp_path / "data/mini-ref-shapes", ShapesConfig(videos_per_category=3))
    monkeypatch.setattr(demo, "_ready_methods", lambda dataset: ["empty"])
    lines = demo.run_demo(tmp_path, workers=1).splitlines()
    supports = read_manifest(tmp_path / "splits/mini-ref-shapes/v2").rows("supports")
    assert {row["draw"] for row in supports} == set(range(5))
    results = [read_result(tmp_path / f"runs/mini-ref-shapes/empty/fold-{fold}") for fold in (1, 2, 3, 4)]
    assert {draw.draw for result in results for draw in result.draws} == {0}
    assert any(line.startswith("| 1 | empty |") for line in lines)
    page = tmp_path / "site/index.html"
    assert lines[-1] == f"Open in a browser: {page}"
    assert "mini-ref-shapes" in page.read_text()
