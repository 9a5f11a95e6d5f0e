"""Which versions of other packages are installed."""

from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version

__all__ = ["installed_versions"]


def installed_versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Returns the versions of those packages that are installed, as this process found them first."""
    return {name: found for name in packages if (found := _version(name))}


@cache  # what a process has loaded stays what it was
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
