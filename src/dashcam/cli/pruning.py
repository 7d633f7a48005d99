"""`dashcam prune`: records deleted for good, by age or by user."""

from rich.progress import Progress

from dashcam.cli import views
from dashcam.cli.recovering import drain
from dashcam.errors import DashcamError
from dashcam.history.filters import parse_ago, parse_time
from dashcam.settings import Settings
from dashcam.store.base import Query, Scope, Store
from dashcam.store.retention import prune_all
from dashcam.writer.erasing import erase_user

DRAIN_S = 10.0


def prune_older(store: Store, span: str, *, dry_run: bool) -> None:
    """Delete what began before a span, and say how many."""
    parse_ago(span)
    before = parse_time(span)
    total = store.stats(Query(scope=Scope.all(), to=before)).count
    if dry_run:
        print(f"{total} records began before {before}")
        return
    with Progress(console=views.make_console(stderr=True), transient=True) as progress:
        task = progress.add_task("deleting", total=total)
        deleted = prune_all(store, before=before, on_step=lambda done: progress.advance(task, done))
    print(f"{deleted} records that began before {before} are deleted")


def prune_user(
    settings: Settings, store: Store, user: str, *, timeout_s: float, dry_run: bool
) -> None:
    """Erase one user's records everywhere, and say what was there.

    Raises:
        DashcamError: some are still in the journal of a live process.
    """
    total = store.stats(Query(scope=Scope.all(), user_id=user)).count
    if dry_run:
        print(f"{total} records are of this user")
        return
    if not settings.in_memory and settings.journal_path().is_dir():
        drain(settings, timeout_s=min(timeout_s, DRAIN_S))  # what dead processes have left
    with Progress(console=views.make_console(stderr=True), transient=True) as progress:
        task = progress.add_task("erasing", total=total)
        done = erase_user(
            settings,
            store,
            user,
            timeout_s=timeout_s,
            on_step=lambda deleted: progress.advance(task, deleted),
        )
    print(
        f"{done.rows} records, {done.journal} delivered lines of the journal and {done.failed} "
        "refused records are erased"
    )
    if done.waiting:
        raise DashcamError(
            f"{done.waiting} lines are in the journal of a live process and not stored yet; "
            "do it again when its writer has caught up"
        )
