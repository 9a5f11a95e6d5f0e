import logging
from pathlib import Path

from fsbench import demo
from fsbench.methods.registry import MethodFactory
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
        assert list(demo._ready_methods()) == ["plain", "shipping"]
    assert "without the method 'broken'" in caplog.text
