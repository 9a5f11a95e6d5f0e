"""Datasets that a YAML file describes: `--dataset my-set.yaml`."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated
from typing import Any
from typing import Literal
from typing import Self

from pydantic import AfterValidator
from pydantic import BaseModel
from pydantic import BeforeValidator
from pydantic import ConfigDict
from pydantic import Field
from pydantic import model_validator
from pydantic import TypeAdapter
from pydantic import ValidationError

from fsbench.datasets import mevis
from fsbench.datasets import refytvos
from fsbench.datasets import sailvos
from fsbench.datasets import ytvis
from fsbench.datasets.spec import Asks
from fsbench.datasets.spec import BuildRule
from fsbench.datasets.spec import DatasetSpec
from fsbench.datasets.spec import DrawsFrom
from fsbench.datasets.spec import Layout
from fsbench.datasets.spec import LeaveOut
from fsbench.errors import DataError
from fsbench.errors import suggestion
from fsbench.records import first_problem

__all__ = ["LAYOUTS", "is_description", "read_description"]

LAYOUTS = {
    "ref-youtube-vos": refytvos.LAYOUT,
    "sail-vos": sailvos.LAYOUT,
    "mevis": mevis.LAYOUT,
    "youtube-vis": ytvis.LAYOUT,
}
"""The layouts that have a name."""

_LONGEST_PATH, _LONGEST_NAME = 1024, 255  # bytes; systems take 4096 of the whole, of which the set's folder has some
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
_Count = Annotated[int, Field(ge=1)]
_Limit = Annotated[int, Field(ge=0)]


def _usable(path: str) -> str:
    if not path.isprintable():
        raise ValueError("a path may not hold characters that nobody sees")
    if len(path.encode()) > _LONGEST_PATH or any(len(part.encode()) > _LONGEST_NAME for part in path.split("/")):
        raise ValueError(f"a path has at most {_LONGEST_PATH} bytes, and a name in it {_LONGEST_NAME}")
    return path


_Path = Annotated[str, AfterValidator(_usable)]
_Below = Annotated[_Path, Field(pattern=r"^[^/]")]  # relative
_Places = Annotated[
    list[_Below], Field(min_length=1), BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
]
"""One place, or several to look at in turn."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _LayoutSection(_Section):
    """Where the dataset keeps what.

    Attributes:
        metadata, expressions, images, suffixes, annotations, groups, masks, masklets: See `Layout`; without `masklets`,
            `expressions` is needed, and without `masks`, `metadata` and `annotations` are.
    """

    metadata: _Places | None = None
    expressions: _Places | None = None
    images: _Places
    suffixes: list[str] = Field(default=[".jpg", ".png"], min_length=1)
    annotations: _Places | None = None
    groups: _Places = list(Layout.groups)
    masks: _Places | None = None
    masklets: _Places | None = None

    @model_validator(mode="after")
    def _has_masks(self) -> Self:
        if self.masklets is None and self.expressions is None:
            raise ValueError("needs 'expressions', or 'masklets'")
        if not (self.masklets or self.masks) and (self.metadata is None or self.annotations is None):
            raise ValueError("needs 'metadata' and 'annotations', or 'masks'")
        return self


def _named_layout(value: object) -> object:
    """Returns the section that a name stands for; anything else as it is."""
    if not isinstance(value, str):
        return value
    if value not in LAYOUTS:
        raise ValueError(f"{value!r} is no layout. {suggestion(value, LAYOUTS)} Or give a section of its own")
    layout = LAYOUTS[value]
    return {each.name: list(getattr(layout, each.name)) or None for each in fields(layout)}


class _RuleSection(_Section):
    """How a manifest is built.

    Attributes:
        minimum, cap, shots, frames, draws, queries, seed, draws_from, leave_out: See `BuildRule`.
    """

    minimum: _Count = BuildRule.minimum
    cap: _Limit = BuildRule.cap
    shots: _Count = BuildRule.shots
    frames: _Count = BuildRule.frames
    draws: _Count = BuildRule.draws
    queries: _Limit = BuildRule.queries
    seed: int = BuildRule.seed
    draws_from: DrawsFrom = BuildRule.draws_from
    leave_out: tuple[LeaveOut, ...] = BuildRule.leave_out


