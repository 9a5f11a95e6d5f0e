"""What a method is, and how methods are found."""

from fsbench.methods.contract import Clip
from fsbench.methods.contract import Fold
from fsbench.methods.contract import Method
from fsbench.methods.contract import MethodInfo
from fsbench.methods.contract import Shot
from fsbench.methods.contract import Support

__all__ = ["Clip", "Fold", "Method", "MethodInfo", "Shot", "Support"]
