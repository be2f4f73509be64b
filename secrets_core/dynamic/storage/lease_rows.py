"""From a row of leases to a value and back. A MAC covers every column but those of the schedule (S5)."""

from ca_service.database.port import Row, Value
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from secrets_core.dynamic.leases import EndReason, Lease, LeaseStatus, Schedule


def lease_values(lease: Lease, mac: RowMac) -> dict[str, Value]:
    """Return every column of a lease."""
    columns: dict[str, str | int | bytes | None] = {
        "organization": lease.tenant.organization,
        "project": lease.tenant.project,
        "id": lease.id,
        "dynamic_secret": lease.dynamic_secret,
        "config_version": lease.config_version,
        "holder": lease.holder,
        "username": lease.username,
        "target": lease.target,
        "recipe": lease.recipe,
        "status": lease.status.value,
        "created_at": to_microseconds(lease.created_at),
        "expires_at": to_microseconds(lease.expires_at),
        "max_expires_at": to_microseconds(lease.max_expires_at),
        "ending_at": None if lease.ending_at is None else to_microseconds(lease.ending_at),
        "ended_at": None if lease.ended_at is None else to_microseconds(lease.ended_at),
        "end_reason": lease.end_reason.value,
        "ended_as": lease.ended_as,
        "note": lease.note,
    }
    tagged = {**columns, "mac_version": mac.version, "mac": mac.tag(*columns.values())}
    return {**tagged, **schedule_values(lease.schedule)}


def schedule_values(schedule: Schedule) -> dict[str, Value]:
    """Return the columns of a schedule."""
    until = schedule.claimed_until
    return {
        "due_at": None if schedule.due_at is None else to_microseconds(schedule.due_at),
        "claim": schedule.claim,
        "claimed_until": 0 if until is None else to_microseconds(until),
        "failures": schedule.failures,
        "last_error": schedule.last_error,
    }


def lease_of(row: Row, mac: RowMac) -> Lease:
    """Return the row as a value. Raises IntegrityError if it was changed outside."""
    mac.verify(row[19], *row[:18])
    return Lease(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        id=row[2],
        dynamic_secret=row[3],
        config_version=row[4],
        holder=row[5],
        username=row[6],
        target=row[7],
        recipe=row[8],
        status=LeaseStatus(row[9]),
        created_at=from_microseconds(row[10]),
        expires_at=from_microseconds(row[11]),
        max_expires_at=from_microseconds(row[12]),
        ending_at=None if row[13] is None else from_microseconds(row[13]),
        ended_at=None if row[14] is None else from_microseconds(row[14]),
        end_reason=EndReason(row[15]),
        ended_as=row[16],
        note=row[17],
        schedule=Schedule(
            due_at=None if row[20] is None else from_microseconds(row[20]),
            claim=row[21],
            claimed_until=from_microseconds(row[22]) if row[22] else None,
            failures=row[23],
            last_error=row[24],
        ),
    )
