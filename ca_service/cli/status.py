"""`keywright status`: what is open, which promise is not kept, what expires soon."""

from ca_service.cli.output import AsJson, print_json
from ca_service.cli.session import connect

_HEADINGS = {"open": "to do", "promise": "not kept", "expiring": "expires within 14 days"}


def status(as_json: AsJson = False) -> None:
    """Say what is open, which promise is not kept and what expires within 14 days."""
    answer = connect().get("/v1/status")
    if as_json:
        print_json(answer)
        return
    print(f"Keywright {answer['version']} on {answer['database']}")
    for notice in answer["notices"]:
        print(f"{_HEADINGS.get(notice['kind'], notice['kind'])}: {notice['text']}")
    if not answer["notices"]:
        print("nothing is open")
