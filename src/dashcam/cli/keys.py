"""`dashcam keys`: API keys, made, listed and revoked."""

import sys
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from dashcam.cli import views
from dashcam.cli.common import JsonOption, StoreOption, errors_told, print_json, settings_of
from dashcam.errors import QueryError
from dashcam.store import open_store

if TYPE_CHECKING:
    from dashcam.access.api_keys import ApiKeys

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)


def _keys(store: str | None) -> "ApiKeys":
    from dashcam.access.api_keys import ApiKeys  # a tenth of a second that only keys need

    return ApiKeys(open_store(settings_of(store).store))


@app.command()
def create(
    user: Annotated[str, typer.Option(help="Whose key it is; their records carry it.")],
    store: StoreOption = None,
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
    quota: Annotated[str | None, typer.Option(help="Such as 100/minute;10000/day.")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="Sees everyone's records.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a key. It is shown once.

    \b
    Examples:
      dashcam keys create --user u_1 --quota 100/minute
    """
    with errors_told():
        made = _keys(store).create(user, name=name, quota=quota, admin=admin)
        if as_json:
            print_json({"key": made.key, **msgspec.structs.asdict(made.row)})
            return
        print(made.key)
        text = f"{made.row.id}, for {views.safe(user)}; keep the key now: only its hash is stored"
        print(text, file=sys.stderr)


@app.command("list")
def list_(
    store: StoreOption = None,
    user: Annotated[str | None, typer.Option(help="Only this user's.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List keys, oldest first.

    \b
    Examples:
      dashcam keys list
    """
    with errors_told():
        rows = _keys(store).all(user_id=user)
        if as_json:
            for row in rows:
                print_json(
                    {k: v for k, v in msgspec.structs.asdict(row).items() if k != "key_hash"}
                )
            return
        console = views.make_console()
        if not rows:
            console.print("there are no keys", style="dim")
        for row in rows:
            state = f"revoked {row.revoked_at}" if row.revoked_at else "works"
            parts = [row.id, f"{row.prefix}…", row.user_id, row.name, row.quota or "", state]
            if row.admin:
                parts.append("admin")
            line = "  ".join(views.safe(part) for part in parts if part)
            style = "dim" if row.revoked_at else None
            console.print(line, style=style, markup=False, soft_wrap=True)


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="ID", help="Its id, or what the key begins with.")],
    store: StoreOption = None,
) -> None:
    """Revoke a key; it stops working within seconds.

    \b
    Examples:
      dashcam keys revoke dc_Ab3dEf9h
    """
    with errors_told():
        keys = _keys(store)
        wanted = key.strip()
        if len(wanted) > 40 and wanted.startswith("dc_"):
            wanted = wanted[:11]  # somebody has given the key itself
        rows = [row for row in keys.all() if wanted in (row.id, row.prefix)]
        if len(rows) != 1:
            raise QueryError(f"there is no key {wanted!r}; see dashcam keys list")
        if keys.revoke(rows[0].id):
            print(f"{rows[0].id} is revoked")
        else:
            print(f"{rows[0].id} was revoked before, {rows[0].revoked_at}")
