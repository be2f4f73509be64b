"""`keywright login` and `logout`: keep a token for later commands."""

from typing import Annotated

import typer

from ca_service.cli.output import AsJson, conclude
from ca_service.cli.prompts import ask_secret
from ca_service.client.api import ApiClient
from ca_service.client.errors import RefusedError
from ca_service.client.settings import kept_login, load_settings, store_settings
from ca_service.config import environment
from ca_service.kernel.secret_value import SecretValue


def login(
    client_id: Annotated[
        str | None, typer.Option(help="A machine identity's client id; its secret is asked for.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="The server; the one in your settings by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Log in and keep the token: with a client id and its secret, or with a token that you were given."""
    variables = environment()
    settings = load_settings(variables if url is None else {**variables, "KEYWRIGHT_URL": url})
    if client_id:
        secret = ask_secret("client secret")
        client = ApiClient(settings.url, token=None, ca_file=settings.ca_file)
        body = {"client_id": client_id, "client_secret": secret.reveal()}
        token = SecretValue(str(client.post("/v1/auth/universal/login", body)["access_token"]))
    else:
        token = ask_secret("token")
    known = ApiClient(settings.url, token=token, ca_file=settings.ca_file).get("/v1/auth/self")
    ca_file = None if settings.ca_file is None else str(settings.ca_file.absolute())
    file = store_settings(variables, {"url": settings.url, "token": token.reveal(), "ca_file": ca_file})
    conclude(
        f"logged in to {settings.url} as {known['name']}; the token is kept in {file}",
        {"url": settings.url, "id": known["id"], "name": known["name"], "expires_at": known["expires_at"]},
        as_json,
    )


def logout(
    revoke: Annotated[bool, typer.Option(help="Revoke the token at the server too.")] = True,
    as_json: AsJson = False,
) -> None:
    """Forget the token that login kept, and revoke it; a token from elsewhere stays."""
    variables = environment()
    kept = kept_login(variables)
    if revoke and kept is not None:
        client = ApiClient(kept.url, token=kept.token, ca_file=kept.ca_file)
        try:
            client.post("/v1/auth/token/revoke")
        except RefusedError as error:
            # A token that opens nothing any more needs no revocation.
            if error.status != 401:
                raise
    store_settings(variables, {"token": None})
    conclude("logged out" if kept else "no token was kept", {"logged_out": kept is not None}, as_json)
