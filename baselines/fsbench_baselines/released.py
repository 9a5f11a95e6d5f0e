"""Reading weights as training scripts save them, strictly, and without running anything that a file may hold.

A state dict here has *canonical names*: those of the released models, without what DistributedDataParallel,
torch.compile and Lightning put before them, and without the second name of what is shared.
"""

import logging
import re
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from fsbench.errors import DataError

__all__ = ["ALIAS", "CheckpointSource", "first_name", "read_released"]

_LOG = logging.getLogger(__name__)

# Any: a checkpoint holds the arguments of its training beside the tensors.
CheckpointSource = str | PathLike[str] | Mapping[str, Any]
# With box refinement the decoder holds the box heads of the model under a second name.
ALIAS = "transformer.decoder.bbox_embed."
_ALIASED = "bbox_embed."
# What a state dict may hold too much: a buffer of older transformers, and the counts of `thop` and AveragedModel.
_NOT_WEIGHTS = ("text_encoder.embeddings.position_ids", "total_params", "total_ops", "n_averaged")
# Where training scripts put the state dict, and where a running average of the weights.
_PLACES = ("model", "state_dict", "model_state_dict", "module", "net", "network", "weights")
_AVERAGES = ("model_ema", "ema_model", "ema", "state_dict_ema", "ema_state_dict", "model_ema_state_dict", "average")
_AVERAGED = tuple(f"{place}." for place in _AVERAGES)
# What wraps a model as a whole, and what any part of it.
_WRAPPERS = ("module.", "model.")
_WRAPS_PART = re.compile(r"(?:^|(?<=\.))(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")

# Kinds of objects that lie beside weights: dictionaries, of which the entries count, lists, and others; see `_Beside`.
_DICTIONARIES = """
collections.defaultdict easydict.EasyDict yacs.config.CfgNode
lightning_fabric.utilities.data.AttributeDict lightning.fabric.utilities.data.AttributeDict
pytorch_lightning.utilities.parsing.AttributeDict lightning.pytorch.utilities.parsing.AttributeDict
""".split()
_PASSED_OVER = """
argparse.Namespace types.SimpleNamespace typing.Any
pathlib.Path pathlib.PosixPath pathlib.WindowsPath pathlib.PurePath pathlib.PurePosixPath pathlib.PureWindowsPath
pathlib._local.Path pathlib._local.PosixPath pathlib._local.WindowsPath
numpy.ndarray numpy.dtype numpy.core.multiarray.scalar numpy.core.multiarray._reconstruct
numpy._core.multiarray.scalar numpy._core.multiarray._reconstruct
datetime.datetime datetime.date datetime.timedelta datetime.timezone decimal.Decimal uuid.UUID
torch.torch_version.TorchVersion mmengine.logging.history_buffer.HistoryBuffer
omegaconf.dictconfig.DictConfig omegaconf.listconfig.ListConfig omegaconf.base.ContainerMetadata
omegaconf.base.Metadata omegaconf.nodes.AnyNode
""".split()
_BUILTINS = "bool bytes dict float frozenset int list object slice str tuple".split()  # of a defaultdict, say
_PASSED_OVER += [f"{module}.{name}" for module in ("builtins", "__builtin__") for name in _BUILTINS]


class _Beside:
    """Stands for an object beside the weights: it is made of whatever it is given, and does nothing with it.

    So nothing of numpy or pathlib is called, whatever a file says.
    """

    def __new__(cls, *_: object) -> Any:  # Any: torch adds entries to plain dictionaries and lists only
        return super().__new__(cls)

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        """Ignores the state."""


class _Entries(_Beside):
    """Stands for a dictionary, in which a state dict may lie."""

    def __new__(cls, *_: object) -> Any:
        return OrderedDict()


class _Items(_Beside):
    """Stands for a list."""

    def __new__(cls, *_: object) -> Any:
        return []


def _stand_in(kind: type[_Beside], path: str) -> type[_Beside]:
    """Returns a class that torch takes for the one at a path."""
    module, _, name = path.rpartition(".")
    return type(name, (kind,), {"__module__": module, "__qualname__": name})


# Any: as torch declares it.
_STAND_INS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    _stand_in(kind, path)
    for kind, paths in ((_Beside, _PASSED_OVER), (_Entries, _DICTIONARIES), (_Items, ["collections.deque"]))
    for path in paths
]


