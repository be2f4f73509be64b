"""The providers that there are, by their names."""

from collections.abc import Iterable

from secrets_core.dynamic.errors import ProviderUnknownError
from secrets_core.dynamic.providers.port import Provider


class Providers:
    """Finds providers."""

    def __init__(self, providers: Iterable[Provider]) -> None:
        self._providers = {provider.name: provider for provider in providers}

    def find(self, name: str) -> Provider:
        """Return the provider of this name. Raises ProviderUnknownError."""
        provider = self._providers.get(name)
        if provider is None:
            raise ProviderUnknownError(
                f"There is no such provider; this release has {', '.join(sorted(self._providers))}.",
                field="provider",
                rule="provider",
            )
        return provider
