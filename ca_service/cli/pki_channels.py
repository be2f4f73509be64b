"""`keywright pki channel …`: who is told what happens to certificates."""

from typing import Annotated, Any

import typer

from ca_service.cli.output import AsJson, conclude, note, print_fields, print_json, print_table
from ca_service.cli.prompts import ask_secret
from ca_service.cli.session import Project, connect
from ca_service.client.api import address

app = typer.Typer(no_args_is_help=True, help="Webhooks and mail that tell what happens to certificates.")

Name = Annotated[str, typer.Argument(help="The channel's name.")]
Events = Annotated[
    list[str] | None, typer.Option("--event", help="An event to tell, repeatable; without it, all.")
]
Lead = Annotated[str | None, typer.Option(help="How long before its end a certificate is announced: 14d.")]


@app.command("list")
def list_channels(project: Project = "default", as_json: AsJson = False) -> None:
    """List the channels of a project."""
    found = list(connect().items(_channels(project)))
    if as_json:
        print_json(found)
        return
    columns = ["name", "kind", "status", "events"]
    print_table(columns, [[item[column] for column in columns] for item in found], "no channels")


@app.command("add-webhook")
def add_webhook(
    name: Name,
    url: Annotated[str, typer.Argument(help="Where signed requests are POSTed to, https://…")],
    events: Events = None,
    expiry_lead: Lead = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Tell a URL; its signing secret is shown now and never again."""
    body = {"name": name, "kind": "webhook", "url": url} | _chosen(events, expiry_lead)
    _show(connect().post(_channels(project), body), as_json)


@app.command("add-mail")
def add_mail(
    name: Name,
    host: Annotated[str, typer.Option(help="The mail server.")],
    sender: Annotated[str, typer.Option(help="The address messages come from.")],
    recipients: Annotated[list[str], typer.Option("--to", help="A recipient, repeatable.")],
    port: Annotated[int | None, typer.Option(help="The server's port, 587.")] = None,
    security: Annotated[str | None, typer.Option(help="starttls, tls or none.")] = None,
    username: Annotated[str | None, typer.Option(help="The user; the password is asked for.")] = None,
    events: Events = None,
    expiry_lead: Lead = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Tell people by mail."""
    body: dict[str, Any] = {"name": name, "kind": "mail", "host": host, "sender": sender}
    body |= {"recipients": recipients} | _chosen(events, expiry_lead)
    body |= {"port": port} if port is not None else {}
    body |= {"security": security} if security else {}
    if username:
        body |= {"username": username, "password": ask_secret("password").reveal()}
    _show(connect().post(_channels(project), body), as_json)


@app.command()
def show(name: Name, project: Project = "default", as_json: AsJson = False) -> None:
    """Show one channel."""
    _show(connect().get(_channels(project, name)), as_json)


@app.command()
def update(
    name: Name,
    status: Annotated[str | None, typer.Option(help="active or disabled.")] = None,
    url: Annotated[str | None, typer.Option(help="Another URL for a webhook.")] = None,
    events: Events = None,
    expiry_lead: Lead = None,
    rotate_secret: Annotated[
        bool, typer.Option("--rotate-secret", help="Sign with a new secret from now on, and show it.")
    ] = False,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Change a channel; what is left out stays."""
    body: dict[str, Any] = _chosen(events, expiry_lead)
    body |= {"status": status} if status else {}
    body |= {"url": url} if url else {}
    body |= {"rotate_secret": True} if rotate_secret else {}
    if not body:
        raise typer.BadParameter("say what is to change: --status, --url, --event, …")
    _show(connect().patch(_channels(project, name), body), as_json)


@app.command()
def remove(name: Name, project: Project = "default", as_json: AsJson = False) -> None:
    """Remove a channel with the log of what it was told."""
    connect().delete(_channels(project, name))
    conclude("removed", {"name": name}, as_json)


@app.command("test")
def send_test(name: Name, project: Project = "default", as_json: AsJson = False) -> None:
    """Send a test event, also over a disabled channel."""
    answer = connect().post(_channels(project, name, "test"))
    _show(answer, as_json)
    if not as_json:
        note(f"how it went: keywright pki channel deliveries {name}")


@app.command()
def deliveries(
    name: Name,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """List what was told, the newest first, and what became of it."""
    found = list(connect().items(_channels(project, name, "deliveries"), most=limit))
    if as_json:
        print_json(found)
        return
    columns = ["id", "event", "status", "attempts", "answer_status", "last_error", "created_at"]
    print_table(columns, [[item[column] for column in columns] for item in found], "nothing was told yet")


def _chosen(events: list[str] | None, expiry_lead: str | None) -> dict[str, Any]:
    chosen: dict[str, Any] = {"events": events} if events else {}
    return chosen | ({"expiry_lead": expiry_lead} if expiry_lead else {})


def _channels(project: str, *further: str) -> str:
    return address("v1", "projects", project, "x509", "channels", *further)


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        print_fields(list(answer.items()))