def read_released(source: CheckpointSource) -> tuple[dict[str, Tensor], str]:
    """Reads a state dict from a file, or takes it as it is, under canonical names.

    What else lies beside it is passed over. Where a running average of the weights is among that, a warning says that
    the weights themselves were taken.

    Returns:
        The state dict, and how to name its origin in messages.
    Raises:
        DataError: if there is no state dict, or reading it would mean to run code from the file.
    """
    where = "the state dict" if isinstance(source, Mapping) else str(source)
    content: object = source if isinstance(source, Mapping) else _read_file(Path(source))
    state = _state_dict(content)
    averages = [place for place in _AVERAGES if isinstance(content, Mapping) and _state_dict(content.get(place))]
    if state is None and averages and isinstance(content, Mapping):
        state = _state_dict(content[averages[0]])
        _LOG.warning("%s: takes the averaged weights under %r; there are no others.", where, averages[0])
    elif averages:
        _LOG.warning("%s: takes the weights themselves, not the averaged ones under %r.", where, averages[0])
    if state is None:
        raise DataError(
            f"{where}: there is no state dict in it, neither under {', '.join(map(repr, _PLACES))} nor at the top. "
            "Pass a checkpoint as training scripts save it, or a mapping of names to tensors."
        )
    return _canonical(state, where), where


def _state_dict(content: object) -> Mapping[str, Tensor] | None:
    """Returns the state dict that content is, or that it holds where training scripts put one."""
    if not isinstance(content, Mapping):
        return None
    for place in _PLACES:
        if (found := _state_dict(content.get(place))) is not None:
            return found
    is_state = all(isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items())
    return content if content and is_state else None


def _read_file(path: Path) -> object:
    """Returns the content of a file, without running any code that it may hold."""
    if path.is_dir():
        raise DataError(f"{path} is a folder, not a released checkpoint. Load our own form with load_checkpoint.")
    if not path.is_file():
        raise DataError(f"{path}: no such checkpoint file. Check the path, or download the weights first.")
    try:
        with path.open("rb") as stream:
            is_safetensors = stream.read(9)[8:] == b"{"
        if is_safetensors:
            return safetensors.torch.load_file(path)
        with torch.serialization.safe_globals(_STAND_INS):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except PermissionError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    except Exception as error:  # which kinds a damaged file raises is not documented: OSError to KeyError were seen
        refused = re.search(r"GLOBAL (\S+)", str(error))
        if refused:
            raise DataError(
                f"{path} asks for {refused[1]} when it is read. Beside tensors and numbers, a checkpoint may hold "
                "arguments, paths and values of numpy; nothing in it is ever executed. Save the state dict alone "
                "instead."
            ) from error
        raise DataError(
            f"{path} is truncated or not a checkpoint ({type(error).__name__}). Download it again."
        ) from error


def _canonical(state: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """Takes off what wraps the model, and drops what is no weight and second names, which must agree with the first."""
    kept = _unwrapped({name: tensor for name, tensor in state.items() if not name.endswith(_NOT_WEIGHTS)}, where)
    for alias in [name for name in kept if name.startswith(ALIAS)]:
        tensor = kept.pop(alias)
        first = kept.setdefault(first_name(alias), tensor)
        if first is not tensor and not torch.equal(first, tensor):
            raise DataError(f"{where}: {alias} and {first_name(alias)} differ, but are one tensor in the model.")
    return kept


def _unwrapped(state: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """Returns the model's own tensors by their names in it, whatever wraps it and lies beside it."""
    own = {_WRAPS_PART.sub("", name): tensor for name, tensor in state.items()}
    if len(own) < len(state):
        raise DataError(f"{where}: holds a tensor within a wrapper of torch, and without. Save one model alone.")
    while True:
        plain = {name: tensor for name, tensor in own.items() if not name.startswith(_AVERAGED)} or own
        prefix = next((p for p in (*_WRAPPERS, *_AVERAGED) if any(name.startswith(p) for name in plain)), "")
        inside = {n.removeprefix(prefix): tensor for n, tensor in plain.items() if n.startswith(prefix)}
        if len(inside) < len(own):
            left = [name for name in own if name not in plain or not name.startswith(prefix)]
            _LOG.warning("%s: takes the model's tensors, not %d beside it, such as %s.", where, len(left), left[0])
        own = inside
        if not prefix:
            return own


def first_name(name: str) -> str:
    """Returns the canonical name of a tensor: the same but for what has two names."""
    return _ALIASED + name.removeprefix(ALIAS) if name.startswith(ALIAS) else name
