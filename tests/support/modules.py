"""The service's modules, with dictionaries in place of the targets of dynamic secrets."""

from ca_service.composition import MODULES
from ca_service.web.module import Ground
from secrets_core.dynamic.module import MODULE as DYNAMIC
from secrets_core.dynamic.module import module_over
from tests.support.fakes.dynamic import FakeProvider


def _targets(ground: Ground) -> tuple[FakeProvider, ...]:
    del ground
    return (FakeProvider(),)


MODULES_WITHOUT_TARGETS = tuple(module_over(_targets) if each is DYNAMIC else each for each in MODULES)
