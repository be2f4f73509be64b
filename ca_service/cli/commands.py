"""All commands together, and how one of them ends: 0 done, 1 refused or failed, 2 wrong usage."""

import os
import sys
from collections.abc import Sequence
from copy import copy
from functools import cache
from typing import Any

import typer
from typer.main import get_command

from ca_service.cli import (
    acme,
    admin,
    audit,
    backup,
    clock,
    dynamic,
    governance,
    kms,
    leases,
    local,
    login,
    pki,
    recovery,
    secrets,
    ssh,
    trust,
)
from ca_service.cli.doctor import doctor
from ca_service.cli.run import run_with_secrets
from ca_service.cli.status import status
from ca_service.client.errors import ClientError

app = typer.Typer(
    name="keywright",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A self-hosted credential authority: X.509, ACME, SSH and secrets, one policy, one audit trail.",
)
app.command()(local.serve)
app.command()(local.init)
app.command()(local.migrate)
app.command()(backup.backup)
app.command()(backup.restore)
app.add_typer(local.config_commands, name="config")
app.command()(login.login)
app.command()(login.logout)
app.command()(status)
app.command()(doctor)
app.add_typer(pki.app, name="pki")
app.add_typer(ssh.app, name="ssh")
app.add_typer(acme.app, name="acme")
app.add_typer(secrets.app, name="secrets")
# What stands behind the command belongs to it, also without `--` before it.
app.command("run", context_settings={"allow_interspersed_args": False})(run_with_secrets)
app.add_typer(kms.app, name="kms")
app.add_typer(dynamic.app, name="dynamic")
app.add_typer(leases.app, name="lease")
app.add_typer(trust.app, name="trust")
app.add_typer(audit.app, name="audit")
app.add_typer(admin.app, name="admin")
app.add_typer(clock.app, name="clock")
app.add_typer(recovery.app, name="recovery")
app.add_typer(governance.project_commands, name="project")
app.add_typer(governance.identity_commands, name="identity")
app.add_typer(governance.member_commands, name="member")
app.add_typer(governance.policy_commands, name="policy")


@cache
def command_tree() -> Any:
    """Return what parses all arguments; putting it together takes longer than most commands."""
    return get_command(app)


def tree_for(word: str) -> Any:
    """Return what parses the arguments of the command or group that `word` names, in a tenth of the time."""
    groups = [group for group in app.registered_groups if group.name == word]
    is_command = any(
        word == (each.name or getattr(each.callback, "__name__", "")) for each in app.registered_commands
    )
    if command_tree.cache_info().currsize or not (groups or is_command):
        return command_tree()
    part = copy(app)
    part.registered_groups = groups
    return get_command(part)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status; what went wrong is one sentence on standard error."""
    try:
        tree = tree_for(arguments[0] if arguments else "")
        outcome = tree(args=list(arguments), prog_name="keywright", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        return _tell_usage(error)
    except ClientError as error:
        return _tell(str(error))
    except typer.Abort:
        return _tell("given up: nothing more was done")
    except BrokenPipeError:
        # Whoever read our answer has enough of it; the interpreter must not try to flush the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _tell(f"cannot use {error.filename or 'a file'}: {error.strerror or error}")
    return outcome if isinstance(outcome, int) else 0


def _tell(sentence: str) -> int:
    print(f"keywright: {sentence}", file=sys.stderr)
    return 1


def _tell_usage(error: typer.TyperException) -> int:
    sentence = error.format_message().strip().removesuffix(".")
    # Without a sentence it is the help of a group, which was printed already.
    if sentence:
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "keywright"
        _tell(f"{sentence}{' See' if sentence.endswith('?') else ': see'} {command} --help")
    return error.exit_code
