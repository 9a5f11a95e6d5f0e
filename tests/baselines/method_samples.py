"""For each method of this repository, options with which it runs in a test: name -> function of an empty folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fsbench_baselines.checkpoints import save_checkpoint
from fsbench_baselines.referformer.task import build_task
from fsbench_baselines.referformer.task import Start
from fsbench_cma.task import build_task as build_cma
from tests.baselines.danet.samples import small_model
from tests.baselines.hub import tiny_models
from tests.baselines.referformer.training_samples import MODEL
from tests.baselines.referformer.training_samples import recipe
from tests.baselines.referformer.training_samples import SENTENCES

_SMALL = recipe(model={**MODEL, "short_side": 32})


def _plain(folder: Path) -> dict[str, Any]:
    return {}


def _referformer(folder: Path) -> dict[str, Any]:
    build_task(_SMALL, Start(sentences=SENTENCES)).save(folder)
    return {"checkpoint": folder, "device": "cpu", "max_frames": 2}


def _finetune(folder: Path) -> dict[str, Any]:
    return {**_referformer(folder), "steps": 2, "lr": 0.01}


def _finetune_released(folder: Path) -> dict[str, Any]:
    return {**_referformer(folder), "steps": 1, "epochs": 2, "lr": 0.01}


def _cma(affinity: str) -> Callable[[Path], dict[str, Any]]:
    def write(folder: Path) -> dict[str, Any]:
        build_cma(_SMALL, Start(sentences=SENTENCES), affinity=affinity, wiring={"dab": affinity == "cross"}).save(
            folder
        )
        return {"checkpoint": folder, "device": "cpu", "chunk": 2}

    return write


def _danet(folder: Path) -> dict[str, Any]:
    save_checkpoint(folder, small_model())
    return {"checkpoint": folder, "device": "cpu", "chunk": 2}


def _hub(write: Callable[[Path], object], **options: Any) -> Callable[[Path], dict[str, Any]]:
    def make(folder: Path) -> dict[str, Any]:
        write(folder)
        return {"checkpoint": folder, "device": "cpu", **options}

    return make


def _write_grounded(folder: Path) -> None:
    tiny_models.write_grounding_dino(folder / "detector")
    tiny_models.write_sam2(folder / "tracker")


def _write_dino_sam2(folder: Path) -> None:
    tiny_models.write_dinov2(folder / "features")
    tiny_models.write_sam2(folder / "tracker")


def _write_mllm_sam2(folder: Path) -> None:
    tiny_models.write_qwen3_vl(folder / "language")
    tiny_models.write_sam2(folder / "tracker")


SAMPLES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "cma": _cma("cross"),
    "cma-add": _cma("add"),
    "cma-object": _cma("cross"),
    "cma-prior": _cma("prior"),
    "cma-self": _cma("self"),
    "clipseg": _hub(tiny_models.write_clipseg, side=32),
    "clipseg-support": _hub(tiny_models.write_clipseg, side=32),
    "colour-prototype": _plain,
    "danet": _danet,
    "dino-sam2": _hub(_write_dino_sam2, short_side=32),
    "empty": _plain,
    "full-frame": _plain,
    "grounded-sam2": _hub(_write_grounded, short_side=72),
    "mllm-sam2": _hub(_write_mllm_sam2, max_tokens=3, max_pixels=1024),
    "prototype": _plain,
    "referformer": _referformer,
    "referformer-finetune": _finetune,
    "referformer-finetune-released": _finetune_released,
    "sam2-support": _hub(tiny_models.write_sam2),
    "sam3": _hub(tiny_models.write_sam3),
    "sam3-exemplar": _hub(tiny_models.write_sam3, threshold=0.1),
    "sam3-support": _hub(tiny_models.write_sam3),
    "seggpt": _hub(tiny_models.write_seggpt),
    "support-copy": _plain,
}
