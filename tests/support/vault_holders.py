"""The secrets, folders and commits of a tenant."""

from typing import Any

from ca_service.kernel.secret_value import SecretValue
from secrets_core.vault.operations import CreateFolder, DeleteSecret, PutSecret
from secrets_core.vault.operations.reading import CreateImport
from tests.support.instance import Instance


async def make_secrets(instance: Instance, slug: str, facts: dict[str, Any]) -> None:
    """Give a tenant a secret in a folder, one that was deleted, and a folder with nothing in it."""
    project, environment = facts["project"], facts["environment"]
    perform, path = instance.perform, f"/{slug}-app"
    where: dict[str, Any] = {"project": project, "environment": environment, "path": path}
    written = [
        await perform(PutSecret(name=f"{slug}_{name}", value=SecretValue(f"{slug} value"), **where))
        for name in ("KEY", "OLD", "KEY")
    ]
    await perform(DeleteSecret(name=f"{slug}_OLD", **where))
    await perform(CreateFolder(project=project, environment=environment, path=f"{path}/empty"))
    imported = await perform(
        CreateImport(source_environment=environment, source_path=f"{path}/empty", **where)
    )
    facts |= {
        "folder": path,
        "empty_folder": f"{path}/empty",
        "secret": f"{slug}_KEY",
        "deleted_secret": f"{slug}_OLD",
        "commit": written[0].commit,
        "secret_import": imported.id,
    }
