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


def create(connection: Any) -> None:
    """Make the newest schema in an empty SQLite database, in the present transaction.

    It is what the migrations lead to (a test compares them) without the half second and the ten
    megabytes that Alembic takes to load.
    """
    from dashcam.store.table import metadata

    metadata.create_all(connection)
    connection.exec_driver_sql(
        f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL, "
        f"CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num))"
    )
    connection.exec_driver_sql(f"INSERT INTO {VERSION_TABLE} VALUES (?)", (HEAD,))
