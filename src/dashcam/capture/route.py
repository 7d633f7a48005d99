"""The route template of a request (`/users/{id}`), where the framework tells it.

Reads what Starlette, FastAPI and Litestar leave in the ASGI scope; it must never match paths
itself, and it runs after the app has seen the request.
"""

import sys
from collections.abc import MutableMapping
from typing import Any


def route_template(scope: MutableMapping[str, Any], server_root_path: str) -> str | None:
    """Give the template of the route that served a request, with the mounts above it.

    Args:
        scope: the ASGI scope, as the app has left it.
        server_root_path: `root_path` as the server gave it; mounts append to it.
    """
    template = scope.get("path_template")  # Litestar
    if isinstance(template, str):
        return template
    route = scope.get("route")
    if route is None:
        return django_route(scope["path"]) if "django.core.handlers.asgi" in sys.modules else None
    root_path: str = scope.get("root_path", "")
    if root_path == server_root_path and "fastapi" not in scope:
        path_format = getattr(route, "path_format", None)
        if type(path_format) is str:
            return path_format  # the common case: no mount, no included router
    # FastAPI keeps a router's own route in `route`; the prefix under which the router was
    # included is known to the effective route only.
    effective = (scope.get("fastapi") or {}).get("effective_route_context")
    own = getattr(effective, "starlette_route", None) or effective or route
    path: Any = getattr(own, "path_format", None) or getattr(own, "path", None)
    if not isinstance(path, str):
        return None
    mounted = root_path.removeprefix(server_root_path).rstrip("/")
    if hasattr(own, "routes") or hasattr(own, "_base_app"):
        # The innermost route is a mount itself; its own path is the end of root_path.
        return _with_parameters(mounted, scope, own, mount=True) + "/{path}"
    if not mounted:
        return path
    return _with_parameters(mounted, scope, own, mount=False) + path


def django_route(path_info: str) -> str | None:
    """Ask Django, where it serves this process, for the route of a path; None when it knows none.

    Django leaves no trace in the scope or environ, so its own resolver is asked again.
    """
    if "django.urls" not in sys.modules:
        return None
    try:
        from django.urls import resolve

        return f"/{resolve(path_info).route}"
    except Exception:  # foreign code, asked for a courtesy: no such path, or no settings
        return None


def _with_parameters(
    mounted: str, scope: MutableMapping[str, Any], route: Any, *, mount: bool
) -> str:
    """Put the names back where a mount's own parameters have left their values."""
    own_names = () if mount else getattr(route, "param_convertors", ())
    parameters = {
        str(value): name
        for name, value in (scope.get("path_params") or {}).items()
        if name not in own_names
    }
    if not parameters:
        return mounted
    return "/".join(
        f"{{{parameters[part]}}}" if part in parameters else part for part in mounted.split("/")
    )
