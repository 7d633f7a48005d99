"""The command line. Exit codes: 0 done, 1 failed, 2 wrong usage."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from dashcam import __version__
from dashcam.cli import keys, records, views
from dashcam.cli.common import (
    ErrorsOption,
    FilterArgument,
    FromOption,
    JsonOption,
    MethodOption,
    OutcomeOption,
    PathOption,
    StatusOption,
    StoreOption,
    TextOption,
    ToOption,
    UserOption,
    errors_told,
    fail,
    opened,
    print_json,
    settings_of,
)
from dashcam.errors import (
    DashcamError,
    QueryError,
)
from dashcam.history.grammar import make_query
from dashcam.settings import without_credentials
from dashcam.store import open_store

app = typer.Typer(
    name="dashcam",
    help="Record every HTTP request and response of a Python web application, and look at them.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
journal_app = typer.Typer(help="Look inside journal directories.", no_args_is_help=True)
app.add_typer(journal_app, name="journal")
app.add_typer(keys.app, name="keys")


def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"dashcam {__version__}")
        raise typer.Exit(0)


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version."),
    ] = False,
) -> None:
    """Record every HTTP request and response of a Python web application, and look at them."""


records.add_commands(app)


@app.command()
def run(
    target: Annotated[str, typer.Argument(metavar="MODULE:APP", help="Such as main:app.")],
    store: StoreOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    reload: Annotated[
        bool, typer.Option("--reload", help="Restart when the code changes.")
    ] = False,
    factory: Annotated[bool, typer.Option("--factory", help="MODULE:APP makes the app.")] = False,
    writer: Annotated[str | None, typer.Option(help="thread, process or off.")] = None,
    log_level: Annotated[str, typer.Option(help="Of uvicorn.")] = "info",
    app_dir: Annotated[str, typer.Option(help="Where modules are looked for.")] = ".",
    ui: Annotated[bool, typer.Option("--ui", help="Show the records at /dashcam/.")] = False,
) -> None:
    """Serve an ASGI app with uvicorn and record it, its code unchanged.

    \b
    Examples:
      dashcam run main:app --ui
      dashcam run main:app --workers 2 --port 8001
    """
    from dashcam.cli.serving import serve

    with errors_told():
        if log_level not in ("critical", "error", "warning", "info", "debug", "trace"):
            raise QueryError(
                f"log-level must be critical, error, warning, info, debug or trace, got {log_level!r}"
            )
        settings = settings_of(store, writer=writer)
        # The workers are processes of their own: they read the environment.
        os.environ["DASHCAM_STORE"] = settings.store
        os.environ["DASHCAM_WRITER"] = settings.writer
        serve(
            target,
            factory=factory,
            host=host,
            port=port,
            workers=workers,
            reload=reload,
            log_level=log_level,
            app_dir=app_dir,
            ui=ui,
        )


@app.command()
def serve(
    store: StoreOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any.")] = 8600,
    allowed_host: Annotated[
        list[str] | None, typer.Option(help="A name that it is asked for by, besides localhost.")
    ] = None,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Show everything to anyone at this machine.")
    ] = False,
    open_browser: Annotated[bool, typer.Option("--open", help="Open a browser.")] = False,
) -> None:
    """Serve the page and the API of history, for keys, tokens or a one-time link.

    \b
    Examples:
      dashcam serve --open
      dashcam serve --no-auth --port 8601
    """
    from dashcam.cli.looking import serve_history

    with errors_told():
        serve_history(
            settings_of(store),
            host=host,
            port=port,
            hosts=allowed_host or [],
            no_auth=no_auth,
            open_browser=open_browser,
        )


@app.command()
def demo(
    seconds: Annotated[float | None, typer.Option(min=0.1, help="End after so long.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the gateway; 0: any.")] = 0,
    directory: Annotated[str | None, typer.Option("--dir", help="Where the data goes.")] = None,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open a browser at the page.")
    ] = False,
) -> None:
    """Record an example gateway under example traffic, and watch.

    \b
    Examples:
      dashcam demo --seconds 10
      dashcam demo --seconds 10 --open --dir demo-data
    """
    from dashcam.cli.demonstrating import demo as demonstrate

    with errors_told():
        raise typer.Exit(
            demonstrate(
                views.make_console(),
                seconds=seconds,
                port=port,
                directory=directory,
                open_browser=open_browser,
            )
        )


@app.command()
def writer() -> None:
    """Drain journals for apps that run writer=off; see `dashcam writer --help`.

    \b
    Examples:
      dashcam writer
    """


@app.command()
def migrate(store: StoreOption = None) -> None:
    """Bring the store's schema up to date.

    \b
    Examples:
      dashcam migrate
    """
    from dashcam.store.schema import HEAD

    with errors_told():
        settings = settings_of(store)
        found_store = open_store(settings.store)
        try:
            before = found_store.schema_status()
            found_store.migrate()
        finally:
            found_store.close()
        done = (
            "is current already" if before == "current" else f"was {before}, and is at {HEAD} now"
        )
        print(f"{without_credentials(settings.store)} {done}")


@app.command()
def prune(
    older_than: Annotated[
        str | None, typer.Option(metavar="SPAN", help="What began so long ago, such as 30d.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="All of one user's, in store, journals and failed file.")
    ] = None,
    store: StoreOption = None,
    timeout: Annotated[
        float, typer.Option(min=0, help="Seconds for what is still on its way.")
    ] = 30.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
) -> None:
    """Delete records for good, in small steps.

    \b
    Examples:
      dashcam prune --older-than 30d
      dashcam prune --user u_1 --dry-run
    """
    from dashcam.cli.pruning import prune_older, prune_user

    with errors_told(), opened(store) as found_store:
        if (older_than is None) == (user is None):
            raise QueryError("give either --older-than or --user")
        if older_than is not None:
            prune_older(found_store, older_than, dry_run=dry_run)
        elif user is not None:
            prune_user(settings_of(store), found_store, user, timeout_s=timeout, dry_run=dry_run)


@app.command()
def export(
    kind: Annotated[str, typer.Option("--format", help="jsonl, har or parquet.")] = "jsonl",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; default: standard output.")
    ] = None,
    store: StoreOption = None,
    status: StatusOption = None,
    method: MethodOption = None,
    path: PathOption = None,
    outcome: OutcomeOption = None,
    user: UserOption = None,
    from_: FromOption = None,
    to: ToOption = None,
    text: TextOption = None,
    errors: ErrorsOption = False,
    words: FilterArgument = None,
) -> None:
    """Write records to a file.

    \b
    Examples:
      dashcam export --format har -o records.har --from 1h
      dashcam export status:5xx > errors.jsonl
      dashcam export --format parquet -o records.parquet
    """
    from dashcam.cli.exporting import export_records

    with errors_told(), opened(store) as found_store:
        query = make_query(
            words or [],
            status=status,
            method=method,
            path=path,
            outcome=outcome,
            user=user,
            from_=from_,
            to=to,
            text=text,
            errors=errors,
        )
        export_records(found_store, query, kind=kind, output=output)


@app.command()
def copy(
    from_url: Annotated[str, typer.Option("--from", metavar="URL", help="The store to read.")],
    to_url: Annotated[str, typer.Option("--to", metavar="URL", help="The store to fill.")],
) -> None:
    """Copy all records to another store; may be repeated.

    \b
    Examples:
      dashcam copy --from sqlite:///request_logs.db --to sqlite:///copy.db
    """
    from dashcam.cli.exporting import copy_records

    with errors_told(), opened(from_url) as source:
        target = open_store(settings_of(to_url).store)
        try:
            copy_records(source, target)
        finally:
            target.close()


@app.command()
def recover(
    file: Annotated[Path | None, typer.Argument(help="Default: failed_logs.jsonl.")] = None,
    store: StoreOption = None,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds for the journals.")] = 60.0,
) -> None:
    """Deliver what dead processes have left in journals, and send failed_logs.jsonl again.

    \b
    Examples:
      dashcam recover
    """
    from dashcam.cli.recovering import drain, resend

    with errors_told():
        settings = settings_of(store)
        if file is not None and not file.exists():
            raise QueryError(f"there is no file {file}")
        adopted, delivered = drain(settings, timeout_s=timeout)
        try:
            resent, refused, foreign = resend(
                settings, file.resolve() if file else settings.failed_logs_path()
            )
        except OSError as error:
            raise DashcamError(f"{error.filename}: {error.strerror}") from error
        print(
            f"{adopted} records of dead processes are stored; {resent} refused ones are stored now, "
            f"{refused} are refused again, {foreign} lines are no records"
        )
        if not delivered:
            fail("some journals could not be drained in time; is another writer running?", code=1)


@app.command()
def doctor(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Check store, journal, rights, disk, backlog and clock; say what to do.

    \b
    Examples:
      dashcam doctor
    """
    from dashcam.cli.doctor import examine

    with errors_told():
        console = views.make_console()
        styles = {"ok": "green", "warn": "yellow", "fail": "bold red"}
        failed = False
        for finding in examine(settings_of(store)):
            failed |= finding.level == "fail"
            if as_json:
                print_json(finding)
                continue
            console.print(f"{finding.level:<5}", style=styles[finding.level], end="")
            console.print(views.safe(finding.what))
            if finding.advice:
                console.print(f"      → {views.safe(finding.advice)}", style="dim")
        if failed:
            raise typer.Exit(1)


