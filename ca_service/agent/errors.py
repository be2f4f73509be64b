"""What can go wrong on a host, each in one sentence that says what to do next."""

from ca_service.client.errors import ClientError


class AgentError(ClientError):
    """Something on this host is not as it must be; the message is for a person."""


class ConfigurationError(AgentError):
    """sshd refuses its configuration."""


class ListRefusedError(AgentError):
    """A key revocation list is not put in place of the one that is there."""
