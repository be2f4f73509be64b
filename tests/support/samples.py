"""One sample, or more, of every operation of the registry, with the request that performs it over HTTP.

A new operation is given one in `tests/support/samples_of/<package>.py`: how it is asked about the things of
a tenant (`tests/support/things.py`), who rightly performs it, and its request. The bypass suite and the
two-tenant suite go through this list; an operation or a route that is not in it fails
`tests/architecture/test_registry.py`.
"""

from tests.support.sample import By, Jws, Knock, Sample
from tests.support.samples_of import (
    acme,
    dynamic,
    governance,
    identity,
    kms,
    ssh,
    vault,
    x509,
    x509_life,
)

__all__ = ["IN_A_PLACE", "OF_THE_INSTANCE", "ON_THINGS", "SAMPLES", "By", "Jws", "Knock", "Sample"]

SAMPLES: tuple[Sample, ...] = (
    *governance.SAMPLES,
    *identity.SAMPLES,
    *x509.SAMPLES,
    *x509_life.SAMPLES,
    *ssh.SAMPLES,
    *acme.SAMPLES,
    *vault.SAMPLES,
    *kms.SAMPLES,
    *dynamic.SAMPLES,
)
#: Those that name a project or an organization, and those that do not.
IN_A_PLACE = tuple(sample for sample in SAMPLES if sample.is_in_a_place)
OF_THE_INSTANCE = tuple(sample for sample in SAMPLES if not sample.is_in_a_place)
#: Those that name more than their place.
ON_THINGS = tuple(sample for sample in IN_A_PLACE if sample.names_things)
