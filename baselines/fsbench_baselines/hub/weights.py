"""Weights and tokenizers: from a folder, from the hub's cache on this machine, or from the hub.

A revision such as "main" moves. `pin_revision` says which commit it stands for and sees to it that the commit's files
are here; the run records the commit, and each process then loads it without the network.
"""

import threading
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from typing import TypeVar

import torch
from huggingface_hub import HfApi
from huggingface_hub import snapshot_download
from transformers import AutoTokenizer
from transformers import ImageProcessingMixin
from transformers import PreTrainedModel
from transformers import PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from fsbench.errors import DataError
from fsbench.errors import PluginError

__all__ = [
    "FILES",
    "PROCESSOR_FILES",
    "TOKENIZER_FILES",
    "find_folder",
    "load_model",
    "load_processor",
    "load_tokenizer",
    "pin_options",
    "pin_revision",
]

Model = TypeVar("Model", bound=PreTrainedModel)
Processor = TypeVar("Processor", bound=ImageProcessingMixin)
Value = TypeVar("Value")

HUB_TIMEOUT = 3.0  # seconds for the hub's first answer; a download that runs may take as long as it takes
FILES = ("config.json", "model.safetensors")
PROCESSOR_FILES = ("preprocessor_config.json",)
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
_PATTERNS = ("*.json", "*.txt", "*.safetensors")  # of a repository; others hold the same weights in older forms


def pin_options(options: Mapping[str, Any], *prefixes: str) -> dict[str, Any]:  # Any: see MethodFactory.resolve
    """Returns a method's options with each revision replaced by the commit that it stands for.

    Args:
        options: With `checkpoint`, and for each prefix with `<prefix>weights` and `<prefix>revision`.
        prefixes: One for each model. With a checkpoint, which decides all by itself, names and revisions become empty.
    Raises:
        PluginError: A model is neither on this machine nor to be had from the hub.
    """
    pinned = dict(options)
    for prefix in prefixes:
        weights, revision = f"{prefix}weights", f"{prefix}revision"
        if options["checkpoint"] is None:
            pinned[revision] = pin_revision(options[weights], options[revision])
        else:
            pinned[weights] = pinned[revision] = ""
    return pinned


def pin_revision(name: str, revision: str) -> str:
    """Returns the commit that a revision of a hub repository stands for; afterwards its files are on this machine.

    What the cache has under the revision counts; the hub is asked only if it has nothing.

    Args:
        name: Such as "CIDAS/clipseg-rd64-refined".
        revision: A branch, a tag or a commit.
    Raises:
        PluginError: It is not here, and not to be had.
    """
    folder = _cached(name, revision)
    if folder is None:
        folder = _download(name, revision)
    return folder.name  # the cache keeps a commit's files in a folder of its name


def find_folder(checkpoint: Path | None, name: str, revision: str, files: tuple[str, ...], part: str = "") -> Path:
    """Returns the folder of a model.

    Args:
        checkpoint: A folder of the user's, which goes before the hub.
        name: Of the hub repository.
        revision: As `pin_revision` returned it, or one that is not pinned yet.
        files: Names that the folder must have; weights may also be in several .safetensors files.
        part: Name of the checkpoint's folder that holds this model, for a method of several models.
    Raises:
        DataError: A file is missing.
        PluginError: The repository is not here, and not to be had.
    """
    folder = checkpoint / part if checkpoint is not None else _cached(name, revision) or _download(name, revision)
    has_weights = any(folder.glob("*.safetensors"))
    missing = [
        file for file in files if not (folder / file).is_file() and not (file == "model.safetensors" and has_weights)
    ]
    if missing:
        raise DataError(
            f"{folder}: there is no {' and no '.join(missing)}. A checkpoint of this method is a folder"
            f"{f' whose folder {part}/ has' if part else ' with'} {', '.join(files)}, as save_pretrained writes them "
            "and the hub has them."
        )
    return folder


def load_model(kind: type[Model], folder: Path, device: torch.device, dtype: torch.dtype) -> Model:
    """Loads a model in eval mode; every tensor of it must be in the files.

    Raises:
        DataError: The files are damaged, or of another model.
    """
    try:
        with _quiet():
            # Any: the type is that of a model, but with output_loading_info it is a pair.
            loaded: Any = kind.from_pretrained(folder, local_files_only=True, dtype=dtype, output_loading_info=True)
    except Exception as error:  # which kinds a damaged or foreign file raises is not documented
        raise DataError(f"{folder}: cannot be loaded as {kind.__name__} ({_brief(error)}). Get it anew.") from error
    model, found = loaded
    lacking = sorted({*found["missing_keys"], *(key[0] for key in found["mismatched_keys"])})
    if lacking:
        raise DataError(
            f"{folder}: of the tensors of {kind.__name__}, {len(lacking)} are missing or of another shape, such as "
            f"{', '.join(map(str, lacking[:3]))}. The weights are of another model."
        )
    placed: Model = model.to(device).eval()
    return placed


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Loads the tokenizer of a model's folder. Raises DataError if there is none that can be read."""
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # see load_model
        raise DataError(f"{folder}: the tokenizer cannot be loaded ({_brief(error)}). Get it anew.") from error
    return tokenizer


def load_processor(kind: type[Processor], folder: Path) -> Processor:
    """Loads what prepares pictures for a model. Raises DataError if there is nothing that can be read."""
    try:
        processor: Processor = kind.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # see load_model
        raise DataError(f"{folder}: the processor cannot be loaded ({_brief(error)}). Get it anew.") from error
    return processor


def _cached(name: str, revision: str) -> Path | None:
    """Returns the folder of a commit whose configuration and weights are in the cache; None if they are not."""
    try:
        folder = Path(snapshot_download(name, revision=revision, local_files_only=True))
    except (OSError, ValueError):
        return None
    is_whole = (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))
    return folder if is_whole else None


def _download(name: str, revision: str) -> Path:
    try:
        commit = _within(HUB_TIMEOUT, lambda: HfApi().model_info(name, revision=revision, timeout=HUB_TIMEOUT).sha)
        with _quiet():
            folder = snapshot_download(name, revision=commit, allow_patterns=list(_PATTERNS), etag_timeout=HUB_TIMEOUT)
    except Exception as error:  # the hub's client passes on whatever its HTTP library raises
        raise PluginError(
            f"The weights {name} (revision {revision}) are not on this machine and cannot be had from the hub "
            f"({_brief(error)}). Where there is a network: hf download {name} --revision {revision} --local-dir FOLDER "
            f"(for a gated model, ask for access and hf auth login first). Then bring FOLDER here and pass "
            f"--checkpoint FOLDER (of a tracker, --option refine_checkpoint=FOLDER). It needs {', '.join(FILES)}, and "
            f"for a model that reads text {', '.join(TOKENIZER_FILES)}. The baselines' model cards say more."
        ) from error
    return Path(folder)


def _within(seconds: float, ask: Callable[[], Value]) -> Value:
    """Returns `ask()`, or raises TimeoutError: the look-up of a host's address obeys no timeout of the HTTP client."""
    answers: list[Value] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            answers.append(ask())
        except Exception as error:  # raised again below
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError(f"no answer within {seconds:g} s")
    return answers[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the library's progress bars off stderr, which is the harness's."""
    was_on = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            transformers_logging.enable_progress_bar()


def _brief(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
