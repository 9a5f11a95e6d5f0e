"""Records that leave the program as JSON, and what is wrong with one that comes back."""

from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import ValidationError

__all__ = ["Record", "all_problems", "first_problem"]


class Record(BaseModel):
    """Base of all records: they are not changed, and a field that they do not have is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def first_problem(error: ValidationError) -> str:
    """Returns the first of `all_problems`."""
    return all_problems(error)[0]


def all_problems(error: ValidationError) -> list[str]:
    """Returns what is wrong with a value, each as "field.subfield: what", without a full stop."""
    return [
        ": ".join([*([".".join(map(str, each["loc"]))] if each["loc"] else []), _message(each["msg"])])
        for each in error.errors()
    ]


def _message(text: str) -> str:
    return text.removeprefix("Value error, ").rstrip(".")
