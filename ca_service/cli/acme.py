"""`keywright acme …`: what an ACME client finds, and who may use it."""

import typer

from ca_service.cli import acme_accounts, acme_directories, acme_external_keys

app = typer.Typer(no_args_is_help=True, help="ACME directories, and who may use them.")
app.add_typer(acme_directories.app, name="directory")
app.add_typer(acme_external_keys.app, name="eab")
app.add_typer(acme_accounts.app, name="account")
