"""What the methods on hub models have in common: where weights come from, and where models compute."""

from typing import Any

from fsbench.methods import MethodInfo
from fsbench.methods import Support
from fsbench_baselines.devices import DTYPES
from fsbench_baselines.devices import pick_device
from fsbench_baselines.hub.declarations import HubOptions

__all__ = ["HubMethod"]


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

    def adapt(self, support: Support) -> Any:  # Any: what `segment` needs
        """Learns nothing."""
