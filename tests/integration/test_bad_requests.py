"""Bad input is refused with the right problem, and nothing of it is written."""

from pathlib import Path
from typing import Any

from tests.support.bad_requests import X509, bad_requests
from tests.support.row_counts import count_rows
from tests.support.server import Server


def test_each_bad_request_gets_its_problem_and_writes_nothing(
    either_server: Server, either_database: str, folder: Path
) -> None:
    table = bad_requests(folder)
    assert len(table) >= 100
    made = either_server.post(X509, {"profile": "server", "dns_names": ["a.example.com"]}).json()
    before = count_rows(either_database)
    wrong = []
    for case in table:
        headers = {"Authorization": f"Bearer {either_server.admin_token}", **case.headers}
        path = case.path.replace("{certificate}", made["id"])
        answer = either_server.request(case.method, path, case.body, token=None, headers=headers)
        is_problem = "problem+json" in answer.headers.get("content-type", "")
        complaint = _complaint(case.status, case.field, answer.status, answer.json() if is_problem else {})
        if complaint:
            wrong.append(f"{case.name}: {complaint}")
    assert not wrong, "\n".join(wrong)
    assert count_rows(either_database) == before


def _complaint(status: int, field: str | None, answered: int, problem: dict[str, Any]) -> str | None:
    if answered != status:
        return f"answered {answered} instead of {status}: {problem.get('field')}: {problem.get('detail')}"
    if not problem:
        return "is refused without a problem document"
    if problem.get("status") != status or not problem.get("type") or not problem.get("detail"):
        return f"has an incomplete problem: {problem}"
    if field is not None and problem.get("field") != field:
        return f"names the field {problem.get('field')!r} instead of {field!r}: {problem.get('detail')}"
    return None
