"""A certificate that demands a stapled answer, by ACME, on both engines (RFC 7633; RFC 8555 section 7.4)."""

import asyncio

import pytest
from cryptography import x509

from ca_service.database.port import Database
from ca_service.x509.operations import ProfileChanges, UpdateProfile
from ca_service.x509.profiles import MustStaple
from tests.support.acme_client import AcmeClient, Reply
from tests.support.acme_orders import finalize
from tests.support.acme_site import AcmeSite
from tests.support.fakes.kernel import FakeClock
from tests.support.hand_csr import TLS_FEATURE, alternative_names, dns, extension, hand_csr

_STATUS_REQUEST = bytes.fromhex("3003020105")


@pytest.fixture
def site(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeSite:
    return AcmeSite(runner, database, clock)


def ask_to_staple(site: AcmeSite, client: AcmeClient) -> Reply:
    """Finalize an order with a CSR that asks for must-staple."""
    order = client.order("a.example")
    site.prove(client, order)
    wanted = (alternative_names(dns(b"a.example")), extension(TLS_FEATURE, _STATUS_REQUEST))
    return finalize(client, order, hand_csr(extensions=wanted))


def test_must_staple_that_the_profile_does_not_allow_is_bad_csr(site: AcmeSite) -> None:
    refused = ask_to_staple(site, site.account())
    assert (refused.status, refused.problem) == (400, "badCSR")


def test_must_staple_is_copied_if_the_profile_allows_it(site: AcmeSite) -> None:
    changes = ProfileChanges(must_staple=MustStaple.ASKED)
    site.perform(UpdateProfile(project="default", name="server", changes=changes))
    client = site.account()
    done = ask_to_staple(site, client)
    leaf = x509.load_pem_x509_certificate(client.post(done.json()["certificate"]).body)
    features = leaf.extensions.get_extension_for_class(x509.TLSFeature).value
    assert list(features) == [x509.TLSFeatureType.status_request]
