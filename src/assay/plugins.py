"""Finding plug-ins: the one place that reads entry points.

A port's plug-ins are the entry points of group ``assay.<port>``; what is loaded is
passed on as an argument, never kept in a registry.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from assay.errors import PluginError


def names(port: str) -> list[str]:
    """The names found for a port, sorted. Loads nothing."""
    return sorted({point.name for point in entry_points(group=f"assay.{port}")})


def load(port: str, name: str) -> Any:
    """The object that an entry point names.

    Raises PluginError when there is none of that name, two packages claim it, or its
    import fails; a missing package is named with the extra that brings it.
    """
    found: list[EntryPoint] = list(entry_points(group=f"assay.{port}", name=name))
    if not found:
        raise PluginError(f"no {port} named {name!r}; installed: {', '.join(names(port)) or 'none'}")
    if len({point.value for point in found}) > 1:
        claims = ", ".join(sorted(point.value for point in found))
        raise PluginError(f"{port} {name!r} is claimed by several packages: {claims}; uninstall all but one")
    try:
        return found[0].load()
    except ImportError as error:
        missing = error.name or str(error)
        raise PluginError(
            f"{port} {name!r} needs the package {missing!r}, which is not installed: pip install 'assay[{name}]'"
        ) from error
