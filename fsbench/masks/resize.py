"""Masks at the size at which a protocol compares them."""

import numpy as np
import numpy.typing as npt

__all__ = ["at_size"]


def at_size(mask: npt.NDArray[np.generic], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Returns a mask as 0 and 1 at another size: resized bilinearly and thresholded at 0.5.

    Args:
        mask: integer or bool [H, W], the object where it is not 0.
        size: (height, width); a mask of this size is not resized.

    Returns:
        uint8 [height, width].
    """
    binary: npt.NDArray[np.uint8] = (mask != 0).view(np.uint8)
    if binary.shape == size:
        return binary
    import cv2  # here alone, since it takes longer to import than a small folder to score

    resized = cv2.resize(binary.astype(np.float32), (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized > 0.5).view(np.uint8)
