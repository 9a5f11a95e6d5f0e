"""For each method of this repository, options with which it runs in a test: name -> function of an empty folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fsbench_baselines.referformer.training import build_task
from fsbench_baselines.referformer.training import Start
from fsbench_cma.train import build_task as build_cma
from tests.baselines.referformer.training_samples import MODEL
from tests.baselines.referformer.training_samples import recipe
from tests.baselines.referformer.training_samples import SENTENCES

_SMALL = recipe(model={**MODEL, "short_side": 32})


def _plain(folder: Path) -> dict[str, Any]:
    return {}


def _referformer(folder: Path) -> dict[str, Any]:
    build_task(_SMALL, Start(sentences=SENTENCES)).save(folder)
    return {"checkpoint": folder, "device": "cpu", "chunk": 2}


def _finetune(folder: Path) -> dict[str, Any]:
    return {**_referformer(folder), "steps": 2, "lr": 0.01}


def _cma(affinity: str) -> Callable[[Path], dict[str, Any]]:
    def write(folder: Path) -> dict[str, Any]:
        build_cma(_SMALL, Start(sentences=SENTENCES), affinity=affinity, dab=affinity == "cross").save(folder)
        return {"checkpoint": folder, "device": "cpu", "chunk": 2}

    return write


SAMPLES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "cma": _cma("cross"),
    "cma-add": _cma("add"),
    "cma-self": _cma("self"),
    "colour-prototype": _plain,
    "empty": _plain,
    "full-frame": _plain,
    "referformer": _referformer,
    "referformer-finetune": _finetune,
    "support-copy": _plain,
}
