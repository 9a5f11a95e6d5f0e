"""CMA, its ablations, and their options."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fsbench.methods import MethodInfo
from fsbench_baselines.declaration import Declaration
from fsbench_baselines.declaration import OwnForm
from fsbench_baselines.referformer.declarations import LookingOptions

__all__ = ["CMA", "CMA_ADD", "CMA_OBJECT", "CMA_PRIOR", "CMA_SELF", "CMAOptions", "ObjectOptions"]

_PAPER = (
    "Li et al., Learning Cross-Modal Affinity for Referring Video Object Segmentation Targeting Limited Samples, "
    "ICCV 2023"
)

_PRIOR_PAPER = "Tian et al., Prior Guided Feature Enrichment Network for Few-Shot Segmentation, TPAMI 2020"


@dataclass(frozen=True, kw_only=True)
class CMAOptions(LookingOptions):
    """Options of CMA and its variants. The last three are deviations from the released behaviour (`ModelConfig`).

    They hold in training, too, where the recipe's `model` does not say otherwise.

    Attributes:
        dab: Whether released weights have DAB queries; None for the variant's own training script.
        first_layer_boxes: How the first decoder layer's boxes are made; None for what the checkpoint says.
        support_frames: Which support frames are looked at; None for what the checkpoint says.
        mask_support: What of the support is outside the object; None for what the checkpoint says.
    """

    dab: bool | None = None
    first_layer_boxes: Literal["broadcast", "proper"] | None = None
    support_frames: Literal["middle", "all"] | None = None
    mask_support: Literal["zero", "exclude"] | None = None


@dataclass(frozen=True, kw_only=True)
class ObjectOptions(CMAOptions):
    """Options of the variants that look at the object alone.

    Attributes:
        support_frames: Which support frames are looked at; None for what the checkpoint says.
        mask_support: What of the support is outside the object; None for what the checkpoint says.
    """

    support_frames: Literal["middle", "all"] | None = "all"
    mask_support: Literal["zero", "exclude"] | None = "exclude"


class _Shipping(OwnForm):
    """A method for which this package has weights, for some folds."""

    def shipped_checkpoint(self, dataset: str, fold: int) -> Path | None:
        """Returns the folder of the weights that come with this package for a fold of a dataset, if there are any."""
        folder = Path(__file__).parent / "weights" / self.info.name / dataset / f"fold-{fold}"
        return folder if folder.is_dir() else None


def _declare(
    name: str,
    summary: str,
    code: str,
    options: type[CMAOptions] = CMAOptions,
    paper: str = _PAPER,
    licence: str = "Apache-2.0 (this code); weights have their authors' terms",
) -> Declaration:
    info = MethodInfo(name, "1", summary, paper=paper, licence=licence)
    return _Shipping(info, options, f"fsbench_cma.method:{code}", works_in_parts=True)


CMA = _declare("cma", "CMA (Li et al.): cross affinity between support and query.", "CMAMethod")
CMA_OBJECT = _declare(
    "cma-object",
    "CMA, wired otherwise: the query looks at the object alone, in all support frames.",
    "ObjectMethod",
    ObjectOptions,
)
CMA_PRIOR = _declare(
    "cma-prior",
    "CMA that looks at the object alone, and is told how like it each place of the query is.",
    "PriorMethod",
    ObjectOptions,
    paper=f"{_PAPER}; the prior: {_PRIOR_PAPER}",
    licence="Apache-2.0 (code and the weights that it brings)",
)
CMA_SELF = _declare(
    "cma-self", "CMA's ablation: the query looks at itself, the support's object is set beside it.", "SelfMethod"
)
CMA_ADD = _declare("cma-add", "CMA's ablation: the support's object is added to the query.", "AddMethod")
