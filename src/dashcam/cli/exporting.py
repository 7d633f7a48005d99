"""`dashcam export` and `dashcam copy`: records to files and to other stores."""

import io
import sys
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dashcam.cli import views
from dashcam.errors import DashcamError, QueryError
from dashcam.history.export import FORMATS, copy, export
from dashcam.store import prepare_embedded
from dashcam.store.base import Query, Scope, Store


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=views.make_console(stderr=True),
        transient=True,
    )


def export_records(store: Store, query: Query, *, kind: str, output: Path | None) -> None:
    """Write a query's records to a file or standard output.

    Raises:
        QueryError: there is no such format, or it can't go to standard output.
        DashcamError: the file can't be written.
    """
    if kind not in FORMATS:
        raise QueryError(f"format must be one of {', '.join(FORMATS)}, got {kind!r}")
    if output is None:
        if kind == "parquet":
            raise QueryError("parquet needs a file: --output records.parquet")
        if not sys.stdout.isatty():
            export(store, query, kind=kind, target=sys.stdout.buffer)
            sys.stdout.buffer.flush()
            return
        held = io.BytesIO()  # for a terminal, where nothing recorded may act
        export(store, query, kind=kind, target=held)
        sys.stdout.write(views.safe_json(held.getvalue().decode()))
        return
    partial = output.with_name(output.name + ".partial")
    try:
        with partial.open("wb") as target, _progress() as progress:
            task = progress.add_task("exporting", total=store.stats(query).count)
            count = export(
                store,
                query,
                kind=kind,
                target=target,
                on_step=lambda done: progress.advance(task, done),
            )
        partial.replace(output)
    except OSError as error:
        raise DashcamError(f"{output} can't be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
    print(f"{count} records are in {output}", file=sys.stderr)


def copy_records(source: Store, target: Store) -> None:
    """Copy every record of one store to another."""
    prepare_embedded(target)
    query = Query(scope=Scope.all())
    with _progress() as progress:
        task = progress.add_task("copying", total=source.stats(query).count)
        count = copy(source, target, query, on_step=lambda done: progress.advance(task, done))
    print(f"{count} records are copied", file=sys.stderr)
