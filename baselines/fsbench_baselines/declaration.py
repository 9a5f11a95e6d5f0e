"""What a method is, said without the code that does the work: neither torch nor transformers is needed to read it.

Methods are listed and described far more often than they are made, and torch alone takes seconds to import.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from inspect import Signature
from inspect import signature
from pathlib import Path
from typing import Any
from typing import Literal

from fsbench.methods.contract import MethodInfo
from fsbench.methods.contract import Training
from fsbench.methods.contract import Weights

__all__ = ["Declaration", "Dtype", "OwnForm", "described_weights"]

Dtype = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Declaration:
    """A factory of methods: the harness reads who a method is and which options it has, and calls it to make one.

    Of a tracker, it is the same.

    Attributes:
        info: Who the method is.
        options: A frozen dataclass whose fields are the method's options, documented under its `Attributes:`.
        code: `module:class` of the method itself, which is made with `options`.
        ignores_support: Whether the method does without support sets.
        works_in_parts, learns_from_draws: See the contract.
    """

    info: MethodInfo
    options: type[Any]  # Any: a dataclass, of no common base
    code: str
    ignores_support: bool = False
    works_in_parts: bool = False
    learns_from_draws: bool = False

    @property
    def __signature__(self) -> Signature:
        return signature(self.options)

    def __call__(self, **options: Any) -> Any:  # Any: as the fields of `options` are annotated; a method, or a tracker
        """Makes the method."""
        module, _, name = self.code.partition(":")
        return getattr(import_module(module), name)(self.options(**options))


class OwnForm(Declaration):
    """A method with checkpoints of our own form, which say what they are."""

    def describe_checkpoint(self, checkpoint: Path) -> Weights | None:
        """Returns what a checkpoint says of itself; see `described_weights`."""
        return described_weights(checkpoint)

    def pin(self, options: Mapping[str, Any]) -> dict[str, Any]:  # Any: see MethodFactory.resolve
        """Returns the options with those that the checkpoint decides replaced by what it says."""
        checkpoint = options.get("checkpoint")
        weights = described_weights(checkpoint) if isinstance(checkpoint, Path) else None
        pinned = dict(options)
        if weights is None or not isinstance(checkpoint, Path):
            return pinned
        for name in options.keys() & weights.configuration.keys():
            value = weights.configuration[name]
            if name in _DECIDED or options[name] is None:
                pinned[name] = "x".join(map(str, value)) if isinstance(value, list) else value
        if "tokenizer" in options and (checkpoint / "tokenizer").is_dir():
            pinned["tokenizer"] = "the checkpoint's own"
        return pinned


_DECIDED = ("backbone", "dab")  # options that are for released weights alone


def described_weights(checkpoint: Path) -> Weights | None:
    """Returns what a checkpoint of our own form says of itself, without reading its weights.

    Args:
        checkpoint: A folder that `save_checkpoint` wrote.

    Returns:
        What it says; None for anything else, and for what is damaged, which is an error where it is loaded.
    """
    record = _json(checkpoint / "config.json")
    if not isinstance(record.get("config"), dict):
        return None
    try:
        return Weights(record["config"], _training(record.get("training")))
    except TypeError:  # of another version
        return Weights(record["config"])


def _training(told: Any) -> Training | None:  # Any: JSON
    if not isinstance(told, dict):
        return None
    return Training(**{**told, "classes": tuple(told.get("classes", ())), "of_init": _training(told.get("of_init"))})


def _json(path: Path) -> dict[str, Any]:  # Any: JSON
    """Returns a file's object; an empty one if there is none in it."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
