"""The configuration of the ReferFormer family: every number that shapes the model."""

from dataclasses import dataclass
from typing import Any
from typing import Literal

from fsbench_baselines.configuration import Configuration

__all__ = ["ModelConfig"]


@dataclass(frozen=True)
class ModelConfig(Configuration):
    """What a model is built from; the defaults are the released ReferFormer with ResNet-50.

    `text` holds keyword arguments of transformers' RobertaConfig (None: roberta-base); `short_side` is the shorter side
    of the frames that the model is meant for, in pixels. The options of the second group
    belong to CMA; ReferFormer leaves `affinity` at None. The options of the last group deviate from the released
    behaviour where they are not at their default.
    """

    backbone: str = "resnet50"
    hidden_dim: int = 256
    heads: int = 8
    enc_layers: int = 4
    dec_layers: int = 4
    dim_feedforward: int = 2048
    num_levels: int = 4
    num_points: int = 4
    num_queries: int = 5
    dropout: float = 0.1
    mask_dim: int = 256
    controller_layers: int = 3
    dynamic_mask_channels: int = 8
    text: dict[str, Any] | None = None  # Any: the values of RobertaConfig are numbers, names and flags
    short_side: int = 360

    dab: bool = False
    affinity: Literal["cross", "self", "add"] | None = None

    first_layer_boxes: Literal["broadcast", "proper"] = "broadcast"
    support_frames: Literal["middle", "all"] = "middle"
    mask_support: Literal["zero", "exclude"] = "zero"

    def __post_init__(self) -> None:
        if self.dab and self.first_layer_boxes == "broadcast" and self.num_levels != 4:
            raise ValueError(
                f"first_layer_boxes='broadcast' puts the 4 box coordinates on the levels, but there are "
                f"{self.num_levels}; use num_levels=4 or first_layer_boxes='proper'"
            )
