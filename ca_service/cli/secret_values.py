"""The secrets of a folder as names and values, for programs that know no folders."""

from collections.abc import Iterable, Mapping
from typing import Any

from ca_service.cli.output import fail
from ca_service.cli.place import EVERYTHING, in_environment
from ca_service.client.api import ApiClient


def read_values(
    client: ApiClient,
    project: str,
    environment: str,
    path: str,
    *,
    is_recursive: bool = False,
    with_imports: bool = True,
    is_expanded: bool = True,
    tag: str | None = None,
) -> dict[str, str]:
    """Return the values of a folder by name; end the command where one name has two values."""
    query = {
        "path": path,
        "recursive": is_recursive,
        "imports": with_imports,
        "expand": is_expanded,
        "include_values": True,
        "tag": tag,
    }
    place = in_environment(project, environment, "secrets")
    return values_by_name(client.items(place, query, EVERYTHING))


def values_by_name(items: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the values by name; end the command where a name has one value here and another there."""
    found: dict[str, Mapping[str, Any]] = {}
    for item in items:
        other = found.setdefault(item["name"], item)
        # Two folders may import the same secret.
        if other["value"] != item["value"]:
            fail(
                f"{item['name']} is in {other['path']} and in {item['path']}, with different values: "
                "choose a folder with --path, without --recursive"
            )
    return {name: item["value"] for name, item in found.items()}
