"""What a method returns or yields, as the masks that the contract asks for."""

import sys
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fsbench.errors import PluginError
from fsbench.methods.contract import Judged

__all__ = ["as_masks", "as_parts", "is_given_away", "judged_parts", "on_host", "whole_masks"]

_Masks = npt.NDArray[np.bool_]
_Sureness = npt.NDArray[np.floating]


def as_masks(result: Any, shape: tuple[int, int, int, int], who: str) -> _Masks:  # Any: to be checked
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
    masks = _array(result)
    if masks is not None and masks.dtype == np.bool_ and masks.shape == shape:
        return masks
    raise PluginError(
        f"{who} returned {_told(result)}, expected a bool array or tensor {shape} (sentences, frames, height, width of "
        "clip.output_size)."
    )


def as_parts(yielded: Iterable[Any], shape: tuple[int, int, int, int], who: str) -> Iterator[_Masks]:  # Any: as above
    """Yields the masks in the parts that a method's `segment` yields, each as it comes; see `judged_parts`."""
    for masks, _ in judged_parts(yielded, shape, who):
        yield masks
        del masks  # it need not lie beside the next


def judged_parts(result: Any, shape: tuple[int, int, int, int], who: str) -> Iterator[tuple[_Masks, _Sureness | None]]:
    """Yields the masks that a method's `segment` returns or yields in parts, each as it comes, and how sure it is.

    Args:
        result: Bool masks as in `as_masks`, or an iterator of such that have `shape` together, one after the other
            along T.
        shape: As in `as_masks`.
        who: Likewise.

    Yields:
        bool [N, t, H, W], and float [N, t] of what came as `Judged`, else None.

    Raises:
        PluginError: A part is something else, or they are of more or fewer frames than the video.
    """
    sentences, frames, *size = shape
    seen = 0
    for part in result if isinstance(result, Iterator) else [result]:
        sureness = _sureness(part, who)
        masks = _array(part)
        if masks is None or masks.dtype != np.bool_ or masks.shape != (sentences, *masks.shape[1:2], *size):
            raise PluginError(
                f"{who} yielded {_told(part)}, expected parts of a bool array or tensor {shape} (sentences, frames, "
                "height, width of clip.output_size)."
            )
        seen += masks.shape[1]
        if seen > frames:
            raise PluginError(f"{who} yielded masks of more than the video's {frames} frames: {seen} so far.")
        yield masks, sureness
        del part, masks  # they need not lie beside the next
    if seen < frames:
        raise PluginError(f"{who} yielded masks of {seen} frames, expected the video's {frames}.")


def whole_masks(result: Any) -> _Masks:  # Any: what `segment` returned
    """Returns the masks of a whole video, bool [N, T, H, W], that `segment` returned or yields in parts.

    Raises:
        PluginError: A part is no array or bool tensor.
    """
    parts = []
    for part in result if isinstance(result, Iterator) else [result]:
        masks = _array(part)
        if masks is None:
            raise PluginError(f"A method's masks are arrays or bool tensors, not {_told(part)}.")
        parts.append(masks)
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def on_host(result: Any) -> Any:  # Any: what a method returned or yielded
    """Returns what a method returned, a tensor of an accelerator as one in the memory of the processor."""
    return result.detach().cpu() if _is_tensor(result) else result


def is_given_away(result: Any) -> bool:  # Any: what `segment` returned
    """Tells whether nobody can change masks any more but who calls this, and holds them by one name.

    So it is of a tensor of an accelerator, which is copied before it is looked at, and of an array that nothing else
    refers to. A view, or a tensor that shares the processor's memory, is taken as somebody's.
    """
    if _is_tensor(result):
        return bool(result.device.type != "cpu")
    return isinstance(result, np.ndarray) and result.base is None and sys.getrefcount(result) <= _BY_ONE_NAME


def _references(thing: object) -> int:
    return sys.getrefcount(thing)


def _references_by_one_name() -> int:
    thing = np.empty(0)
    return _references(thing)


_BY_ONE_NAME = _references_by_one_name()


def _array(result: Any) -> npt.NDArray[Any] | None:
    """Returns an array or a tensor as an array; None for anything else, and for a tensor of no type of numpy's."""
    if isinstance(result, Judged):
        result = result.masks
    if _is_tensor(result):
        return np.asarray(result.detach().cpu().numpy()) if str(result.dtype) == "torch.bool" else None
    return result if isinstance(result, np.ndarray) else None


def _is_tensor(result: Any) -> bool:
    torch: Any = sys.modules.get("torch")  # who returns a tensor has imported it
    return torch is not None and isinstance(result, torch.Tensor)


def _sureness(part: Any, who: str) -> _Sureness | None:
    """Returns how sure a method is of the masks of a part, float [N, t]; None where it does not say."""
    if not isinstance(part, Judged):
        return None
    masks, sureness = _array(part), np.asarray(part.sureness)
    if (
        sureness.dtype.kind != "f"
        or not np.isfinite(sureness).all()
        or masks is None
        or masks.shape[:2] != sureness.shape
    ):
        raise PluginError(
            f"{who} says how sure it is by {_told(sureness)}, expected a finite float for each sentence and frame."
        )
    return sureness


def _told(result: Any) -> str:
    """Returns what something is, for a message."""
    array = _array(result)
    shown = result if array is None else array
    if not (hasattr(shown, "dtype") and hasattr(shown, "shape")):
        return type(result).__name__
    kind = "array" if isinstance(result, np.ndarray) else type(result).__name__.lower()
    return f"{kind} {shown.dtype} {tuple(shown.shape)}"
