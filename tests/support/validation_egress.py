"""The egress of validations as tests on loopback use it."""

from ca_service.config import ValidationConfig
from ca_service.egress.egress import Egress
from ca_service.egress.validation import ValidationEgress
from ca_service.kernel.clock import SystemClock
from ca_service.kernel.randomness import SystemRandomness


def egress(port: int = 80, **settings: object) -> ValidationEgress:
    """Return an egress that may connect to 127.0.0.0/8, with this port of http-01 and these settings."""
    return egress_of(port, **settings).validation()


def egress_of(port: int = 80, **settings: object) -> Egress:
    """Return the same before it is told whose resolvers to ask; 127.0.0.1:8443 is a listener of ours."""
    config = ValidationConfig(
        **{  # type: ignore[arg-type]
            "http_port": port,
            "allowed_networks": ("127.0.0.0/8",),
            "timeout": 3.0,
            **settings,
        }
    )
    return Egress(config, SystemClock(), SystemRandomness(), lambda: [("127.0.0.1", 8443)])
