"""What `fsbench describe` says of a method."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from fsbench.methods.contract import ORACLE
from fsbench.methods.options import Option
from fsbench.methods.registry import MethodFactory
from fsbench.methods.registry import WEIGHTS
from fsbench.text import columns

__all__ = ["describe", "description_text"]


def describe(method: MethodFactory, dataset: str) -> dict[str, Any]:  # Any: JSON
    """Returns everything that a method says of itself, as JSON has it.

    Args:
        method: The method.
        dataset: Name of the dataset on which it is asked whether it can run as it is.

    Raises:
        PluginError: It cannot be imported, or breaks the contract.
    """
    info = method.info
    return {
        "name": info.name,
        "version": info.version,
        "summary": info.summary,
        "paper": info.paper,
        "licence": info.licence,
        "trained_on": None if info.trained_on is None else list(info.trained_on),
        "tuned_on": list(info.tuned_on),
        "target": method.target,
        "from": method.distribution,
        "ignores_support": method.ignores_support,
        "needs": list(method.needs),
        "dataset": dataset,
        "missing": method.missing(dataset),
        "works_in_parts": method.works_in_parts,
        "learns_from_draws": method.learns_from_draws,
        "options": [_option(option) for option in method.options.values()],
    }


def _option(option: Option) -> dict[str, Any]:  # Any: JSON
    return {
        "name": option.name,
        "type": option.type_name,
        "required": option.is_required,
        "default": option.shown_default,
        "help": option.help,
    }


def description_text(described: Mapping[str, Any], width: int | None = None) -> str:  # Any: JSON
    """Returns a description as text.

    Args:
        described: What `describe` returned.
        width: Columns of the terminal; None for as many as it takes.
    """
    missing = described["missing"]
    runs = f"no, without {'; '.join(missing)}" if missing else "yes"
    whole = "lie in memory whole: its frames, and the masks of all its sentences"
    facts = [
        ("version", described["version"]),
        ("what it is", described["summary"]),
        ("paper", described["paper"]),
        ("licence", described["licence"]),
        ("trained on", _trained(described["trained_on"])),
        ("tuned on", "; ".join(described["tuned_on"])),
        ("from", f"{described['from']} ({described['target']})" if described["from"] else described["target"]),
        ("support", _support(described)),
        ("needs", "; ".join(_need(each, described) for each in described["needs"])),
        ("long videos", "are read and answered in parts" if described["works_in_parts"] else whole),
        (f"runs now on {described['dataset']}", runs),
    ]
    head = columns([("method", described["name"]), *((key, value or "-") for key, value in facts)], width)
    return f"{head}\n\n{_options_text(described['options'], width)}"


def _need(need: str, described: Mapping[str, Any]) -> str:  # Any: JSON
    is_brought = need == WEIGHTS and need not in described["missing"]
    return f"{need}, or on {described['dataset']} those that it brings" if is_brought else need


def _support(described: Mapping[str, Any]) -> str:  # Any: JSON
    if described["learns_from_draws"]:
        return "needed: whole support videos, those of all novel classes at once"
    if not described["ignores_support"]:
        return "needed"
    return "ignored" if described["name"].startswith(ORACLE) else "ignored, so 'fsbench predict' takes it"


def _trained(declared: Sequence[str] | None) -> str:
    return "not declared" if declared is None else "; ".join(declared) or "nothing"


def _options_text(options: Sequence[Mapping[str, Any]], width: int | None) -> str:  # Any: JSON
    if not options:
        return "It has no options."
    rows = [
        (o["name"], o["type"], "(give one)" if o["required"] else _shown(o["default"]), o["help"] or "-")
        for o in options
    ]
    return columns([("option", "type", "default", "what it is"), *rows], width)


def _shown(default: bool | int | float | str | None) -> str:
    return "-" if default is None else str(default)
