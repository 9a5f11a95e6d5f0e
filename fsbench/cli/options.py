"""Options that several commands take, and how the text of one is read."""

import os
import shutil
import sys
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import TypeVar

import click
from click.shell_completion import CompletionItem

from fsbench.splits.binning import ATTRIBUTES

__all__ = [
    "SEED",
    "Command",
    "backbone_option",
    "by_option",
    "carrying_options",
    "complete_methods",
    "data_root_option",
    "dataset_option",
    "described_option",
    "draws_option",
    "entries_option",
    "folds_option",
    "integers",
    "json_option",
    "key_and_value",
    "keyed",
    "making_options",
    "method_option",
    "method_options",
    "protocol_option",
    "scoring_protocol_option",
    "shard_option",
    "splits_option",
    "terminal_width",
    "tolerance_option",
    "workers_option",
]

_DIGITS = 4
"""Of a fold or a draw: no benchmark has more, and a range of a billion takes all memory."""
_MOST_WORKERS = 1024
"""A slip of the finger would start processes until all memory is gone."""
SEED = click.IntRange(0, 2**32 - 1)

Command = TypeVar("Command", bound=Callable[..., Any])  # Any: a click command's parameters


def complete_methods(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Returns the registered methods that begin so, or else files."""
    from fsbench.methods.registry import registered_methods

    return _beginning(registered_methods(), begun) or [CompletionItem(begun, type="file")]


def _complete_datasets(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    from fsbench.datasets.catalogue import DATASETS

    return _beginning(DATASETS.points, begun) or [CompletionItem(begun, type="file")]


def _complete_protocols(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    from fsbench.protocol import PROTOCOLS

    return _beginning(PROTOCOLS.points, begun)


def _complete_attributes(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    return _beginning(ATTRIBUTES, begun)


def _beginning(names: Iterable[str], begun: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(begun)]


def method_option(name: str = "method", about: str = "", default: str | None = None) -> Callable[[Command], Command]:
    """Returns the option `--method`, which is handed on under `name` and required unless it has a default."""
    given: dict[str, Any] = {} if default is None else {"default": default, "show_default": True}  # None is a default
    return click.option(
        "--method",
        name,
        metavar="NAME",
        required=default is None,
        **given,
        shell_complete=complete_methods,
        callback=_known_method,
        help=about or "A registered method, module:attr, or FILE.py:Class.",
    )


def _known_method(ctx: click.Context, _parameter: click.Parameter, name: str) -> str:
    """Hands on the name of a method that is there: a typing error is told before the embedded set is rendered."""
    from fsbench.methods.registry import find_method

    if not ctx.resilient_parsing:
        find_method(name)
    return name


def dataset_option(about: str = "", default: str = "as in evaluate") -> Callable[[Command], Command]:
    """Returns the option `--dataset`: a name or a YAML file; `default` says in its help what is taken without one."""
    text = f"{about}  [default: {default}]" if about else f"[default: {default}]"
    return click.option("--dataset", metavar="NAME|FILE", shell_complete=_complete_datasets, help=text)


def described_option(about: str) -> Callable[[Command], Command]:
    """Returns the option `--dataset`, as `files`, of commands on runs, which know their dataset by its name alone."""
    return click.option(
        "--dataset", "files", metavar="FILE", multiple=True, help=f"A YAML file that describes a dataset: {about}"
    )


def data_root_option(command: Command) -> Command:
    """Adds `--data-root`, as a path that need not be there."""
    return click.option(
        "--data-root",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("data"),
        show_default=True,
        help="The dataset's own folder, or a folder that holds it.",
    )(command)


def splits_option(default: str = "as in evaluate") -> Callable[[Command], Command]:
    """Returns the option `--splits`; `default` says in its help what is taken without one."""
    return click.option(
        "--splits",
        type=click.Path(file_okay=False, exists=True, path_type=Path),
        help=f"A manifest, or a folder of splits.  [default: {default}]",
    )


def entries_option(command: Command) -> Command:
    """Adds `--entries`."""
    return click.option(
        "--entries",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("leaderboard/entries"),
        show_default=True,
        help="Folder of the leaderboard's entries.",
    )(command)


def json_option(command: Command) -> Command:
    """Adds `--json`, as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)


