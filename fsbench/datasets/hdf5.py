"""Reading HDF5, and files of MATLAB, whose version 7.3 is HDF5."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from fsbench.errors import DataError
from fsbench.errors import FsbenchError
from fsbench.errors import PluginError

__all__ = ["read_hdf5", "read_mat"]


_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_HEAD = 512  # bytes of MATLAB's own before it


def read_hdf5(path: Path, *names: str) -> dict[str, npt.NDArray[np.generic]]:
    """Returns arrays of a file, as they are stored: MATLAB's with their axes in reverse.

    Raises:
        DataError: The file cannot be read, or lacks one.
        PluginError: The package h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise PluginError(f"{path}: reading it needs the package h5py: pip install 'fsbench[hdf5]'.") from error
    try:
        with h5py.File(path, "r") as file:
            return {name: np.asarray(file[name]) for name in names}
    except KeyError as error:
        raise DataError(f"{path}: has no {', '.join(names)} in it. Fetch it again.") from error
    except (OSError, TypeError) as error:
        raise DataError(f"{path}: cannot be read as HDF5 ({error}). Fetch it again.") from error


def read_mat(path: Path, name: str) -> npt.NDArray[np.generic]:
    """Returns an array of a .mat file of any version, with MATLAB's axes.

    Raises:
        DataError: The file cannot be read, or has no such array.
        PluginError: It is HDF5, and the package h5py is not installed.
    """
    from scipy.io import loadmat

    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD + len(_SIGNATURE))
        if _SIGNATURE in (head[: len(_SIGNATURE)], head[_HEAD:]):
            return read_hdf5(path, name)[name].T
        content = loadmat(path, variable_names=[name])
    except FsbenchError:
        raise
    except Exception as error:  # scipy lets through whatever it meets in a damaged file
        raise DataError(f"{path}: cannot be read as a .mat file ({error}). Fetch it again.") from error
    if name not in content:
        raise DataError(f"{path}: has no {name} in it. Fetch it again.")
    return np.asarray(content[name])
