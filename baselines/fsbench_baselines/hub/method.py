"""What the methods on hub models have in common: where weights come from, and one sentence at a time."""

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from fsbench.methods import Clip
from fsbench.methods import MethodInfo
from fsbench.methods import Support
from fsbench_baselines.devices import pick_device
from fsbench_baselines.hub.weights import Dtype
from fsbench_baselines.hub.weights import DTYPES
from fsbench_baselines.hub.weights import pin_options
from fsbench_baselines.pixels import plain_sentence

__all__ = ["HubMethod"]


class HubMethod:
    """A method on published models; without more, it is zero-shot and ignores the support."""

    info: MethodInfo
    models: ClassVar[tuple[str, ...]] = ("",)  # a prefix for each model, of its options weights and revision

    def __init__(self, weights: str, revision: str, checkpoint: Path | None, device: str, dtype: Dtype) -> None:
        """Notes the options; `prepare` loads the weights.

        Args:
            weights: Hub repository.
            revision: Of it: a branch, a tag or a commit.
            checkpoint: Folder of the model, which goes before the hub.
            device: auto, cpu, cuda or mps.
            dtype: Of weights and activations.
        """
        self.weights = weights
        self.revision = revision
        self.checkpoint = checkpoint
        self.device = pick_device(device)
        self.dtype = DTYPES[dtype]

    @classmethod
    def pin(cls, options: Mapping[str, Any]) -> dict[str, Any]:  # Any: see MethodFactory.resolve
        """Returns the options with each revision replaced by the commit that it stands for; see `pin_options`."""
        return pin_options(options, *cls.models)

    def adapt(self, support: Support) -> Any:  # Any: what `find` needs
        """Learns nothing."""

    @torch.inference_mode()
    def segment(self, adapted: Any, clip: Clip, expressions: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Returns bool [N, T, H, W]: each sentence by itself, so that results do not depend on its company."""
        return np.stack([self.find(adapted, clip, plain_sentence(sentence)) for sentence in expressions])

    def find(self, adapted: Any, clip: Clip, sentence: str) -> npt.NDArray[np.bool_]:
        """Returns the masks of the object that a sentence, in lower case, names: bool [T, H, W] at the output size."""
        raise NotImplementedError
