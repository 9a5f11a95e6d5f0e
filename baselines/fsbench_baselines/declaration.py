"""What a method is, said without the code that does the work: neither torch nor transformers is needed to read it.

Methods are listed and described far more often than they are made, and torch alone takes seconds to import.
"""

from dataclasses import dataclass
from importlib import import_module
from inspect import Signature
from inspect import signature
from typing import Any
from typing import Literal

from fsbench.methods.contract import Method
from fsbench.methods.contract import MethodInfo

__all__ = ["Declaration", "Dtype"]

Dtype = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Declaration:
    """A factory of methods: the harness reads who a method is and which options it has, and calls it to make one.

    Attributes:
        info: Who the method is.
        options: A frozen dataclass whose fields are the method's options, documented under its `Attributes:`.
        code: `module:class` of the method itself, which is made with `options`.
    """

    info: MethodInfo
    options: type[Any]  # Any: a dataclass, of no common base
    code: str

    @property
    def __signature__(self) -> Signature:
        return signature(self.options)

    def __call__(self, **options: Any) -> Method:  # Any: as the fields of `options` are annotated
        """Makes the method."""
        module, _, name = self.code.partition(":")
        method: Method = getattr(import_module(module), name)(self.options(**options))
        return method