class _Description(_Section):
    """The whole file.

    Attributes:
        name, title, version, asks, licence, shows, recipe: See `DatasetSpec`.
        layout: A section, or the name of one of `LAYOUTS`.
        root: The dataset's folder, relative to the file; None for the file's own.
        folders: Names that its folder may have beside the file, instead of `root`.
        classes: Names of the classes in class-id order; None for all categories that are found.
        other_labels: See `DatasetSpec`.
        folds: Class i is tested in fold (i - 1) % folds + 1; 0 puts all into one group, fold 0.
        author_groups: Take videos and folds from `group<k>_test.json` where the layout's `groups` has it.
        rule: How its manifest is built.
    """

    name: _Name
    title: str = ""
    layout: Annotated[_LayoutSection, BeforeValidator(_named_layout)] = Field(
        default="ref-youtube-vos", validate_default=True
    )
    root: _Path | None = None
    folders: list[_Path] = []
    classes: Annotated[list[str], Field(min_length=1)] | None = None
    folds: _Limit = 0
    author_groups: bool = False
    rule: _RuleSection = _RuleSection()
    version: _Name = "v1"
    asks: Asks = "sentences"
    licence: str = ""
    other_labels: list[_Count] = []
    shows: Literal["nothing", "masks", "pixels"] = "nothing"
    recipe: str | None = None


def is_description(name: str) -> bool:
    """Tells whether the name of a dataset is the path of a file that describes one."""
    return name.endswith((".yaml", ".yml"))


def read_description(path: Path) -> DatasetSpec:
    """Reads the file that describes a dataset.

    Args:
        path: A YAML file; its folders are relative to it.

    Raises:
        DataError: The file is missing or no YAML, or a key is unknown, missing or has a wrong value.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check --dataset.") from error
    except (
        yaml.YAMLError,
        ValueError,
        RecursionError,
    ) as error:  # also of a date that is none, and of what is too deep
        raise DataError(f"{path}: is no YAML ({' '.join(str(error).split())}).") from error
    if not isinstance(content, dict):
        what = "is empty" if content is None else "is no mapping of keys to values"
        raise DataError(f"{path}: {what}. It needs at least 'name: my-set' (docs/datasets.md has all keys).")
    try:
        found = TypeAdapter(_Description).validate_python(content)
    except ValidationError as error:
        raise DataError(f"{path}: {_first_problem(error)}") from error
    if found.root is not None and found.folders:
        raise DataError(f"{path}: give 'root' or 'folders', not both.")
    base = path.parent.resolve()
    places = [base / folder for folder in found.folders] or [base / (found.root or "")]
    return DatasetSpec(
        name=found.name,
        title=found.title,
        layout=_layout(found.layout),
        folders=tuple(place.name for place in places),
        places=tuple(place.resolve() for place in places),
        categories=None if found.classes is None else tuple(found.classes),
        num_folds=found.folds,
        has_author_groups=found.author_groups,
        rule=BuildRule(**found.rule.model_dump()),
        version=found.version,
        asks=found.asks,
        licence=found.licence,
        other_labels=tuple(found.other_labels),
        shows=found.shows,
        recipe=found.recipe,
    )


def _layout(one: _LayoutSection) -> Layout:
    return Layout(**{key: tuple(places or ()) for key, places in one.model_dump().items()})


def _first_problem(error: ValidationError) -> str:
    """Returns the first problem: the key, what is wrong with it, and what is allowed."""
    problem = error.errors()[0]
    where = [str(part) for part in problem["loc"]]
    if problem["type"] == "extra_forbidden":
        return f"{'.'.join(where)}: there is no such key here. {suggestion(where[-1], _keys(where[:-1]))}"
    return f"{'' if where else 'file: '}{first_problem(error)}."


def _keys(section: list[str]) -> list[str]:
    sections: dict[str, Any] = {"layout": _LayoutSection, "rule": _RuleSection}  # Any: classes of sections
    return list((sections[section[0]] if section else _Description).model_fields)
