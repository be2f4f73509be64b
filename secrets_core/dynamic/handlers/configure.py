"""Makes and changes dynamic secrets: the target is asked before anything is written."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import Struct

from ca_service.database.errors import StillReferredToError, UniqueViolationError
from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.gate.principals import caller_name
from ca_service.kernel.errors import ConflictError, NotFoundError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.values import Grant
from secrets_core.dynamic.accesses import dynamic_access
from secrets_core.dynamic.catalogue import Catalogue
from secrets_core.dynamic.dynamic_secrets import (
    DEFAULT_MAX_TTL,
    DEFAULT_TTL,
    DynamicSecret,
    parse_name,
    verify_lifetimes,
)
from secrets_core.dynamic.errors import ConfigurationRefusedError, NameTakenError
from secrets_core.dynamic.operations import CreateDynamicSecret, DynamicSecretView, UpdateDynamicSecret
from secrets_core.dynamic.providers.port import Provider, Target
from secrets_core.dynamic.storage.dynamic_secrets import change_dynamic_secret, insert_dynamic_secret
from secrets_core.dynamic.targets import Turns
from secrets_core.dynamic.usernames import DEFAULT_TEMPLATE, parse_template
from secrets_core.paths import parse_path


class Configured(Struct, frozen=True):
    """A dynamic secret to be written, and how it will be shown. `before` is what it replaces."""

    secret: DynamicSecret
    target: Target
    is_new_target: bool
    view: DynamicSecretView
    before: DynamicSecret | None = None


class CreateDynamicSecretHandler(Handler[CreateDynamicSecret, Configured, Configured, DynamicSecretView]):
    """Makes one."""

    def __init__(self, catalogue: Catalogue, identifiers: Identifiers, turns: Turns) -> None:
        self._catalogue = catalogue
        self._identifiers = identifiers
        self._turns = turns

    async def prepare(self, call: Call, operation: CreateDynamicSecret) -> Prepared[Configured]:
        """Read where it is to lie, and what its provider makes of the configuration."""
        catalogue = self._catalogue
        place = await catalogue.environments.find(call.home, operation.environment)
        target = catalogue.providers.find(operation.provider).parse_config(_members(operation.config))
        default_ttl, max_ttl = _lifetimes(operation.default_ttl, operation.max_ttl)
        id_ = self._identifiers.new("dyn")
        secret = DynamicSecret(
            id=id_,
            tenant=call.home,
            environment=place.id,
            environment_slug=place.slug,
            path=parse_path(operation.path),
            name=parse_name(operation.name),
            provider=target.provider,
            target=target.key,
            version=1,
            sealed=await catalogue.sealed.seal_target(call.home, id_, 1, target),
            default_ttl=default_ttl,
            max_ttl=max_ttl,
            username_template=parse_template(operation.username_template or DEFAULT_TEMPLATE),
            created_at=call.now,
            created_by=caller_name(call.caller),
            updated_at=call.now,
        )
        draft = Configured(secret, target, True, await catalogue.show(secret, target))
        return Prepared(draft, (dynamic_access(operation.action, secret),), _details(draft))

    async def sign(self, call: Call, draft: Configured, grant: Grant) -> Configured:
        """Ask the target whether accounts could be made there."""
        del call, grant
        return await _verified(self._catalogue, self._turns, draft)

    async def record(self, transaction: Transaction, call: Call, signed: Configured) -> DynamicSecretView:
        """Keep it."""
        del call
        try:
            await insert_dynamic_secret(transaction, self._catalogue.secret_mac, signed.secret)
        except UniqueViolationError:
            raise NameTakenError(
                "A dynamic secret of this name exists in this folder; choose another name.", field="name"
            ) from None
        except StillReferredToError:
            raise NotFoundError("environment") from None
        return signed.view


class UpdateDynamicSecretHandler(Handler[UpdateDynamicSecret, Configured, Configured, DynamicSecretView]):
    """Changes one: a new version of its configuration, by which leases from now on are made."""

    def __init__(self, catalogue: Catalogue, turns: Turns) -> None:
        self._catalogue = catalogue
        self._turns = turns

    async def prepare(self, call: Call, operation: UpdateDynamicSecret) -> Prepared[Configured]:
        """Put what was asked for over what there is."""
        catalogue = self._catalogue
        before = await catalogue.find(call.home, operation.environment, operation.path, operation.name)
        target = former = await catalogue.sealed.target(before)
        if operation.config is not None:
            target = _changed(catalogue.provider(former), former, _members(operation.config))
        default_ttl, max_ttl = _lifetimes(
            operation.default_ttl, operation.max_ttl or before.max_ttl, before.default_ttl
        )
        template = before.username_template
        if operation.username_template is not None:
            template = parse_template(operation.username_template)
        version = before.version + 1
        secret = msgspec.structs.replace(
            before,
            target=target.key,
            version=version,
            sealed=await catalogue.sealed.seal_target(call.home, before.id, version, target),
            default_ttl=default_ttl,
            max_ttl=max_ttl,
            username_template=template,
            updated_at=call.now,
        )
        view = await catalogue.show(secret, target)
        draft = Configured(secret, target, operation.config is not None, view, before)
        return Prepared(draft, (dynamic_access(operation.action, before),), _details(draft))

    async def sign(self, call: Call, draft: Configured, grant: Grant) -> Configured:
        """Ask the target whether accounts could be made there, if the configuration is another."""
        del call, grant
        return await _verified(self._catalogue, self._turns, draft) if draft.is_new_target else draft

    async def record(self, transaction: Transaction, call: Call, signed: Configured) -> DynamicSecretView:
        """Write the new version. Raises ConflictError if somebody else was first."""
        del call
        assert signed.before is not None
        mac = self._catalogue.secret_mac
        if not await change_dynamic_secret(transaction, mac, signed.before, signed.secret):
            raise ConflictError(
                "The dynamic secret was changed meanwhile; read it and send the change again."
            )
        return signed.view


async def _verified(catalogue: Catalogue, turns: Turns, draft: Configured) -> Configured:
    async with turns.turn(draft.target.key):
        await catalogue.provider(draft.target).verify(draft.target)
    return draft


def _members(config: SecretValue[bytes]) -> dict[str, Any]:
    try:
        return msgspec.json.decode(config.reveal(), type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        # The decoder's own words may repeat a value.
        raise ConfigurationRefusedError("The config is a JSON object.", field="config") from None


def _changed(provider: Provider, former: Target, members: Mapping[str, Any]) -> Target:
    """Return the former configuration with what is named put over it; null takes a member away.

    A secret is never carried to another target than the one it was given for.
    """
    known: dict[str, Any] = msgspec.json.decode(former.settings.reveal())
    merged = {name: value for name, value in {**known, **members}.items() if value is not None}
    target = provider.parse_config(merged)
    kept = sorted(name for name in provider.secret_members & merged.keys() if name not in members)
    if kept and target.key != former.key:
        raise ConfigurationRefusedError(
            f"This is another target: say its `{kept[0]}` too.",
            field=f"config.{kept[0]}",
            rule="new-target-secret",
        )
    return target


def _lifetimes(
    default_ttl: timedelta | None, max_ttl: timedelta | None, former: timedelta = DEFAULT_TTL
) -> tuple[timedelta, timedelta]:
    """Return both; where only the longest is given, it clamps the default."""
    most = max_ttl or max(DEFAULT_MAX_TTL, default_ttl or DEFAULT_MAX_TTL)
    usual = default_ttl or min(former, most)
    verify_lifetimes(usual, most)
    return usual, most


def _details(draft: Configured) -> Mapping[str, Any]:
    secret = draft.secret
    return {
        "dynamic_secret": secret.id,
        "name": secret.name,
        "environment": secret.environment_slug,
        "path": secret.path,
        "target": secret.target,
        "version": secret.version,
    }
