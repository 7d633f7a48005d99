"""Schema versions: which one this code knows, and Alembic, imported only to migrate."""

from pathlib import Path
from typing import Any

from dashcam.errors import StoreSetupError
from dashcam.settings import without_credentials
from dashcam.store.base import Status

HEAD = "0002"
VERSIONS = ("0001", "0002")
"""All schema versions in order; a test proves that they are Alembic's."""

VERSION_TABLE = "dashcam_version"


def status_of(version: str | None) -> Status:
    """Tell how a database's version relates to this code's."""
    if version is None:
        return "empty"
    if version == HEAD:
        return "current"
    return "older" if version in VERSIONS else "newer"


def refuse_newer(version: str | None, url: str) -> None:
    """Refuse a database that a newer dashcam has written.

    Raises:
        StoreSetupError: it is newer.
    """
    if status_of(version) == "newer":
        raise StoreSetupError(
            f"the database {without_credentials(url)} has schema version {version}, and this "
            f"dashcam knows {HEAD}: it was written by a newer dashcam; install that one"
        )


def migrate(connection: Any) -> None:
    """Run the migrations that are missing, in the connection's present transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