def method_options(command: Command) -> Command:
    """Adds `--option`, as `options`; see `keyed`."""
    return click.option(
        "--option", "options", multiple=True, metavar="KEY=VALUE", help="An option of the method; may be repeated."
    )(command)


def backbone_option(command: Command) -> Command:
    """Adds `--backbone`."""
    return click.option("--backbone", help="The same as --option backbone=NAME.")(command)


def by_option(about: str) -> Callable[[Command], Command]:
    """Returns the option `--by`, the name of an attribute."""
    return click.option(
        "--by",
        metavar="ATTRIBUTE",
        shell_complete=_complete_attributes,
        help=f"{about}: {', '.join(ATTRIBUTES)}; see 'fsbench list attributes'.",
    )


def making_options(about_checkpoint: str) -> Callable[[Command], Command]:
    """Returns the options that say how a method is made, from `--checkpoint` to `--batch-sentences`; see `keyed`."""
    options = [
        click.option("--checkpoint", type=click.Path(path_type=Path), help=about_checkpoint),
        method_options,
        click.option(
            "--device",
            default="auto",
            show_default=True,
            metavar="KIND[:N,...]",
            help="For methods that use one: auto, cpu, cuda, mps. Workers are dealt out over all devices of the kind, "
            "or over some: cuda:0,2.",
        ),
        backbone_option,
        click.option("--dtype", type=click.Choice(["float32", "bfloat16"]), help="The same as --option dtype=NAME."),
        click.option(
            "--refine",
            default="",
            metavar="TRACKER",
            help="Propagate each sentence's surest mask by a tracker, see 'fsbench list trackers'; its options are "
            "--option refine_NAME=VALUE.",
        ),
        click.option(
            "--max-frames",
            type=click.IntRange(min=1),
            help="Frames that a method may hold at once, where memory is short; the same as --option max_frames=N.",
        ),
        click.option(
            "--batch-sentences",
            type=click.IntRange(min=1),
            metavar="N",
            help="Sentences of a video that go through a model at once, which an accelerator is quicker with; the same "
            "as --option batch_sentences=N.",
        ),
    ]
    return _all_of(options)


def carrying_options(command: Command) -> Command:
    """Adds the options that say how work is carried out and change nothing of what it comes to."""
    options = [
        workers_option(default=1),
        click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True),
        click.option(
            "--ray-address",
            default="",
            metavar="HOST:PORT",
            help="A Ray cluster that is there.  [default: that in RAY_ADDRESS, else one of this machine alone]",
        ),
        click.option(
            "--gpus-per-worker",
            type=click.FloatRange(min=0),
            metavar="N",
            help="GPUs, or a part of one, that each worker asks Ray for.  [default: 1 on CUDA, with --device auto if "
            "the cluster has any; else 0]",
        ),
        click.option(
            "--cpus-per-worker",
            type=click.FloatRange(min=0),
            default=1,
            show_default=True,
            metavar="N",
            help="CPUs that each worker asks Ray for, and threads that it may have.",
        ),
        click.option(
            "--ray-wait",
            type=click.FloatRange(min=0),
            default=600,
            show_default=True,
            metavar="SECONDS",
            help="How long to wait for a place on the cluster, such as a node that starts, while no worker has any.",
        ),
        click.option(
            "--memo-mib",
            type=click.IntRange(min=0),
            default=512,
            show_default=True,
            help="MiB that a method may keep of a video for later sentences and draws, in each worker; more is faster.",
        ),
        click.option(
            "--mask-mib",
            type=click.IntRange(min=1),
            default=4096,
            show_default=True,
            help="MiB of masks, a byte a pixel, above which a method that takes videos whole gets sentences in groups.",
        ),
        click.option(
            "--ahead",
            type=click.IntRange(min=0),
            metavar="N",
            help="Videos to read ahead while the method works, in each worker; masks of one more are scored behind it, "
            "so memory holds up to N + 2. 0: one thing after the other.  [default: 1 on an accelerator, or with more "
            "cores than workers, of data in folders of pictures; else 0]",
        ),
    ]
    return _all_of(options)(command)


def _all_of(options: Sequence[Callable[[Any], Any]]) -> Callable[[Command], Command]:  # Any: commands, as they come
    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def draws_option(command: Command) -> Command:
    """Adds `--draws`, as text; see `integers`."""
    return click.option("--draws", metavar="LIST", help="Support draws, e.g. 0-4 or 0,2.  [default: all]")(command)


