"""`dashcam serve`: history over HTTP for a person at this machine, or behind a proxy."""

import asyncio
import ipaddress
import logging
import webbrowser

import uvicorn

from dashcam.api.app import history_app
from dashcam.api.guard import Guard
from dashcam.api.viewer import Desk
from dashcam.errors import QueryError
from dashcam.recorder import Recorder
from dashcam.settings import Settings, sqlite_path


def is_loopback(host: str) -> bool:
    """Tell whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def serve_history(
    settings: Settings,
    *,
    host: str,
    port: int,
    hosts: list[str],
    no_auth: bool,
    open_browser: bool,
) -> None:
    """Serve until the process is told to end.

    Raises:
        QueryError: the address may not be served so.
        SettingsError: a setting is wrong.
    """
    if not is_loopback(host):
        if no_auth:
            raise QueryError(
                f"--no-auth is for a loopback address only, got {host}: anyone who can reach it "
                "would see every record"
            )
        if not hosts and not settings.allowed_hosts:
            raise QueryError(
                f"{host} can be reached from elsewhere: say by which names with --allowed-host "
                "(see DNS rebinding)"
            )
    desk = Desk(Recorder(settings.replace(writer="off")), everyone=no_auth)
    if sqlite_path(settings.store) is not None:
        desk.store.migrate()
    names = [*hosts, *settings.allowed_hosts]
    app = Guard(history_app(desk.recorder, desk=desk), [*names, host])
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
        server_header=False,
        ws="none",
    )
    logging.getLogger("uvicorn.error").addFilter(_is_no_cancellation)
    server = _Server(config)
    server.announce = lambda bound: _announce(
        desk, names[0] if names and not is_loopback(host) else host, bound, no_auth, open_browser
    )
    server.run()
    if not server.started:
        raise QueryError(f"{host}:{port} can't be listened on; is something else there?")


def _is_no_cancellation(record: logging.LogRecord) -> bool:
    """Tell what is worth saying: an open page's requests are cut off at the end, as they must."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, asyncio.CancelledError) and "timeout graceful" not in record.msg


class _Server(uvicorn.Server):
    announce = staticmethod(lambda bound: None)

    async def startup(self, sockets: object = None) -> None:
        """Say where it is once it is there."""
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started:
            self.announce(self.servers[0].sockets[0].getsockname()[1])


def _announce(desk: Desk, host: str, port: int, no_auth: bool, open_browser: bool) -> None:
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{port}/"
    if not no_auth:
        url += f"login?token={desk.make_ticket()}"
    print(f"dashcam shows its records at\n\n    {url}\n", flush=True)
    if not no_auth:
        print("the link works once, within an hour; Ctrl-C ends this", flush=True)
    if open_browser:
        webbrowser.open(url)
