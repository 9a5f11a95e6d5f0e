"""What a method returns, as the masks that the contract asks for."""

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from fsbench.errors import PluginError

__all__ = ["as_masks"]


def as_masks(result: Any, shape: tuple[int, int, int, int], who: str) -> npt.NDArray[np.bool_]:  # Any: to be checked
    """Returns the masks in what a method's `segment` returned.

    Args:
        result: A bool array, or a bool tensor of torch on any device.
        shape: (sentences, frames, height, width) that are wanted.
        who: Names the method and the video, for the message.

    Returns:
        bool [N, T, H, W].

    Raises:
        PluginError: It is something else, or of another type or shape.
    """
    torch: Any = sys.modules.get("torch")  # who returns a tensor has imported it
    is_tensor = torch is not None and isinstance(result, torch.Tensor)
    if is_tensor:
        result = result.detach().cpu()
        if result.dtype == torch.bool:
            result = result.numpy()
    if isinstance(result, np.ndarray) and result.dtype == np.bool_ and result.shape == shape:
        return result
    if isinstance(result, np.ndarray) or is_tensor:
        got = f"{'tensor' if is_tensor else 'array'} {result.dtype} {tuple(result.shape)}"
    else:
        got = type(result).__name__
    raise PluginError(
        f"{who} returned {got}, expected a bool array or tensor {shape} (sentences, frames, height, width of "
        "clip.output_size)."
    )
