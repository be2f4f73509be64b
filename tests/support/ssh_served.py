"""The SSH authorities of a running server."""

from tests.support.curl import Curl

SSH = "/v1/projects/default/ssh"


class ServedAuthority:
    """The SSH authorities of a running server, as a `SshAuthorityClient`, and their revocation list."""

    def __init__(self, curl: Curl) -> None:
        self.curl = curl

    def certify(self, profile: str, public_key: str, principals: list[str], **fields: object) -> str:
        """Return the line of a certificate."""
        body = {"profile": profile, "public_key": public_key, "principals": principals, **fields}
        answer = self.curl.post(f"{SSH}/certificates", body)
        assert answer.status == 201, answer.body
        line: str = answer.json()["certificate"]
        return line

    def authority_keys(self, kind: str) -> str:
        """Return the published keys, fetched without a token."""
        return self.curl.run(f"/ssh/default/{kind}-ca.pub").body.decode()

    def revoke(self, **selector: object) -> None:
        """Revoke, as the administrator."""
        answer = self.curl.post(f"{SSH}/certificates/revoke", selector)
        assert answer.status == 200, answer.body

    def revocation_list(self, *, plain: bool = False) -> bytes:
        """Return the list, fetched without a token."""
        base = self.curl.server.plain_url if plain else self.curl.server.url
        answer = self.curl.run(f"{base}/ssh/default/krl")
        assert answer.status == 200, answer.body
        return answer.body
