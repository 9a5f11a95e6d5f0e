"""A small DANet, and clips in which a bright rectangle moves over noise."""

import numpy as np
import torch
from torch import Tensor

from fsbench.methods import Clip
from fsbench.methods import Shot
from fsbench.methods import Support
from fsbench_baselines.danet.config import DANetConfig
from fsbench_baselines.danet.model import DANet

SMALL = {"backbone": "resnet_small", "key_dim": 8, "value_dim": 16, "width": 8, "size": [32, 48]}


def small_model(seed: int = 0, **changes) -> DANet:
    torch.manual_seed(seed)
    return DANet(DANetConfig(**{**SMALL, **changes})).eval()


def tensors(clips: int = 1, frames: int = 3, shots: int = 2, size=(32, 48), seed: int = 0) -> tuple[Tensor, ...]:
    """Frames [B, T, 3, H, W], support frames [B, K, 3, H, W] and support masks [B, K, H, W]."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(clips, frames + shots, 3, *size, generator=generator)
    masks = torch.zeros(clips, shots, *size)
    masks[..., 8:24, 12:36] = 1
    return images[:, :frames], images[:, frames:], masks


def pixels(frames: int, size=(24, 40), seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Frames uint8 [T, H, W, 3], and masks bool [T, H, W]."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 120, (frames, *size, 3), np.uint8)
    masks = np.zeros((frames, *size), bool)
    for t in range(frames):
        masks[t, 4 + t % 4 : 16 + t % 4, 8 + t : 24 + t] = True
    images[masks] = (250, 220, 40)
    return images, masks


def clip(frames: int = 7, output_size=None, seed: int = 1) -> Clip:
    return Clip(pixels(frames, seed=seed)[0], output_size)


def support(*, shots: int = 2, frames: int = 1, sizes=((24, 40),), seed: int = 5) -> Support:
    made = [pixels(frames, sizes[i % len(sizes)], seed + i) for i in range(shots)]
    return Support(tuple(Shot(images, masks, "the dog") for images, masks in made))
