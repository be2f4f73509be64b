"""Running a command: instead of this process, or below it until it ends."""

import errno
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn, Self

from ca_service.cli.output import note

#: What would end this process, or is meant for the command, goes on to the command.
_FORWARDED = {
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
}
#: What the interpreter ignores for itself and a command expects to end by.
_IGNORED_HERE = (signal.SIGPIPE, signal.SIGXFSZ)
#: As env(1), nice(1) and shells tell that a command was not run.
_NOT_EXECUTABLE, _NOT_FOUND = 126, 127


def become(command: Sequence[str], variables: Mapping[bytes, bytes]) -> NoReturn:
    """Replace this process by the command; end with 126 or 127 and one sentence if that cannot be."""
    for number in _IGNORED_HERE:
        signal.signal(number, signal.SIG_DFL)
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvpe(command[0], [*command], variables)  # noqa: S606 - a command is what this runs
    except OSError as error:
        sys.exit(cannot_run(command[0], error))


def cannot_run(program: str, error: OSError) -> int:
    """Say why a command was not run, and return the exit status that tells it."""
    why = str(error.strerror)
    if error.errno == errno.E2BIG:
        why = "the secrets are more than an environment holds: say which it needs with --only NAME"
    note(f"keywright: cannot run {program}: {why}")
    return _NOT_FOUND if isinstance(error, FileNotFoundError | NotADirectoryError) else _NOT_EXECUTABLE


class SignalsHeld:
    """A context in which signals wait, so that none of them ends this process before its work is done."""

    def __enter__(self) -> Self:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, {*_FORWARDED, signal.SIGCHLD})
        return self

    def __exit__(self, *_: object) -> None:
        # What still waits was for the command, which has ended.
        while signal.sigtimedwait(_FORWARDED, 0) is not None:
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def pending(self) -> int | None:
        """Return the exit status for a signal that asked to end before the command was begun."""
        found = signal.sigtimedwait(_FORWARDED - {signal.SIGUSR1, signal.SIGUSR2}, 0)
        return None if found is None else 128 + found.si_signo

    def run(self, command: Sequence[str], variables: Mapping[bytes, bytes]) -> int:
        """Run the command to its end and return its exit status, 128 + n for the signal n."""
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            child = os.posix_spawnp(
                command[0], [*command], variables, setsigmask=self._before, setsigdef=_IGNORED_HERE
            )
        except OSError as error:
            return cannot_run(command[0], error)
        while True:
            came = signal.sigwaitinfo({*_FORWARDED, signal.SIGCHLD})
            if came.si_signo == signal.SIGCHLD:
                process, status = os.waitpid(child, os.WNOHANG)
                if process == child:
                    code = os.waitstatus_to_exitcode(status)
                    return code if code >= 0 else 128 - code
            elif came.si_code <= 0:
                # What a terminal sends (a positive code: the kernel's) reached the command at the same time.
                os.kill(child, came.si_signo)
