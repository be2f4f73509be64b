"""The generated description of the API."""

from typing import Any

from litestar import Response, post
from litestar.params import FromPath
from msgspec import Struct

from ca_service.web.door import AnyRequest, answer, decode, reads
from tests.support.web import InProcess


class IssueBody(Struct, forbid_unknown_fields=True):
    profile: str
    dns_names: list[str] = []


class CertificateBody(Struct):
    serial_number: str


@post("/v1/projects/{project:str}/certificates", opt=reads(IssueBody), status_code=201)
async def issue(request: AnyRequest, project: FromPath[str]) -> Response[CertificateBody]:
    """Issue one certificate."""
    await decode(request, IssueBody)
    return answer(None, CertificateBody(serial_number=project), status=201)


def document() -> Any:
    answered = InProcess([issue]).call("GET", "/v1/openapi.json", token=None)
    assert answered.status == 200
    return answered.json()


def test_the_document_is_public_and_names_the_product() -> None:
    assert document()["info"] == {"title": "Keywright", "version": "1.2.3"}


def test_the_body_that_a_handler_decodes_is_described() -> None:
    described = document()
    operation = described["paths"]["/v1/projects/{project}/certificates"]["post"]
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]

    schema = described["components"]["schemas"][reference.rsplit("/", 1)[1]]

    assert set(schema["properties"]) == {"profile", "dns_names"}
    assert schema["required"] == ["profile"]


def test_the_answer_is_described() -> None:
    operation = document()["paths"]["/v1/projects/{project}/certificates"]["post"]

    assert "CertificateBody" in str(operation["responses"]["201"])


def test_errors_are_described_as_problems() -> None:
    answers = document()["paths"]["/v1/projects/{project}/certificates"]["post"]["responses"]

    assert set(answers) == {"201", "default"}
    assert "application/problem+json" in answers["default"]["content"]


def test_the_documents_own_route_and_health_are_not_described() -> None:
    assert list(document()["paths"]) == ["/v1/projects/{project}/certificates"]
