"""What the tensors of the released backbones are called in transformers."""

import re
from collections.abc import Callable

from torch import Tensor

__all__ = ["SWIN_UNUSED", "resnet_name", "swin_tensor"]

SWIN_UNUSED = ("relative_position_index", "swin.layernorm.weight", "swin.layernorm.bias")
SWIN_NAMES: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [  # transformers renamed parts within version 5
    (r"^(swin\.)?(embeddings|encoder)\.", r"\2."),
    (r"^embeddings\.patch_embeddings\.projection", "patch_embed.proj"),
    (r"^embeddings\.norm", "patch_embed.norm"),
    (r"^hidden_states_norms\.stage(\d)", lambda match: f"norm{int(match[1]) - 1}"),
    (r"^encoder\.layers", "layers"),
    (r"layernorm_before", "norm1"),
    (r"layernorm_after", "norm2"),
    (r"attention\.(output\.dense|o_proj)", "attn.proj"),
    (r"attention\.(self\.)?(query|q_proj|key|k_proj|value|v_proj)\.", "attn.qkv."),
    (r"attention\.(self\.|relative_position_bias\.)", "attn."),
    (r"intermediate\.dense", "mlp.fc1"),
    (r"\.output\.dense", ".mlp.fc2"),
]


def resnet_name(name: str) -> str:
    """The name of a tensor of a ResNet."""
    name = re.sub(r"^(conv|bn)1\.", r"embedder.embedder.\g<1>.", name)
    name = re.sub(r"^layer(\d)\.(\d+)", lambda m: f"encoder.stages.{int(m[1]) - 1}.layers.{m[2]}", name)
    name = re.sub(r"\.(conv|bn)(\d)\.", lambda m: f".layer.{int(m[2]) - 1}.{m[1]}.", name)
    name = name.replace("downsample.0", "shortcut.conv").replace("downsample.1", "shortcut.bn")
    return name.replace(".conv.", ".convolution.").replace(".bn.", ".normalization.")


def swin_tensor(name: str, state: dict[str, Tensor]) -> Tensor:
    """What a name of transformers stands for in a Swin; query, key and value are thirds of one layer there."""
    third = re.search(r"attention\.(?:self\.)?(query|q_proj|key|k_proj|value|v_proj)\.", name)
    for pattern, released in SWIN_NAMES:
        name = re.sub(pattern, released, name)
    return state[name] if third is None else state[name].chunk(3)["qkv".index(third[1][0])]
