"""The configuration of DANet."""

from dataclasses import dataclass

from fsbench_baselines.configuration import Configuration

__all__ = ["DANetConfig", "OnlineLearning"]


@dataclass(frozen=True)
class DANetConfig(Configuration):
    """What a model is built from; the defaults are the released one.

    Attributes:
        backbone: A key of `encoder.ENCODERS`.
        key_dim: Channels of queries and keys.
        value_dim: Channels of values, and of the query's own features beside them.
        width: Channels of the decoder.
        size: Height and width of the frames that the model is meant for, in pixels.
    """

    backbone: str = "resnet50"
    key_dim: int = 128
    value_dim: int = 512
    width: int = 256
    size: tuple[int, int] = (241, 425)

    def __post_init__(self) -> None:
        # JSON and YAML have lists alone.
        object.__setattr__(self, "size", tuple(self.size))
        numbers = (self.key_dim, self.value_dim, self.width, *self.size)
        if len(self.size) != 2 or not all(isinstance(number, int) and number > 0 for number in numbers):
            raise ValueError(f"a DANet is made of positive whole numbers, size of two, not {self}")


@dataclass(frozen=True)
class OnlineLearning:
    """How to learn from a support set; the defaults are the released ones.

    Attributes:
        steps: Passes over the support frames, at most.
        lr: Learning rate of Adam.
        enough: Mean J on the support frames above which there is nothing (more) to learn.
        check_every: Passes between looks at J.
        weight_decay: Of Adam, a part of the gradient.
        background_weight: See `cross_entropy`.
    """

    steps: int = 21
    lr: float = 5e-6
    enough: float = 0.5
    check_every: int = 5
    weight_decay: float = 5e-4
    background_weight: float = 0.1
