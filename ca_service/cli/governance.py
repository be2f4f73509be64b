"""`keywright project|identity|member|policy …`: who may do what, and where."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from ca_service.cli.files import read_public
from ca_service.cli.output import AsJson, conclude, fail, note, print_fields, print_json, print_table
from ca_service.cli.session import Project, connect
from ca_service.client.api import address

project_commands = typer.Typer(no_args_is_help=True, help="Projects.")
identity_commands = typer.Typer(no_args_is_help=True, help="Machine identities and their client secrets.")
member_commands = typer.Typer(no_args_is_help=True, help="Roles in a project.")
policy_commands = typer.Typer(no_args_is_help=True, help="Cedar policies of a project.")

Organization = Annotated[str, typer.Option("--organization", help="The organization's slug or id.")]

PolicyName = Annotated[str, typer.Argument(metavar="POLICY", help="The policy's name or id.")]


@project_commands.command("create")
def create_project(
    slug: str,
    name: Annotated[str | None, typer.Option(help="A name for people.")] = None,
    organization: Organization = "default",
    as_json: AsJson = False,
) -> None:
    """Create a project."""
    body = {"slug": slug} | ({"name": name} if name else {})
    _show(connect().post(_in_organization(organization, "projects"), body), as_json)


@project_commands.command("list")
def list_projects(as_json: AsJson = False) -> None:
    """List the projects you may see."""
    _list("/v1/projects", ["slug", "id", "name"], "no projects", as_json)


@identity_commands.command("create")
def create_identity(name: str, organization: Organization = "default", as_json: AsJson = False) -> None:
    """Create a machine identity; it can do nothing until it has a role."""
    _show(connect().post(_in_organization(organization, "identities"), {"name": name}), as_json)


@identity_commands.command("list")
def list_identities(organization: Organization = "default", as_json: AsJson = False) -> None:
    """List the machine identities of an organization."""
    _list(_in_organization(organization, "identities"), ["id", "name"], "no identities", as_json)


@identity_commands.command("secret")
def create_client_secret(
    identity: Annotated[str, typer.Argument(help="The identity's id.")],
    organization: Organization = "default",
    as_json: AsJson = False,
) -> None:
    """Make a client secret; it is shown once."""
    path = _in_organization(organization, "identities", identity, "client-secrets")
    _show(connect().post(path), as_json)
    note("the client secret is not shown again")


@identity_commands.command("lockouts")
def list_lockouts(
    identity: Annotated[str, typer.Argument(help="The identity's id.")],
    organization: Organization = "default",
    as_json: AsJson = False,
) -> None:
    """List the sources from which logins failed lately, and until when one is locked out."""
    path = _in_organization(organization, "identities", identity, "lockouts")
    columns = ["source", "failures", "last_failed_at", "locked_until"]
    _list(path, columns, "no failed logins", as_json)


@identity_commands.command("unlock")
def clear_lockouts(
    identity: Annotated[str, typer.Argument(help="The identity's id.")],
    source: Annotated[str | None, typer.Option(help="One source, as `lockouts` lists it.")] = None,
    organization: Organization = "default",
    as_json: AsJson = False,
) -> None:
    """Let an identity log in again, from one source or from all."""
    path = _in_organization(organization, "identities", identity, "lockouts")
    connect().delete(path if source is None else f"{path}?source={quote(source, safe='')}")
    conclude("unlocked", {"unlocked": identity, "source": source}, as_json)


@member_commands.command("add")
def add_member(
    identity: Annotated[str, typer.Argument(help="The identity's id.")],
    role: Annotated[str, typer.Argument(help="admin, member, viewer or no-access")],
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Give an identity a role in a project."""
    body = {"identity": identity, "role": role}
    _show(connect().post(_in_project(project, "memberships"), body), as_json)


@member_commands.command("list")
def list_members(project: Project = "default", as_json: AsJson = False) -> None:
    """List who has which role in a project."""
    _list(_in_project(project, "memberships"), ["id", "identity", "role"], "no members", as_json)


@member_commands.command("remove")
def remove_member(
    membership: Annotated[str, typer.Argument(help="The membership's id.")],
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Take a role back."""
    connect().delete(_in_project(project, "memberships", membership))
    conclude("removed", {"removed": membership}, as_json)


@policy_commands.command("list")
def list_policies(project: Project = "default", as_json: AsJson = False) -> None:
    """List the policies of a project."""
    _list(_in_project(project, "policies"), ["id", "name", "enabled"], "no policies", as_json)


@policy_commands.command("show")
def show_policy(policy: PolicyName, project: Project = "default", as_json: AsJson = False) -> None:
    """Show one policy with its text."""
    found = connect().get(_in_project(project, "policies", _policy_id(project, policy)))
    if as_json:
        print_json(found)
    else:
        print(found["text"])


@policy_commands.command("create")
def create_policy(
    name: str,
    file: Annotated[Path, typer.Argument(help="A file with one Cedar policy.")],
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Add a policy to a project."""
    text = read_public(file, "a Cedar policy")
    _show(connect().post(_in_project(project, "policies"), {"name": name, "text": text}), as_json)


@policy_commands.command("delete")
def delete_policy(policy: PolicyName, project: Project = "default", as_json: AsJson = False) -> None:
    """Delete a policy."""
    found = _policy_id(project, policy)
    connect().delete(_in_project(project, "policies", found))
    conclude("deleted", {"deleted": found}, as_json)


def _policy_id(project: str, policy: str) -> str:
    if policy.startswith("pol_"):
        return policy
    for item in connect().items(_in_project(project, "policies")):
        if item["name"] == policy:
            return str(item["id"])
    return fail(f"no policy is called {policy}: see keywright policy list")


def _in_project(project: str, *further: str) -> str:
    return address("v1", "projects", project, *further)


def _in_organization(organization: str, *further: str) -> str:
    return address("v1", "organizations", organization, *further)


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        print_fields(list(answer.items()))


def _list(path: str, columns: list[str], empty: str, as_json: bool) -> None:
    found = list(connect().items(path))
    if as_json:
        print_json(found)
    else:
        print_table(columns, [[item.get(column) for column in columns] for item in found], empty)
