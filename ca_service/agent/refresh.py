"""One run of a host's agent: renew what is due, fetch what changed, keep the last good of all else."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from ca_service.agent.certificates import is_in_place, spread_of, write_certificates
from ca_service.agent.door import HostDoor
from ca_service.agent.enrolment import write_logins
from ca_service.agent.errors import AgentError
from ca_service.agent.journal import Journal
from ca_service.agent.revocation_list import keep_list
from ca_service.agent.sshd import Sshd
from ca_service.agent.state import HostState, age, read_state, with_changes, write_state
from ca_service.agent.tree import HostTree, certificate_of
from ca_service.agent.whole_files import sweep_unfinished
from ca_service.client.errors import ClientError


class Refreshed(Struct, frozen=True):
    """What a run did, and in a sentence each what it could not do."""

    state: HostState
    done: tuple[str, ...]
    failures: tuple[str, ...]


class Refresh:
    """Refreshes one host."""

    def __init__(self, tree: HostTree, sshd: Sshd, door: HostDoor, now: datetime) -> None:
        self._tree = tree
        self._sshd = sshd
        self._door = door
        self._now = now
        self._done: list[str] = []
        self._failures: list[str] = []

    def run(self, *, renew_now: bool = False) -> Refreshed:
        """Do all that can be done; what fails leaves what is in place. Raises AgentError if all must wait."""
        with self._tree.held():
            if Journal(self._tree).undo():
                self._done.append("put back what an earlier run left unfinished")
                self._sshd.reload(self._tree)
            for folder in (self._tree.ssh, self._tree.own, self._tree.principals):
                sweep_unfinished(folder)
            state = read_state(self._tree.state)
            # First what takes rights away.
            state = self._try(self._fetch_list, state, _list_age(state, self._now))
            state = self._try(self._fetch_logins, state, _logins_age(state, self._now))
            if renew_now or self._is_due(state):
                state = self._try(self._renew, state, _certificate_age(state))
        return Refreshed(state, tuple(self._done), tuple(self._failures))

    def _try(self, act: Callable[[HostState], HostState], state: HostState, what_stays: str) -> HostState:
        try:
            changed = act(state)
        except ClientError as error:
            self._failures.append(f"{error}; {what_stays}")
            return state
        write_state(self._tree.state, changed)
        return changed

    def _fetch_list(self, state: HostState) -> HostState:
        content, signature = self._door.revocation_list()
        signers = self._door.list_signers()
        former = state.revocation_list
        kept = keep_list(self._tree.revocation_list, former, content, signature, signers, self._now)
        if former is None or kept.version != former.version:
            self._done.append(f"revocation list: version {kept.version}")
        return with_changes(state, revocation_list=kept)

    def _fetch_logins(self, state: HostState) -> HostState:
        logins = self._door.logins(state.host, self._proving_key(state))
        if write_logins(self._tree, logins):
            self._done.append(f"logins: {len(logins.accounts)} accounts")
        return with_changes(state, logins_at=self._now)

    def _is_due(self, state: HostState) -> bool:
        spread = spread_of(state.host)
        return any(each.is_due(self._now, spread) or not is_in_place(each) for each in state.certificates)

    def _renew(self, state: HostState) -> HostState:
        """Put new certificates in place once sshd takes them; one that dies here is undone by the next."""
        keys = [Path(each.key) for each in state.certificates]
        answer = self._door.renew(state.host, self._proving_key(state))
        journal = Journal(self._tree)
        journal.arm([*(certificate_of(key) for key in keys), self._tree.state])
        try:
            renewed = with_changes(state, certificates=write_certificates(keys, answer))
            write_state(self._tree.state, renewed)
            self._sshd.verify(self._tree)
            self._sshd.reload(self._tree)
        except BaseException:
            journal.undo()
            raise
        journal.commit()
        numbers = ", ".join(each.serial_number for each in renewed.certificates)
        self._done.append(f"host certificates: serial number {numbers}")
        return renewed

    def _proving_key(self, state: HostState) -> Path:
        """Return a key whose certificate has not expired. Raises AgentError."""
        good = [each for each in state.certificates if each.valid_before > self._now]
        if not good:
            raise AgentError(
                "every certificate of this host has expired, so it can prove nothing: enrol it again with a "
                "new token"
            )
        return Path(good[0].key)


def _list_age(state: HostState, now: datetime) -> str:
    kept = state.revocation_list
    if kept is None:
        return "there is no revocation list in place"
    return f"the revocation list fetched {age(now, kept.fetched_at)} (version {kept.version}) stays in force"


def _logins_age(state: HostState, now: datetime) -> str:
    return f"the logins confirmed {age(now, state.logins_at)} stay in force"


def _certificate_age(state: HostState) -> str:
    ends = min(each.valid_before for each in state.certificates)
    return f"the host certificate stays in force until {ends:%Y-%m-%d %H:%M} UTC"
