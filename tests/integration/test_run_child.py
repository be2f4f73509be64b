"""A command that is run below us: its signals and its end are its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command_line import ROOT
from tests.support.terminal import Terminal

_SECONDS = 30
#: What `keywright run --lease` does between taking leases and giving them back.
PARENT = """
import os, sys
from ca_service.cli.run_child import SignalsHeld
with SignalsHeld() as signals:
    status = signals.run(sys.argv[1:], dict(os.environb))
print("given back", flush=True)
sys.exit(status)
"""
#: Tells each signal that comes, and ends at the third: with its number of signals as status.
TELLS = """
import signal, sys
told = []
def tell(number, frame):
    told.append(number)
    print(signal.Signals(number).name, flush=True)
for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGTERM):
    signal.signal(number, tell)
print("ready", flush=True)
while len(told) < 3:
    signal.pause()
sys.exit(len(told))
"""


def parent(*command: str) -> list[str]:
    """Return what runs a command below us."""
    return [sys.executable, "-c", PARENT, *command]


@pytest.mark.parametrize(
    ("line", "status"), [("exit 7", 7), ("kill -KILL $$", 128 + signal.SIGKILL), ("yes | head -n 1", 0)]
)
def test_given_its_end_then_it_is_ours_and_what_follows_is_still_done(line: str, status: int) -> None:
    done = subprocess.run(
        parent("sh", "-c", line), cwd=ROOT, capture_output=True, text=True, timeout=_SECONDS, check=False
    )

    assert (done.returncode, done.stderr) == (status, "")
    assert done.stdout.removeprefix("y\n") == "given back\n"


def test_given_signals_then_the_command_has_each_and_we_wait_for_its_end() -> None:
    process = subprocess.Popen(
        parent(sys.executable, "-c", TELLS), cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"

    for number in (signal.SIGUSR1, signal.SIGINT, signal.SIGTERM):
        process.send_signal(number)
        assert process.stdout.readline() == f"{number.name}\n"
    rest, _ = process.communicate(timeout=_SECONDS)
    assert (rest, process.returncode) == ("given back\n", 3)


def test_given_a_terminal_then_what_is_typed_on_it_interrupts_the_command_once(tmp_path: Path) -> None:
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    line = ["setsid", "--ctty", "--wait", *parent(sys.executable, "-c", TELLS)]
    with Terminal(line, variables, tmp_path) as terminal:
        terminal.read_until("ready\r\n")
        for _ in range(3):
            terminal.type("\x03")
            terminal.read_until("SIGINT\r\n")
        assert terminal.end() == 3
        assert terminal.shown.count("SIGINT") == 3
