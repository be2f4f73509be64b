"""Critical options and extensions: which there are, and what values they take (openssh PROTOCOL.certkeys)."""

import re
from collections.abc import Mapping
from ipaddress import ip_network

from ssh_ca.errors import OptionRefusedError

FORCE_COMMAND = "force-command"
SOURCE_ADDRESS = "source-address"
VERIFY_REQUIRED = "verify-required"
NO_TOUCH_REQUIRED = "no-touch-required"

CRITICAL_OPTIONS = frozenset({FORCE_COMMAND, SOURCE_ADDRESS, VERIFY_REQUIRED})
#: What `ssh-keygen -s` grants when it is told nothing.
DEFAULT_EXTENSIONS = (
    "permit-X11-forwarding",
    "permit-agent-forwarding",
    "permit-port-forwarding",
    "permit-pty",
    "permit-user-rc",
)
_FLAGS = frozenset({*DEFAULT_EXTENSIONS, VERIFY_REQUIRED, NO_TOUCH_REQUIRED})
_FOR_FIDO_KEYS = frozenset({VERIFY_REQUIRED, NO_TOUCH_REQUIRED})
_CUSTOM_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}@[A-Za-z0-9.-]{1,128}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LONGEST_VALUE = 1024
_MOST_OPTIONS = 32
_MOST_NETWORKS = 64


def is_extension(name: str) -> bool:
    """Tell a name that can stand among the extensions: OpenSSH's own, or `name@domain`."""
    return name in DEFAULT_EXTENSIONS or name == NO_TOUCH_REQUIRED or bool(_CUSTOM_NAME.fullmatch(name))


def is_critical_option(name: str) -> bool:
    """Tell a name that can stand among the critical options; `name@domain` is for others than sshd."""
    return name in CRITICAL_OPTIONS or bool(_CUSTOM_NAME.fullmatch(name))


def parse_options(
    asked: Mapping[str, str], allowed: frozenset[str], *, field: str, is_fido: bool
) -> dict[str, str]:
    """Return options with their values in the form that is signed. Raises OptionRefusedError."""
    if len(asked) > _MOST_OPTIONS:
        raise OptionRefusedError(f"At most {_MOST_OPTIONS} are certified.", field=field, rule="too-many")
    return {name: _parse(name, value, allowed, field, is_fido=is_fido) for name, value in asked.items()}


def _parse(name: str, value: str, allowed: frozenset[str], field: str, *, is_fido: bool) -> str:
    if name not in allowed:
        known = ", ".join(sorted(allowed)) or "none"
        raise _refused(
            field, "not-allowed", f"The profile does not allow {_shown(name)} here; allowed: {known}."
        )
    place = f"{field}.{name}"
    if name in _FOR_FIDO_KEYS and not is_fido:
        raise _refused(place, "fido-only", f"{name} means something for FIDO keys (sk-…) only; leave it out.")
    return option_value(name, value, place)


def option_value(name: str, value: str, place: str) -> str:
    """Return the value of an option in the form that is signed. Raises OptionRefusedError.

    An option of somebody's own, `name@domain`, may be a flag: then its value is empty.
    """
    if len(value) > _LONGEST_VALUE or _CONTROL.search(value):
        raise _refused(
            place, "value", f"A value has at most {_LONGEST_VALUE} characters and no control characters."
        )
    if name in _FLAGS:
        if value:
            raise _refused(place, "flag", f'{name} is a flag: its value must be "".')
        return ""
    if not value.strip() and (value or not _CUSTOM_NAME.fullmatch(name)):
        raise _refused(place, "value", f"{name} needs a value.")
    return _parse_networks(value, place) if name == SOURCE_ADDRESS else value


def _parse_networks(value: str, field: str) -> str:
    """Return `source-address` as exact networks; sshd refuses the login where host bits are set."""
    parts = value.split(",")
    if len(parts) > _MOST_NETWORKS:
        raise _refused(field, "too-many", f"At most {_MOST_NETWORKS} networks are certified.")
    try:
        networks = [ip_network(part.strip()) for part in parts]
    except ValueError:
        raise _refused(
            field, "network", 'Write addresses or exact networks: "192.0.2.7,10.0.0.0/8", no names, no "!".'
        ) from None
    return ",".join(str(network) for network in networks)


def _refused(field: str, rule: str, detail: str) -> OptionRefusedError:
    return OptionRefusedError(detail, field=field, rule=f"option-{rule}")


def _shown(name: str) -> str:
    return ascii(name if len(name) <= 80 else name[:80] + "…")
