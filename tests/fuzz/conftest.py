"""How long to fuzz: seconds with the other tests, longer where `KEYWRIGHT_FUZZ=long` (`make fuzz`)."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "fuzz-long",
    max_examples=4_000,
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much),
)
# How long it takes to draw an input says how busy the machine is, and nothing of a parser.
settings.register_profile("fuzz-short", suppress_health_check=(HealthCheck.too_slow,))
settings.load_profile("fuzz-long" if os.environ.get("KEYWRIGHT_FUZZ") == "long" else "fuzz-short")
