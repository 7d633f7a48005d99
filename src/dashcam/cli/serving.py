"""`dashcam run`: any ASGI app under uvicorn with capture around it, its code unchanged.

The app's address goes through the environment, so that uvicorn's workers and reloader, which
are processes of their own, find it too.
"""

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import uvicorn
import uvicorn.importer
from starlette.responses import RedirectResponse
from starlette.routing import Mount

from dashcam.access.sessions import secret_key
from dashcam.api.viewer import make_ticket
from dashcam.capture.asgi import DashcamMiddleware
from dashcam.cli.common import UsageError
from dashcam.settings import Settings

TARGET = "_DASHCAM_RUN_APP"
FACTORY = "_DASHCAM_RUN_FACTORY"
UI = "_DASHCAM_RUN_UI"
PAGE_PATH = "/dashcam"


class TargetError(UsageError):
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
    app = load(os.environ[TARGET], factory=FACTORY in os.environ)
    if UI in os.environ:
        app = _with_page(app)
    return DashcamMiddleware(app)


def _with_page(app: Any) -> Any:
    """Put the page below `PAGE_PATH` of an app, for the loopback's names only."""
    from dashcam.api.app import history_app
    from dashcam.api.guard import Guard
    from dashcam.recorder import Recorder

    recorder = Recorder.shared(Settings())
    page = Guard(Mount(PAGE_PATH, history_app(recorder)))

    async def app_or_page(scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        wanted = path == PAGE_PATH or path.startswith(PAGE_PATH + "/")
        if scope["type"] != "http" or not wanted:
            await app(scope, receive, send)
        elif path == PAGE_PATH:
            await RedirectResponse(PAGE_PATH + "/")(scope, receive, send)
        else:
            await page(scope, receive, send)

    return app_or_page


def _announce_page(host: str, port: int) -> None:
    ticket = make_ticket(secret_key(Settings()))
    print(
        f"dashcam shows the records at\n\n    http://{host}:{port}{PAGE_PATH}/login?token={ticket}"
        "\n\nthe link works once, within an hour",
        flush=True,
    )


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
    ui: bool = False,
) -> None:
    """Serve an app until the process is told to end.

    Raises:
        TargetError: the address leads nowhere.
        SettingsError: a setting is wrong.
    """
    if not Path(app_dir).is_dir():
        raise TargetError(f"there is no directory {app_dir!r} (of --app-dir)")
    sys.path.insert(0, app_dir)
    Settings()  # a wrong setting is told before anything is started
    if not reload:
        load(target, factory=False)
    os.environ[TARGET] = target
    if factory:
        os.environ[FACTORY] = "1"
    if ui:
        os.environ[UI] = "1"
        _announce_page(host, port)
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
