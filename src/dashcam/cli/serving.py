"""`dashcam run`: any ASGI app under uvicorn with capture around it, its code unchanged.

The app's address goes through the environment, so that uvicorn's workers and reloader, which
are processes of their own, find it too.
"""

import importlib
import os
import sys
from typing import Any

import uvicorn
import uvicorn.importer

from dashcam.capture.asgi import DashcamMiddleware
from dashcam.errors import DashcamError
from dashcam.settings import Settings

TARGET = "_DASHCAM_RUN_APP"
FACTORY = "_DASHCAM_RUN_FACTORY"


class TargetError(DashcamError):
    """The address of the app leads nowhere."""


def load(target: str, *, factory: bool) -> Any:
    """Import an app by its address.

    Args:
        target: `module:attribute`.
        factory: whether what is there makes the app.

    Raises:
        TargetError: there is no such module or attribute. What the user's own module raises
            is raised as it is.
    """
    module_name, colon, attribute = target.partition(":")
    if not colon or not module_name or not attribute:
        raise TargetError(f"the app must be given as module:attribute, got {target!r}")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if module_name == missing or module_name.startswith(missing + "."):
            raise TargetError(f"there is no module {missing!r} (of {target!r})") from None
        raise
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise TargetError(f"module {module_name!r} has no {attribute!r}") from None
    if not callable(found):
        raise TargetError(f"{target!r} is no ASGI app: it can't be called")
    return found() if factory else found


def make() -> DashcamMiddleware:
    """Make the app that a worker serves (called by uvicorn)."""
    return DashcamMiddleware(load(os.environ[TARGET], factory=FACTORY in os.environ))


def serve(
    target: str,
    *,
    factory: bool,
    host: str,
    port: int,
    workers: int,
    reload: bool,
    log_level: str,
    app_dir: str,
    access_log: bool = True,
) -> None:
    """Serve an app until the process is told to end.

    Raises:
        TargetError: the address leads nowhere.
        SettingsError: a setting is wrong.
    """
    sys.path.insert(0, app_dir)
    Settings()  # a wrong setting is told before anything is started
    if not reload:
        load(target, factory=False)
    os.environ[TARGET] = target
    if factory:
        os.environ[FACTORY] = "1"
    uvicorn.run(
        "dashcam.cli.serving:make",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        reload=reload,
        log_level=log_level,
        access_log=access_log,
        app_dir=app_dir,
    )
