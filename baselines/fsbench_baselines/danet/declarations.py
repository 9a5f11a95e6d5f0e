"""DANet's method and its options."""

from dataclasses import dataclass
from pathlib import Path

from fsbench.methods import MethodInfo
from fsbench_baselines.danet.config import OnlineLearning
from fsbench_baselines.declaration import Dtype
from fsbench_baselines.declaration import OwnForm

__all__ = ["DANET", "DANetOptions"]


@dataclass(frozen=True, kw_only=True)
class DANetOptions:
    """Options of the method.

    Attributes:
        checkpoint: Released weights (a file), or a folder of ours.
        device: auto, cpu, cuda or mps.
        dtype: Of weights and activations.
        size: HEIGHTxWIDTH in pixels of the canvas that frames are placed on; None for what the checkpoint says, 241x425
            for released weights.
        chunk: Frames that go through the model at once.
        max_frames: Bound on `chunk`, for where memory is short.
        online_steps: Passes of online learning over the support frames, at most: 0 for none, 21 as released.
        online_lr: Its learning rate.
        online_enough: Mean J on the support frames above which there is nothing (more) to learn.
    """

    checkpoint: Path | None = None
    device: str = "auto"
    dtype: Dtype = "float32"
    size: str | None = None
    chunk: int = 5
    max_frames: int | None = None
    online_steps: int = 0
    online_lr: float = OnlineLearning.lr
    online_enough: float = OnlineLearning.enough


DANET = OwnForm(
    MethodInfo(
        name="danet",
        version="1",
        summary="DANet (Chen et al.): few-shot video object segmentation, which reads no sentence.",
        paper="Chen et al., Delving Deep into Many-to-many Attention for Few-shot Video Object Segmentation, CVPR 2021",
        licence="Apache-2.0 (this code); weights have their authors' terms",
    ),
    DANetOptions,
    "fsbench_baselines.danet.method:DANetMethod",
    works_in_parts=True,
)
