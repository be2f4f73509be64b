"""`keywright admin …`: who administers the instance (S13).

`grant`, `list` and `withdraw` speak to a server; the bootstrap token is looked after beside the database.
"""

from typing import Annotated

import typer

from ca_service.cli.local import (
    ConfigFile,
    DatabaseUrl,
    DataDirectory,
    load_local_config,
    run_locally,
    verify_database_exists,
)
from ca_service.cli.output import AsJson, conclude, print_fields, print_json, print_table
from ca_service.cli.session import connect
from ca_service.client.api import address

app = typer.Typer(no_args_is_help=True, help="Administrators of the instance, and the bootstrap token.")

_MEMBERSHIPS = address("v1", "memberships")


@app.command("grant")
def grant(
    identity: Annotated[str, typer.Argument(help="The identity's id.")],
    expires_at: Annotated[str | None, typer.Option(help="Until when, like 2030-01-02T03:04:05Z.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a machine identity an administrator of the instance."""
    body = {"identity": identity, "role": "administrator"}
    answer = connect().post(_MEMBERSHIPS, body | ({"expires_at": expires_at} if expires_at else {}))
    if as_json:
        print_json(answer)
    else:
        print_fields(list(answer.items()))


@app.command("list")
def list_administrators(as_json: AsJson = False) -> None:
    """List the administrators of the instance; who holds the bootstrap token is not among them."""
    found = list(connect().items(_MEMBERSHIPS))
    if as_json:
        print_json(found)
        return
    columns = ["id", "identity", "role", "expires_at"]
    rows = [[item.get(column) for column in columns] for item in found]
    print_table(columns, rows, "nobody but who holds the bootstrap token")


@app.command("withdraw")
def withdraw(
    membership: Annotated[str, typer.Argument(help="The membership's id, from `keywright admin list`.")],
    as_json: AsJson = False,
) -> None:
    """Take the role of an administrator back."""
    connect().delete(address("v1", "memberships", membership))
    conclude("withdrawn", {"withdrawn": membership}, as_json)


@app.command("rotate-token")
def rotate_token(
    config: ConfigFile = None,
    data: DataDirectory = None,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Make another bootstrap token, write it to DATA/admin-token, and end those before it."""
    loaded = load_local_config(config, data, database)
    verify_database_exists(loaded)
    from ca_service.serve.preparation import prepare

    run_locally(lambda: prepare(loaded, new_admin_token=True))
    file = loaded.data_path / "admin-token"
    sentence = f"the new token is in {file}; those before it open nothing any more"
    conclude(sentence, {"file": str(file)}, as_json)


@app.command("disable-token")
def disable_token(
    config: ConfigFile = None,
    data: DataDirectory = None,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """End the bootstrap token for good; `rotate-token` makes one again."""
    loaded = load_local_config(config, data, database)
    verify_database_exists(loaded)
    from ca_service.serve.preparation import disable_admin_token

    ended = run_locally(lambda: disable_admin_token(loaded))
    sentence = "the bootstrap token is disabled" if ended else "there was no bootstrap token"
    conclude(sentence, {"disabled": ended}, as_json)
