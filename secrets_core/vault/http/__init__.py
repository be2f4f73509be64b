"""The door of the vault."""

from secrets_core.vault.http.commits import ROUTES as COMMIT_ROUTES
from secrets_core.vault.http.folders import ROUTES as FOLDER_ROUTES
from secrets_core.vault.http.imports import ROUTES as IMPORT_ROUTES
from secrets_core.vault.http.lists import ROUTES as LIST_ROUTES
from secrets_core.vault.http.secret_files import ROUTES as FILE_ROUTES
from secrets_core.vault.http.secrets import ROUTES as SECRET_ROUTES

ROUTES = (
    *SECRET_ROUTES,
    *LIST_ROUTES,
    *FOLDER_ROUTES,
    *IMPORT_ROUTES,
    *COMMIT_ROUTES,
    *FILE_ROUTES,
)

__all__ = ["ROUTES"]
