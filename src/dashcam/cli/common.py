"""What all commands share: options, opening the store, and errors as sentences."""

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import typer

from dashcam.cli import views
from dashcam.errors import (
    DashcamError,
    MissingExtraError,
    QueryError,
    SettingsError,
    StoreSetupError,
)
from dashcam.history.grammar import KEYS, VALUES
from dashcam.settings import Settings
from dashcam.store import open_store
from dashcam.store.base import Store

StoreOption = Annotated[
    str | None, typer.Option("--store", metavar="URL", help="The store (default: DASHCAM_STORE).")
]


def complete_filter(incomplete: str) -> list[str]:
    """Complete a word of the filter grammar: its key, or a value that the key knows."""
    key, colon, begun = incomplete.partition(":")
    if not colon:
        return [f"{each}:" for each in KEYS if each.startswith(key)]
    return [f"{key}:{each}" for each in VALUES.get(key, ()) if each.startswith(begun)]


FilterArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILTER]...",
        help="Such as status:5xx path:/v1 'duration:>500ms' or any text.",
        autocompletion=complete_filter,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one value a line.")]
LimitOption = Annotated[int, typer.Option("--limit", "-n", min=0, max=1000, help="How many rows.")]
StatusOption = Annotated[str | None, typer.Option(help="404, 4xx or 400-499.")]
MethodOption = Annotated[str | None, typer.Option(help="GET, POST, …")]
PathOption = Annotated[str | None, typer.Option(help="How the path begins.")]
OutcomeOption = Annotated[str | None, typer.Option(help="completed, failed, disconnected, …")]
UserOption = Annotated[str | None, typer.Option(help="Only this user's records.")]
FromOption = Annotated[str | None, typer.Option("--from", help="RFC 3339, or a span back: 15m.")]
ToOption = Annotated[str | None, typer.Option(help="Until before this time.")]
TextOption = Annotated[str | None, typer.Option(help="Text in path, query or error.")]
ErrorsOption = Annotated[bool, typer.Option("--errors", help="Only 5xx and failed.")]


class UsageError(DashcamError):
    """An argument leads nowhere."""


@contextlib.contextmanager
def errors_told() -> Iterator[None]:
    """Turn what goes wrong into a sentence and an exit code."""
    try:
        yield
    except (SettingsError, QueryError, MissingExtraError, UsageError) as error:
        fail(str(error), code=2)
    except DashcamError as error:
        fail(str(error), code=1)
    except BrokenPipeError:  # the reader has enough, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except OSError as error:
        fail(f"{error.filename or 'the system'}: {error.strerror or error}", code=1)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def fail(message: str, *, code: int) -> None:
    """Say what went wrong, and end."""
    print(f"dashcam: {views.safe(message)}", file=sys.stderr)
    raise typer.Exit(code)


def settings_of(store: str | None, **more: Any) -> Settings:
    """Give the environment's settings, with what the options say."""
    given = {"store": store, **more}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    for warning in caught:  # such as a variable that is no setting
        print(f"dashcam: {views.safe(str(warning.message))}", file=sys.stderr)
    return settings


@contextlib.contextmanager
def opened(store: str | None) -> Iterator[Store]:
    """Open the store that is meant; one that isn't there yet is told."""
    settings = settings_of(store)
    found = open_store(settings.store)
    try:
        _refuse_absent(settings)
        yield found
    finally:
        found.close()


def _refuse_absent(settings: Settings) -> None:
    from dashcam.settings import sqlite_path

    path = sqlite_path(settings.store)
    if path is not None and not path.exists():
        raise StoreSetupError(
            f"there is no database {path} yet; record something first, or name another with --store"
        )


def print_json(value: Any) -> None:
    """Print one JSON line, with nothing in it that acts on a terminal."""
    sys.stdout.write(views.safe_json(msgspec.json.encode(value).decode()) + "\n")
    sys.stdout.flush()
