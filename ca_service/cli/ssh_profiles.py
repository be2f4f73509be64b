"""`keywright ssh profile …`: whom certificates are for, how long, over which keys, with which options."""

import json
from typing import Annotated, Any

import typer

from ca_service.cli.output import AsJson, print_fields, print_json, print_table
from ca_service.cli.session import Project, connect
from ca_service.client.api import address

app = typer.Typer(no_args_is_help=True, help="SSH profiles: what may be signed, for whom.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.")]
DefaultTtl = Annotated[str | None, typer.Option(help="The lifetime if none is asked for: 1h")]
MaxTtl = Annotated[str | None, typer.Option(help="The longest lifetime: 24h")]
Allowed = Annotated[
    list[str] | None,
    typer.Option("--principal", help="A principal that is allowed; with * a pattern. May be repeated."),
]
FromCaller = Annotated[
    list[str] | None,
    typer.Option(
        "--principal-from",
        help="One computed from the caller: name, id, roles, local-part@DOMAIN, or PREFIX+roles.",
    ),
]
Networks = Annotated[
    list[str] | None, typer.Option("--principal-network", help="Addresses of hosts in this network.")
]
KeyTypes = Annotated[
    list[str] | None, typer.Option("--key-type", help="A type of key: ssh-ed25519, … May be repeated.")
]
RsaBits = Annotated[int | None, typer.Option("--min-rsa-bits", help="The shortest RSA key: 3072")]
Options = Annotated[
    list[str] | None,
    typer.Option("--critical-option", help="One that may be asked for: force-command, source-address, …"),
]
Given = Annotated[
    list[str] | None,
    typer.Option(
        "--default-option",
        help="NAME=VALUE that every certificate has; NAME=@address or @name takes the caller's.",
    ),
]
Within = Annotated[
    list[str] | None, typer.Option("--source-within", help="A network that source-address must lie in.")
]
Commands = Annotated[
    list[str] | None, typer.Option("--command", help="A command that force-command may be. May be repeated.")
]
Extensions = Annotated[
    list[str] | None, typer.Option("--extension", help="One given by default: permit-pty, … May be repeated.")
]
AllowedExtensions = Annotated[
    list[str] | None, typer.Option("--allow-extension", help="One that may be asked for. May be repeated.")
]
KeyId = Annotated[
    str | None, typer.Option(help="The form of key ids: {caller.name}; nobody chooses another then.")
]


@app.command("list")
def list_profiles(project: Project = "default", as_json: AsJson = False) -> None:
    """List the profiles."""
    found = list(connect().items(_profiles(project)))
    if as_json:
        print_json(found)
        return
    columns = ("name", "type", "status", "authority", "default_ttl", "max_ttl")
    rows = [[item[column] for column in columns] for item in found]
    print_table(["name", "type", "status", "authority", "ttl", "at most"], rows, "no profiles")


@app.command()
def show(name: Name, project: Project = "default", as_json: AsJson = False) -> None:
    """Show one profile with all its rules."""
    _show(connect().get(_profiles(project, name)), as_json)


