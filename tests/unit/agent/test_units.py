"""The systemd units of a host's agent, read as systemd reads them."""

from configparser import ConfigParser

import pytest

from ca_service.agent.errors import AgentError
from ca_service.agent.units import SERVICE, TIMER, units


def read_unit(content: bytes) -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(content.decode("ascii"))
    return parser


def test_the_service_runs_the_agent_once_and_writes_where_its_files_are_only() -> None:
    service = read_unit(units("/opt/keywright/bin/keywright", 5)[SERVICE])["Service"]
    assert service["Type"] == "oneshot"
    assert service["ExecStart"] == "/opt/keywright/bin/keywright ssh host agent"
    assert service["ReadWritePaths"].split() == ["/etc/ssh", "/var/lib/keywright"]


def test_the_timer_runs_it_every_so_many_minutes_for_good() -> None:
    timer = read_unit(units("/usr/bin/keywright", 7)[TIMER])
    assert timer["Timer"]["OnUnitActiveSec"] == "7min"
    assert timer["Install"]["WantedBy"] == "timers.target"
    assert TIMER.removesuffix(".timer") == SERVICE.removesuffix(".service")


@pytest.mark.parametrize(
    "program", ["", "keywright", "/opt/my folder/keywright", "/x\nUser=root", "/%h/k", "/$X"]
)
def test_a_program_that_systemd_would_read_otherwise_is_refused(program: str) -> None:
    with pytest.raises(AgentError, match="--program"):
        units(program, 5)
