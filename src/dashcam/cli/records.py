"""`ls`, `show`, `tail`, `stats` and `replay`: records in the terminal."""

import time
from typing import Annotated

import typer

from dashcam.cli import views
from dashcam.cli.common import (
    ErrorsOption,
    FilterArgument,
    FromOption,
    JsonOption,
    LimitOption,
    MethodOption,
    OutcomeOption,
    PathOption,
    StatusOption,
    StoreOption,
    TextOption,
    ToOption,
    UserOption,
    errors_told,
    opened,
    print_json,
)
from dashcam.errors import DashcamError, QueryError
from dashcam.history.curl import as_curl
from dashcam.history.export import har_entry
from dashcam.history.following import Follower
from dashcam.history.grammar import make_query
from dashcam.store.base import Query, Scope, Store, StoredExchange

POLL_S = 0.25
BodyOption = Annotated[bool, typer.Option("--body", help="Show bodies too.")]


def ls(
    words: FilterArgument = None,
    store: StoreOption = None,
    limit: LimitOption = 30,
    status: StatusOption = None,
    method: MethodOption = None,
    path: PathOption = None,
    outcome: OutcomeOption = None,
    user: UserOption = None,
    from_: FromOption = None,
    to: ToOption = None,
    text: TextOption = None,
    errors: ErrorsOption = False,
    body: BodyOption = False,
    as_json: JsonOption = False,
) -> None:
    """List records, newest first.

    \b
    Examples:
      dashcam ls
      dashcam ls status:4xx from:2h
      dashcam ls method:POST 'duration:>500ms' --body
      dashcam ls user:u_1 -n 100 --json
    """
    with errors_told(), opened(store) as found_store:
        query = make_query(
            words or [],
            limit=max(limit, 1),
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
        rows = found_store.page(query)
        if as_json:
            for row in rows:
                print_json(found_store.get(row.id, Scope.all()) if body else row)
            return
        console = views.make_console()
        if not rows:
            console.print("no records match", style="dim")
            return
        console.print(views.header_line(width=console.width))
        for row in rows:
            console.print(views.row_line(row, width=console.width), no_wrap=True, crop=True)
            if body:
                _print_bodies(found_store, row.id)


def _print_bodies(store: Store, record_id: str) -> None:
    found = store.get(record_id, Scope.all())
    if found is not None:
        for side in ("request", "response"):
            if getattr(found, f"{side}_body") is not None:
                views.make_console().print(views.body_of(found, side))


def show(
    exchange_id: Annotated[str, typer.Argument(metavar="ID", help="An id, or the end of one.")],
    store: StoreOption = None,
    curl: Annotated[bool, typer.Option("--curl", help="As a curl command.")] = False,
    har: Annotated[bool, typer.Option("--har", help="As a HAR file.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show one record whole.

    \b
    Examples:
      dashcam show 51df0e2a
      dashcam show 51df0e2a --curl
    """
    with errors_told(), opened(store) as found_store:
        exchange = find(found_store, exchange_id.strip().lower())
        if as_json:
            print_json(exchange)
        elif curl:
            print(as_curl(exchange))
        elif har:
            creator = {"name": "dashcam", "version": "1"}
            entries = [har_entry(exchange)]
            print_json({"log": {"version": "1.2", "creator": creator, "entries": entries}})
        else:
            views.make_console().print(views.whole(exchange))


def find(store: Store, wanted: str) -> StoredExchange:
    """Give the record with an id, or with an id that ends (or begins) so.

    Raises:
        QueryError: it is no id, or fits several records.
        DashcamError: there is none.
    """
    if len(wanted) < 6 or not set(wanted) <= set("0123456789abcdef-"):
        raise QueryError(
            f"an id is 36 hex digits and dashes, or 6 and more of its end, got {wanted!r}"
        )
    if len(wanted) == 36:
        found = store.get(wanted, Scope.all())
        if found is not None:
            return found
    matches = []
    before = None
    for _ in range(20):  # the newest 20,000 records
        rows = store.page(Query(scope=Scope.all(), limit=1000, before=before))
        matches += [row.id for row in rows if row.id.endswith(wanted) or row.id.startswith(wanted)]
        if len(rows) < 1000:
            break
        before = (rows[-1].request_timestamp, rows[-1].id)
    if len(matches) > 1:
        raise QueryError(f"{wanted!r} fits {len(matches)} records; give more of the id")
    found = store.get(matches[0], Scope.all()) if matches else None
    if found is None:
        raise DashcamError(f"there is no record {wanted!r}")
    return found


def tail(
    words: FilterArgument = None,
    store: StoreOption = None,
    limit: LimitOption = 10,
    status: StatusOption = None,
    method: MethodOption = None,
    path: PathOption = None,
    outcome: OutcomeOption = None,
    user: UserOption = None,
    text: TextOption = None,
    errors: ErrorsOption = False,
    body: BodyOption = False,
    as_json: JsonOption = False,
) -> None:
    """Follow records as they are stored; Ctrl-C ends it.

    \b
    Examples:
      dashcam tail
      dashcam tail status:5xx path:/v1 --body
      dashcam tail --json
    """
    with errors_told(), opened(store) as found_store:
        query = make_query(
            words or [],
            limit=1000,
            status=status,
            method=method,
            path=path,
            outcome=outcome,
            user=user,
            text=text,
            errors=errors,
        )
        console = views.make_console()
        follower = Follower(found_store, query, last=limit)
        if not as_json:
            console.print(views.header_line(width=console.width))
        while True:
            for row, amended in follower.poll():
                if as_json:
                    print_json(found_store.get(row.id, Scope.all()) if body else row)
                    continue
                line = views.row_line(row, width=console.width, amended=amended)
                console.print(line, no_wrap=True, crop=True)
                if body:
                    _print_bodies(found_store, row.id)
            time.sleep(POLL_S)


def stats(
    words: FilterArgument = None,
    store: StoreOption = None,
    from_: FromOption = None,
    to: ToOption = None,
    user: UserOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count and measure records.

    \b
    Examples:
      dashcam stats
      dashcam stats path:/v1 --from 1d
    """
    with errors_told(), opened(store) as found_store:
        query = make_query(words or [], user=user, from_=from_, to=to)
        found = found_store.stats(query)
        if as_json:
            print_json(found)
            return
        console = views.make_console()
        timeline = found_store.timeline(query)
        console.print(views.timeline_view(timeline, width=console.width))
        console.print(views.stats_view(found, width=console.width))


def replay(
    exchange_id: Annotated[str, typer.Argument(metavar="ID", help="An id, or the end of one.")],
    to: Annotated[str, typer.Option("--to", metavar="URL", help="Such as http://127.0.0.1:8000.")],
    store: StoreOption = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A secret that was removed, given anew."),
    ] = None,
    without_secrets: Annotated[
        bool, typer.Option("--without-secrets", help="Send it as it is, without what was removed.")
    ] = False,
    anywhere: Annotated[
        bool, typer.Option("--anywhere", help="Also to a machine that isn't this one.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds.")] = 30.0,
    as_json: JsonOption = False,
) -> None:
    """Send a recorded request again, and show how the answers differ.

    \b
    Examples:
      dashcam replay 51df0e2a --to http://127.0.0.1:8000 --without-secrets
      dashcam replay 51df0e2a --to http://127.0.0.1:8000 --secret authorization="Bearer dc_…"
    """
    from dashcam.cli.replaying import replay_record

    with errors_told(), opened(store) as found_store:
        exchange = find(found_store, exchange_id.strip().lower())
        replayed = replay_record(
            exchange,
            to,
            secrets=secret or [],
            without_secrets=without_secrets,
            anywhere=anywhere,
            timeout_s=timeout,
        )
        if as_json:
            print_json(replayed)
        else:
            views.make_console().print(views.replay_view(exchange, replayed))


def add_commands(app: typer.Typer) -> None:
    """Add these commands to an app."""
    for command in (ls, show, tail, stats, replay):
        app.command()(command)