@app.command()
def create(
    name: Name,
    authority: Annotated[str, typer.Option(help="The authority that signs.")],
    kind: Annotated[str, typer.Option("--type", help="user or host")] = "user",
    default_ttl: DefaultTtl = "1h",
    max_ttl: MaxTtl = "24h",
    principal: Allowed = None,
    principal_from: FromCaller = None,
    principal_network: Networks = None,
    key_type: KeyTypes = None,
    min_rsa_bits: RsaBits = None,
    critical_option: Options = None,
    default_option: Given = None,
    source_within: Within = None,
    command: Commands = None,
    extension: Extensions = None,
    allow_extension: AllowedExtensions = None,
    key_id: KeyId = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Make a profile; without any --principal it allows every principal that the policy permits."""
    body = {"name": name, "type": kind, "authority": authority}
    body |= _settings(
        default_ttl=default_ttl,
        max_ttl=max_ttl,
        principals=_principals(principal, principal_from, principal_network),
        key_types=key_type,
        minimum_rsa_bits=min_rsa_bits,
        critical_options=critical_option,
        default_critical_options=_given(default_option),
        value_rules=_rules(source_within, command),
        extensions=extension,
        allowed_extensions=allow_extension,
        key_id=key_id,
    )
    _show(connect().post(_profiles(project), body), as_json)


@app.command()
def update(
    name: Name,
    authority: Annotated[str | None, typer.Option(help="The authority that signs.")] = None,
    default_ttl: DefaultTtl = None,
    max_ttl: MaxTtl = None,
    principal: Allowed = None,
    principal_from: FromCaller = None,
    principal_network: Networks = None,
    any_principal: Annotated[
        bool, typer.Option("--any-principal", help="Allow every principal that the policy permits.")
    ] = False,
    key_type: KeyTypes = None,
    min_rsa_bits: RsaBits = None,
    critical_option: Options = None,
    default_option: Given = None,
    source_within: Within = None,
    command: Commands = None,
    extension: Extensions = None,
    allow_extension: AllowedExtensions = None,
    key_id: KeyId = None,
    enable: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether it signs.")] = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Change a profile: a list that is given replaces the one before, what is left out stays."""
    body = _settings(
        authority=authority,
        default_ttl=default_ttl,
        max_ttl=max_ttl,
        principals=_principals(principal, principal_from, principal_network),
        key_types=key_type,
        minimum_rsa_bits=min_rsa_bits,
        critical_options=critical_option,
        default_critical_options=_given(default_option),
        value_rules=_rules(source_within, command),
        extensions=extension,
        allowed_extensions=allow_extension,
        key_id=key_id,
    )
    if any_principal:
        if "principals" in body:
            raise typer.BadParameter("say --any-principal, or which --principal")
        body["principals"] = None
    if enable is not None:
        body["status"] = "active" if enable else "disabled"
    if not body:
        raise typer.BadParameter("say what shall change")
    _show(connect().patch(_profiles(project, name), body), as_json)


def _settings(**fields: Any) -> dict[str, Any]:
    """Return what was given; a form of key ids also takes the choice of another away."""
    given = {name: value for name, value in fields.items() if value not in (None, [], {})}
    if "key_id" in given:
        given["allows_key_id"] = not given["key_id"]
    return given


def _principals(
    allowed: list[str] | None, computed: list[str] | None, networks: list[str] | None
) -> list[dict[str, str]]:
    rules = [
        {"kind": "glob", "pattern": text} if "*" in text else {"kind": "exact", "value": text}
        for text in allowed or []
    ]
    rules += [{"kind": "network", "network": text} for text in networks or []]
    for text in computed or []:
        prefix, _, fact = text.rpartition("+")
        field, _, domain = fact.partition("@")
        rule = {"kind": "caller", "field": field, "prefix": prefix, "domain": domain}
        rules.append({name: value for name, value in rule.items() if value})
    return rules


def _given(options: list[str] | None) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for text in options or []:
        name, _, value = text.partition("=")
        given[name] = {"kind": "caller", "field": value[1:]} if value.startswith("@") else value
    return given


def _rules(networks: list[str] | None, commands: list[str] | None) -> dict[str, Any]:
    rules: dict[str, Any] = {}
    if networks:
        rules["source-address"] = {"kind": "within", "networks": networks}
    if commands:
        rules["force-command"] = {"kind": "one-of", "values": commands}
    return rules


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    fields = [(name, _shown(value)) for name, value in answer.items()]
    print_fields(fields)


def _shown(value: object) -> object:
    """Return rules as JSON, everything else as it is."""
    return json.dumps(value) if isinstance(value, list) and value and isinstance(value[0], dict) else value


def _profiles(project: str, *further: str) -> str:
    return address("v1", "projects", project, "ssh", "profiles", *further)