def folds_option(command: Command) -> Command:
    """Adds `--fold`, as `folds`, a tuple of numbers, each once, as they are given; empty where it is not."""
    return click.option(
        "--fold",
        "folds",
        multiple=True,
        metavar="LIST",
        callback=lambda context, option, texts: _folds(texts),
        help="Fold, or folds as in 1,2; may be repeated.  [default: all]",
    )(command)


def _folds(texts: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(number for text in texts for number in integers(text, "--fold")))


def protocol_option(command: Command) -> Command:
    """Adds `--protocol`, as a name."""
    return _protocol_option("standard", "See 'fsbench list protocols'.")(command)


def scoring_protocol_option(command: Command) -> Command:
    """Adds `--protocol` of what was made elsewhere, as a name; None for the one that the field scores it by."""
    about = "See 'fsbench list protocols'.  [default: standard; of a folder for each annotator, the dataset's]"
    return _protocol_option(None, about)(command)


def _protocol_option(default: str | None, about: str) -> Callable[[Command], Command]:
    shown = default is not None
    return click.option(
        "--protocol", default=default, show_default=shown, shell_complete=_complete_protocols, help=about
    )


def shard_option(command: Command) -> Command:
    """Adds `--shard`, as (number, count); None where it is not given."""
    return click.option(
        "--shard",
        metavar="I/N",
        callback=lambda context, option, text: None if text is None else _shard(text),
        help="Take the I-th of N parts of the videos, in a folder of its own (OUT.shard-I-of-N): see 'fsbench gather'.",
    )(command)


def _shard(text: str) -> tuple[int, int]:
    first, sign, last = text.partition("/")
    if not (sign and all(end.isascii() and end.isdecimal() and len(end) <= _DIGITS for end in (first, last))):
        raise click.BadParameter(f"{text!r} is not of the form I/N, such as 3/16.", param_hint="--shard")
    return int(first), int(last)


def tolerance_option(command: Command) -> Command:
    """Adds `--tolerance`, to explore what hangs on it."""
    return click.option(
        "--tolerance",
        type=click.FloatRange(min=0),
        metavar="SHARE|PIXELS",
        help="How far apart contours may be: below 1 a share of the diagonal, from 1 on whole pixels (the signature "
        "then says so).  [default: the protocol's]",
    )(command)


def workers_option(
    what: str = "Processes.", default: int | None = None, least: int = 1
) -> Callable[[Command], Command]:
    """Returns the option `--workers`, a number of `what`; None, which stands for the number of cores, by default."""
    return click.option(
        "--workers",
        type=click.IntRange(least, _MOST_WORKERS),
        default=default,
        show_default=default is not None,
        help=what if default is not None else f"{what}  [default: number of cores]",
    )


def keyed(pairs: tuple[str, ...], **named: str | int | None) -> dict[str, str]:
    """Returns the options of a method: those given as KEY=VALUE, and over them those with a flag of their own."""
    given = {key: str(value) for key, value in named.items() if value is not None}
    return {**dict(key_and_value(text) for text in pairs), **given}


def key_and_value(text: str) -> tuple[str, str]:
    """Reads "a=1" as ("a", "1")."""
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise click.BadParameter(f"{text!r} is not of the form KEY=VALUE.", param_hint="--option")
    return key, value


def integers(text: str, option: str = "--draws") -> tuple[int, ...]:
    """Reads "0-2,4" as (0, 1, 2, 4); `option` is named where it is no such list."""
    numbers: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not all(end.isascii() and end.isdecimal() for end in (first, last or first)):
            raise click.BadParameter(f"{text!r} is not a list like 0-4 or 0,2.", param_hint=option)
        if max(len(first), len(last)) > _DIGITS:
            raise click.BadParameter(f"{text[:40]!r} names a number of more than {_DIGITS} digits.", param_hint=option)
        numbers.update(range(int(first), int(last or first) + 1))
    if not numbers:
        raise click.BadParameter(f"{text!r} names none.", param_hint=option)
    return tuple(sorted(numbers))


def terminal_width() -> int | None:
    """Returns the columns of the terminal that stdout is; None where it is none, and `COLUMNS` does not say."""
    is_known = (sys.stdout is not None and sys.stdout.isatty()) or "COLUMNS" in os.environ
    return shutil.get_terminal_size().columns if is_known else None
