"""`keywright audit …`: search the trail through the API, or verify it beside the database."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ca_service.cli.files import prepare_folder
from ca_service.cli.local import (
    ConfigFile,
    DatabaseUrl,
    DataDirectory,
    load_local_config,
    run_locally,
    run_on_loop,
    verify_database_exists,
)
from ca_service.cli.output import AsJson, conclude, fail, print_json, print_table
from ca_service.cli.session import connect
from ca_service.config import Config

if TYPE_CHECKING:
    from ca_service.audit.trail import AuditTrail
    from ca_service.audit.verify import Fault, VerificationReport
    from ca_service.custody.custody import Custody
    from ca_service.database.port import Database

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, help="The audit trail.")

CheckpointFile = Annotated[
    Path | None, typer.Option("--checkpoint", help="An exported checkpoint, so that a cut tail shows.")
]


@app.command()
def verify(
    config: ConfigFile = None,
    data: DataDirectory = None,
    database: DatabaseUrl = None,
    checkpoint: CheckpointFile = None,
    as_json: AsJson = False,
) -> None:
    """Walk the whole trail; name the first entry that was changed, inserted or removed (status 1)."""
    loaded = load_local_config(config, data, database)
    from ca_service.audit.checkpoints import parse_checkpoint
    from ca_service.audit.verify import verify_trail

    exported = None
    if checkpoint is not None:
        try:
            raw = checkpoint.read_bytes()
        except OSError as error:
            fail(f"cannot read the checkpoint {checkpoint}: {error.strerror}")
        exported = run_locally(lambda: parse_checkpoint(raw))
    report = _on_trail(loaded, lambda database, custody, _: verify_trail(database, custody, exported))
    if as_json:
        print_json(_report_body(report))
    if report.fault is not None:
        fail(_fault_sentence(report.fault))
    if not as_json:
        print(
            f"intact: {report.entries} entries in {report.batches} batches, "
            f"{report.pending} more not yet numbered"
        )


@app.command("checkpoint")
def export_checkpoint(
    out: Annotated[Path, typer.Argument(help="The file to write; keep it on another machine.")],
    config: ConfigFile = None,
    data: DataDirectory = None,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Export the newest signed checkpoint, against which `audit verify` shows a cut tail."""
    loaded = load_local_config(config, data, database)
    prepare_folder(out.absolute().parent)
    raw = _on_trail(loaded, lambda _, __, trail: trail.export_checkpoint())
    out.write_bytes(raw)
    conclude(
        f"written to {out}; verify against it with: keywright audit verify --checkpoint {out}",
        {"file": str(out.absolute())},
        as_json,
    )


@app.command("list")
def list_entries(
    project: Annotated[
        str | None, typer.Option(help="The project's slug or id; the instance's trail without.")
    ] = None,
    caller: Annotated[str | None, typer.Option(help='A caller, such as Identity::"idn_…"')] = None,
    action: Annotated[str | None, typer.Option(help="An action, such as x509:issue")] = None,
    outcome: Annotated[str | None, typer.Option(help="done, denied, failed or replayed")] = None,
    after: Annotated[str | None, typer.Option(help="A time, RFC 3339.")] = None,
    before: Annotated[str | None, typer.Option(help="A time, RFC 3339.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Search the trail, newest first."""
    query = {
        "project": project,
        "caller": caller,
        "action": action,
        "outcome": outcome,
        "after": after,
        "before": before,
    }
    found = list(connect().items("/v1/audit", query, limit))
    if as_json:
        print_json(found)
        return
    rows = [[item["at"], item["outcome"], item["action"], item["caller"], item["resource"]] for item in found]
    print_table(["at", "outcome", "action", "caller", "resource"], rows, "no such entries")


def _report_body(report: "VerificationReport") -> dict[str, Any]:
    fault = report.fault
    return {
        "intact": report.is_intact,
        "entries": report.entries,
        "batches": report.batches,
        "pending": report.pending,
        "fault": fault
        and {
            "sentence": fault.sentence,
            "seq": fault.seq,
            "entry": fault.entry_id,
            "batch": fault.batch,
        },
    }


def _fault_sentence(fault: "Fault") -> str:
    places = (("entry", fault.entry_id), ("number", fault.seq), ("batch", fault.batch))
    place = ", ".join(f"{name} {value}" for name, value in places if value is not None)
    return f"the trail is not as it was written: {fault.sentence}" + (f" ({place})" if place else "")


def _on_trail(config: Config, work: "Callable[[Database, Custody, AuditTrail], Awaitable[T]]") -> T:
    """Run `work` over the database and the keys of this machine, with nothing served."""
    from ca_service.custody.memory import protect_memory

    verify_database_exists(config)
    protect_memory()

    async def run() -> T:
        from ca_service.audit.trail import AuditTrail
        from ca_service.custody.custody import open_custody
        from ca_service.database.open import open_database
        from ca_service.kernel.clock import SystemClock
        from ca_service.kernel.identifiers import RandomIdentifiers
        from ca_service.kernel.randomness import SystemRandomness

        clock, randomness = SystemClock(), SystemRandomness()
        identifiers = RandomIdentifiers(clock, randomness)
        database = await open_database(config.database_url, clock)
        try:
            custody = await open_custody(config, database, identifiers, randomness)
            return await work(database, custody, AuditTrail(database, custody, clock, identifiers))
        finally:
            await database.close()

    return run_on_loop(run)
