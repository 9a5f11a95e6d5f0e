"""What a model is built from, as JSON; needs no torch."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any
from typing import Self

__all__ = ["Configuration"]


@dataclass(frozen=True)
class Configuration:
    """Base of the configurations of models, which are frozen dataclasses: their form in a folder."""

    def to_json(self) -> str:
        """Returns the configuration as a JSON object, one entry per field."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    def to_record(self) -> dict[str, Any]:  # Any: JSON
        """Returns the same as values."""
        record: dict[str, Any] = json.loads(self.to_json())
        return record

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            TypeError: A value is of a kind that the configuration does not take.
            ValueError: The text is not a JSON object, or is that of another model.
        """
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError("a model configuration is a JSON object")
        unknown = sorted(values.keys() - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise ValueError(f"a model configuration has no entry {', '.join(unknown)}")
        from pydantic import TypeAdapter  # here, for methods are listed without it

        return TypeAdapter(cls).validate_json(text, strict=True)
