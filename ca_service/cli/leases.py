"""`keywright lease …`: accounts that were made for a while."""

from typing import Annotated, Any

import typer

from ca_service.cli.output import AsJson, conclude, note, print_fields, print_json, print_table
from ca_service.cli.place import EVERYTHING, Environment, Folder, in_environment, in_project
from ca_service.cli.session import Project, connect
from ca_service.kernel.randomness import SystemRandomness

app = typer.Typer(no_args_is_help=True, help="Accounts that were made for a while.")

LeaseId = Annotated[str, typer.Argument(metavar="ID", help="The lease's id.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The dynamic secret's name.")],
    ttl: Annotated[str | None, typer.Option(help="For how long: 1h, 30m.")] = None,
    environment: Environment = "dev",
    path: Folder = "/",
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Have an account made; its password is shown once."""
    place = in_environment(project, environment, "dynamic-secrets", name, "leases")
    body, key = {} if ttl is None else {"ttl": ttl}, SystemRandomness().token_bytes(16).hex()
    answer = connect().post_once(place, body, {"path": path}, key)
    if as_json:
        print_json(answer)
        return
    print_fields([(key, answer[key]) for key in ("lease_id", "expires_at")] + list(answer["data"].items()))
    note("the password is not shown again")


@app.command("list")
def list_leases(
    status: Annotated[
        str | None, typer.Option(help="pending, active, revoking, revoked, abandoned, or overdue")
    ] = None,
    dynamic_secret: Annotated[str | None, typer.Option(help="Only those of this dynamic secret.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="How many at most; all if left out.")] = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """List leases, without passwords."""
    query = {"status": status, "dynamic_secret": dynamic_secret}
    found = list(connect().items(in_project(project, "leases"), query, limit or EVERYTHING))
    if as_json:
        print_json(found)
        return
    columns = ["lease_id", "dynamic_secret", "status", "username", "expires_at", "reason"]
    rows = [[item.get(column) for column in columns] for item in found]
    print_table([column.replace("_", " ") for column in columns], rows, "no leases")


@app.command()
def show(lease: LeaseId, project: Project = "default", as_json: AsJson = False) -> None:
    """Show one lease, never its password."""
    _show(connect().get(in_project(project, "leases", lease)), as_json)


@app.command()
def renew(
    lease: LeaseId,
    ttl: Annotated[str | None, typer.Option(help="For how long from now: 1h, 30m.")] = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Let a lease live on, up to its longest time."""
    body = {} if ttl is None else {"ttl": ttl}
    answer = connect().post(in_project(project, "leases", lease, "renew"), body)
    conclude(f"{lease} ends at {answer['expires_at']}", answer, as_json)


@app.command()
def revoke(lease: LeaseId, project: Project = "default", as_json: AsJson = False) -> None:
    """End a lease and its account now; while the target is down, as soon as it answers."""
    answer = connect().post(in_project(project, "leases", lease, "revoke"))
    if answer["status"] == "revoked":
        conclude(f"{lease} is revoked", answer, as_json)
    else:
        why = f" ({answer['reason']})" if answer.get("reason") else ""
        conclude(f"{lease} is {answer['status']}{why}: it goes on by itself", answer, as_json)


@app.command()
def abandon(
    lease: LeaseId,
    reason: Annotated[str, typer.Option(help="Why nobody has to end the account any more.")],
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Give a lease up whose account cannot be ended; it stays on record, and so does the account."""
    answer = connect().post(in_project(project, "leases", lease, "abandon"), {"reason": reason})
    conclude(f"{lease} is abandoned: its account may still be there", answer, as_json)


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        print_fields(list(answer.items()))
