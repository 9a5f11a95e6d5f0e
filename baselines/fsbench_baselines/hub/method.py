"""What the methods on hub models have in common: where weights come from, and where models compute."""

from typing import Any

from torch import nn

from fsbench.methods import MethodInfo
from fsbench.methods import Support
from fsbench_baselines.devices import DTYPES
from fsbench_baselines.devices import pick_device
from fsbench_baselines.hub.declarations import HubOptions

__all__ = ["HubMethod", "count_parameters"]


class HubMethod:
    """Base of the methods on published models; without more, the support is ignored."""

    info: MethodInfo

    def __init__(self, options: HubOptions) -> None:
        """Notes the options; `prepare` loads the weights."""
        self.weights = options.weights
        self.revision = options.revision
        self.checkpoint = options.checkpoint
        self.device = pick_device(options.device)
        self.dtype = DTYPES[options.dtype]

    @property
    def num_parameters(self) -> int:
        """Parameters of its models, once they are loaded."""
        models = (part if isinstance(part, nn.Module) else getattr(part, "model", None) for part in vars(self).values())
        return sum(count_parameters(model) for model in models if isinstance(model, nn.Module))

    def adapt(self, support: Support) -> Any:  # Any: what `segment` needs
        """Learns nothing."""


def count_parameters(model: nn.Module) -> int:
    """Returns how many parameters a model has."""
    return sum(parameter.numel() for parameter in model.parameters())
