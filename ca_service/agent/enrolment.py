"""Enrolling a host: everything is written, checked by sshd and reloaded, or nothing has changed."""

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from ca_service.agent.certificates import write_certificates
from ca_service.agent.door import HostDoor, Logins, Newcomer, lines_of
from ca_service.agent.errors import AgentError
from ca_service.agent.journal import Journal
from ca_service.agent.programs import make_host_key
from ca_service.agent.revocation_list import keep_list
from ca_service.agent.sshd import Sshd, configured
from ca_service.agent.state import HostState, write_state
from ca_service.agent.tree import HostTree
from ca_service.agent.whole_files import make_folder, remove_file, write_if_changed, write_whole


class Enrolment(Struct, frozen=True, kw_only=True):
    """How a host is to be enrolled. `keys` are made where there are none; `server_root` is a PEM file."""

    names: tuple[str, ...]
    url: str
    project: str
    server_root: bytes
    token: str | None = None
    certificate: str | None = None
    certificate_key: Path | None = None
    principals_command: str | None = None


class Enrolled(Struct, frozen=True):
    """What came of it. `was_reloaded` tells whether a running sshd was told."""

    state: HostState
    was_reloaded: bool


def enrol(tree: HostTree, sshd: Sshd, door: HostDoor, asked: Enrolment, now: datetime) -> Enrolled:
    """Enrol this host. Raises ClientError, and then nothing of sshd's is different from before."""
    if not tree.configuration.is_file():
        raise AgentError(f"there is no {tree.configuration}: install the OpenSSH server first")
    with tree.held():
        journal = Journal(tree)
        if journal.undo():
            sshd.reload(tree)
        # Before anything is asked for: a token should not be spent on a host that cannot use it.
        sshd.verify(tree)
        journal.arm(tree.files_of_ours, [tree.principals])
        is_being_told = False
        try:
            state = _write(tree, door, asked, now)
            sshd.verify(tree)
            is_being_told = True
            was_reloaded = sshd.reload(tree)
        except BaseException:
            journal.undo()
            if is_being_told:
                with suppress(AgentError):
                    sshd.reload(tree)
            raise
        journal.commit()
    return Enrolled(state, was_reloaded)


def _write(tree: HostTree, door: HostDoor, asked: Enrolment, now: datetime) -> HostState:
    keys = tree.host_keys
    if not keys:
        make_host_key(tree.new_host_key)
        keys = [tree.new_host_key]
    newcomer = Newcomer(
        names=asked.names,
        keys=tuple(keys),
        token=asked.token,
        certificate=asked.certificate,
        certificate_key=asked.certificate_key,
    )
    answer = door.enrol(newcomer)
    host = answer["host"]
    certificates = write_certificates(keys, answer)
    make_folder(tree.own)
    write_logins(tree, door.logins(host["id"], keys[0]))
    content, signature = door.revocation_list()
    kept = keep_list(tree.revocation_list, None, content, signature, door.list_signers(), now)
    former = tree.configuration.read_text(encoding="utf-8", errors="surrogateescape")
    written = configured(former, tree, keys, asked.principals_command)
    mode = tree.configuration.stat().st_mode & 0o7777
    write_whole(tree.configuration, written.encode("utf-8", "surrogateescape"), mode)
    if asked.server_root:
        write_whole(tree.server_root, asked.server_root)
    state = HostState(
        url=asked.url,
        project=asked.project,
        host=host["id"],
        name=host["name"],
        certificates=certificates,
        revocation_list=kept,
        logins_at=now,
    )
    write_state(tree.state, state)
    return state


def write_logins(tree: HostTree, logins: Logins) -> bool:
    """Write who may log in, and whom to trust for it; tell whether anything was different.

    What takes a right away comes first: files of accounts that nobody may enter any more.
    """
    make_folder(tree.principals)
    changed = False
    for account in tree.accounts():
        if account not in logins.accounts:
            remove_file(tree.principals / account)
            changed = True
    for account, principals in logins.accounts.items():
        changed |= write_if_changed(tree.principals / account, lines_of(principals))
    # An empty file would be one that was cut short.
    authorities = lines_of(logins.user_authorities) or b"# no authority for users is trusted\n"
    return write_if_changed(tree.user_authorities, authorities) or changed