@journal_app.command("verify")
def journal_verify(
    directory: Annotated[Path | None, typer.Argument(help="Default: all of journal_dir.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check every frame; exit code 1 when something is damaged.

    \b
    Examples:
      dashcam journal verify
    """
    from dashcam.journal.inspect import verify

    with errors_told():
        damaged = False
        for path in _directories(directory):
            for report in verify(path):
                damaged |= bool(report.damaged)
                if as_json:
                    print_json(report)
                    continue
                print(
                    f"{views.one_line(path.name)} {report.segment}: {report.frames} frames, "
                    f"{report.records} records" + (", in use" if report.active else ", prepared")
                )
                for at, length in report.damaged:
                    print(f"  damaged: {length} bytes at offset {at}")
        if damaged:
            raise typer.Exit(1)


@journal_app.command("dump")
def journal_dump(
    directory: Annotated[Path | None, typer.Argument(help="Default: all of journal_dir.")] = None,
) -> None:
    """Print every record that is in the journal, one JSON line each.

    \b
    Examples:
      dashcam journal dump
    """
    from dashcam.journal.inspect import dump

    with errors_told():
        for path in _directories(directory):
            for frame in dump(path):
                line = frame.payload.decode("utf-8", "replace").rstrip("\n")
                sys.stdout.write(views.safe_json(line) + "\n")
        sys.stdout.flush()


@journal_app.command("repair")
def journal_repair(
    directory: Annotated[Path | None, typer.Argument(help="Default: all of journal_dir.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell.")] = False,
) -> None:
    """Set damaged bytes aside and keep every whole record (only of dead processes).

    \b
    Examples:
      dashcam journal repair --dry-run
    """
    from dashcam.journal.inspect import repair

    with errors_told():
        for path in _directories(directory):
            for line in repair(path, dry_run=dry_run):
                print(views.one_line(line))


def _directories(directory: Path | None) -> list[Path]:
    from dashcam.journal import list_directories

    root = directory or settings_of(None).journal_path()
    if not root.is_dir():
        raise QueryError(f"there is no directory {root}")
    return (
        [root]
        if list(root.glob("*.seg")) or (root / "owner.json").exists()
        else list_directories(root)
    )
