"""Short ways to order, prove and finalize through `AcmeStack`, for identifiers of every type."""

from datetime import datetime, timedelta

from tests.support.acme_client import AcmeClient, Reply, b64, make_csr
from tests.support.acme_stack import AcmeStack

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def order(client: AcmeClient, *names: str, **members: object) -> Reply:
    """Order a certificate for DNS names, or for addresses where a name is one."""
    identifiers = [
        {"type": "ip" if ":" in name or name[-1].isdigit() else "dns", "value": name} for name in names
    ]
    return client.post(client.directory["newOrder"], {"identifiers": identifiers, **members})


def location(reply: Reply) -> str:
    assert reply.status == 201, reply.body
    return reply.header("location")


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def prove(stack: AcmeStack, client: AcmeClient, made: Reply) -> None:
    """Prove by http-01 what of an order, or of an authorization, is pending."""
    body = made.json()
    for url in body.get("authorizations", [made.header("location")]):
        authorization = client.post(url).json()
        if authorization["status"] != "pending":
            continue
        [challenge] = [each for each in authorization["challenges"] if each["type"] == "http-01"]
        place = (authorization["identifier"]["value"], f"/.well-known/acme-challenge/{challenge['token']}")
        stack.world.answers[place] = client.key_authorization(challenge["token"]).encode()
        client.post(challenge["url"], {})
    stack.run_jobs()


def ready(stack: AcmeStack, client: AcmeClient, *names: str, **members: object) -> Reply:
    """Return an order that waits for its CSR; what was proved before need not be proved again."""
    made = order(client, *names, **members)
    prove(stack, client, made)
    return made


def finalize(client: AcmeClient, made: Reply, csr: bytes | None = None) -> Reply:
    """Finalize an order, with a CSR for its DNS names unless one is given."""
    names = [each["value"] for each in made.json()["identifiers"]]
    return client.post(made.json()["finalize"], {"csr": b64(make_csr(*names) if csr is None else csr)})
