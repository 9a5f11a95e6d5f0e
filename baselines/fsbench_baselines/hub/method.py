"""What the methods on hub models have in common: where weights come from, and one sentence at a time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fsbench.methods import Clip
from fsbench.methods import MethodInfo
from fsbench.methods import Support
from fsbench_baselines.devices import DTYPES
from fsbench_baselines.devices import pick_device
from fsbench_baselines.hub.declarations import HubOptions
from fsbench_baselines.pixels import plain_sentence

__all__ = ["HubMethod"]

Masks = npt.NDArray[np.bool_]


class HubMethod:
    """A method on published models; without more, it is zero-shot and ignores the support."""

    info: MethodInfo

    def __init__(self, options: HubOptions) -> None:
        """Notes the options; `prepare` loads the weights."""
        self.weights = options.weights
        self.revision = options.revision
        self.checkpoint = options.checkpoint
        self.device = pick_device(options.device)
        self.dtype = DTYPES[options.dtype]

    def adapt(self, support: Support) -> Any:  # Any: what `find` needs
        """Learns nothing."""

    @torch.inference_mode()
    def segment(self, adapted: Any, clip: Clip, expressions: Sequence[str]) -> Any:  # Any: see the contract
        """Returns bool [N, T, H, W]: each sentence by itself, so that results do not depend on its company."""
        return np.stack([self.find(adapted, clip, plain_sentence(sentence)) for sentence in expressions])

    def find(self, adapted: Any, clip: Clip, sentence: str) -> Masks:
        """Returns the masks of the object that a sentence, in lower case, names: bool [T, H, W] at the output size."""
        raise NotImplementedError
