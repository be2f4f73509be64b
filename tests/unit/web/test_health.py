"""Up, ready, or on the way out."""

from ca_service.kernel.errors import UnavailableError
from tests.support.web import InProcess


async def broken() -> None:
    raise UnavailableError("The database does not answer.")


def test_given_a_running_process_then_healthz_says_ok() -> None:
    assert InProcess().call("GET", "/healthz", token=None).body == b"ok\n"


def test_given_everything_works_then_readyz_says_ready() -> None:
    assert InProcess().call("GET", "/readyz", token=None).status == 200


def test_given_the_database_is_gone_then_readyz_says_503_and_healthz_ok() -> None:
    front = InProcess(check=broken)

    assert front.call("GET", "/readyz", token=None).status == 503
    assert front.call("GET", "/healthz", token=None).status == 200


def test_given_the_service_stops_then_readyz_says_503() -> None:
    front = InProcess()
    front.readiness.close()

    answered = front.call("GET", "/readyz", token=None)

    assert answered.status == 503
    assert "retry-after" in answered.headers
