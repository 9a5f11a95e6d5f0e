"""Where torch computes, and in which numbers."""

import torch

__all__ = ["DTYPES", "pick_device"]

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def pick_device(name: str) -> torch.device:
    """Returns the device of a name; auto takes CUDA, then Apple's, then the CPU."""
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
