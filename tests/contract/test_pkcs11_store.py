"""Keys on a PKCS #11 token: what never leaves it, and what happens when the token fails."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pkcs11
import pytest

from ca_service.config import ConfigError, Pkcs11Config
from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.errors import KeyStaysError, KeyStoreRefusedError, KeyStoreUnavailableError
from ca_service.custody.pkcs11.configured import token_stores
from ca_service.custody.pkcs11.store import Pkcs11Store
from ca_service.custody.signers import Signer
from ca_service.kernel.randomness import SystemRandomness
from tests.support.softhsm import LABEL, LIBRARY, PIN, SoftToken, restart_library, soft_token


@pytest.fixture
def token(tmp_path: Path) -> Iterator[SoftToken]:
    with soft_token(tmp_path / "softhsm") as made:
        yield made


@pytest.fixture
def store(token: SoftToken) -> Pkcs11Store:
    return Pkcs11Store("hsm", token.settings, SystemRandomness())


async def new_signer(store: Pkcs11Store) -> Signer:
    return (await store.generate(KeyAlgorithm.EC_P256)).signer("key_1")


async def sign(signer: Signer) -> bytes:
    return await signer.in_turn(signer.sign, b"data")


async def test_a_key_can_never_be_taken_out(store: Pkcs11Store) -> None:
    await store.generate(KeyAlgorithm.EC_P256)
    session = pkcs11.lib(LIBRARY).get_token(token_label=LABEL).open()
    key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY)
    told = [
        key[attribute]
        for attribute in (
            pkcs11.Attribute.EXTRACTABLE,
            pkcs11.Attribute.NEVER_EXTRACTABLE,
            pkcs11.Attribute.SENSITIVE,
            pkcs11.Attribute.ALWAYS_SENSITIVE,
            pkcs11.Attribute.PRIVATE,
        )
    ]
    assert told == [False, True, True, True, True]


@pytest.mark.parametrize("form", ["pkcs8_pem", "pkcs8_der", "openssh_pem"])
async def test_a_key_is_handed_out_in_no_form(store: Pkcs11Store, form: str) -> None:
    generated = await store.generate(KeyAlgorithm.EC_P256)
    with pytest.raises(KeyStaysError, match="hsm"):
        getattr(generated, form)()


async def test_what_is_sealed_of_a_key_is_where_it_lies(store: Pkcs11Store) -> None:
    generated = await store.generate(KeyAlgorithm.EC_P256)
    assert len(generated.kept_form().reveal()) < 200
    assert b'"store":"hsm"' in generated.kept_form().reveal()


@pytest.mark.parametrize("algorithm", [one for one in KeyAlgorithm if one.is_lattice])
async def test_lattice_keys_are_not_made_on_tokens(store: Pkcs11Store, algorithm: KeyAlgorithm) -> None:
    with pytest.raises(KeyStoreRefusedError, match="or the store database"):
        await store.generate(algorithm)


async def test_a_signer_outlives_a_restart_of_the_token(store: Pkcs11Store) -> None:
    signer = await new_signer(store)
    await sign(signer)
    restart_library()
    assert await sign(signer)


async def test_a_signer_outlives_sessions_that_somebody_else_ended(store: Pkcs11Store) -> None:
    signer = await new_signer(store)
    await sign(signer)
    pkcs11.lib(LIBRARY).reinitialize()
    assert await sign(signer)


async def test_a_token_that_is_away_is_unavailable_until_it_is_back(
    store: Pkcs11Store, token: SoftToken
) -> None:
    signer = await new_signer(store)
    token.take_away()
    with pytest.raises(KeyStoreUnavailableError, match="The key store hsm does not answer"):
        await sign(signer)
    token.bring_back()
    assert await sign(signer)


async def test_a_token_that_is_away_is_told_as_trouble(store: Pkcs11Store, token: SoftToken) -> None:
    token.take_away()
    restart_library()
    assert await store.trouble() == (
        "The key store hsm does not answer: no token of the configured label is present."
    )


async def test_a_key_that_the_token_lost_is_unavailable(store: Pkcs11Store, token: SoftToken) -> None:
    signer = await new_signer(store)
    token.forget_keys()
    restart_library()
    with pytest.raises(KeyStoreUnavailableError, match="does not have the key"):
        await sign(signer)


async def test_a_wrong_pin_is_tried_once_and_the_right_one_at_once(
    store: Pkcs11Store, token: SoftToken
) -> None:
    token.put_pin("00000000")
    with pytest.raises(KeyStoreUnavailableError, match="PinIncorrect"):
        await store.generate(KeyAlgorithm.EC_P256)
    with pytest.raises(KeyStoreUnavailableError, match="its PIN was refused; put the right one into"):
        await store.generate(KeyAlgorithm.EC_P256)
    token.put_pin(PIN)
    assert await sign(await new_signer(store))


async def test_no_error_holds_the_pin(store: Pkcs11Store, token: SoftToken) -> None:
    token.put_pin("secret-in-here")
    with pytest.raises(KeyStoreUnavailableError) as refused:
        await store.generate(KeyAlgorithm.EC_P256)
    assert "secret-in-here" not in f"{refused.value!r} {refused.value.__cause__!r}"


def settings(
    token: SoftToken, *, name: str = "hsm", library: str = LIBRARY, pin_file: str | None = None
) -> dict[str, Pkcs11Config]:
    pin_file = pin_file or str(token.pin_file)
    return {name: Pkcs11Config(library=library, token_label=LABEL, pin_file=pin_file)}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"library": "/nowhere/at/all.so"}, "library: there is no file /nowhere/at/all.so"),
        ({"pin_file": "/nowhere/at/all"}, "cannot read the PIN file"),
        ({"name": "database"}, "is that of the keys in the database"),
    ],
)
def test_a_store_that_cannot_be_is_refused_at_the_start(
    token: SoftToken, changes: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        token_stores(settings(token, **changes), SystemRandomness())


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_pin_file_that_others_may_read_is_refused_at_the_start(token: SoftToken, mode: int) -> None:
    token.pin_file.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        token_stores(settings(token), SystemRandomness())


async def test_a_library_that_is_none_is_unavailable(token: SoftToken) -> None:
    library = (
        "/usr/lib/x86_64-linux-gnu/libc.so.6"
        if Path("/usr/lib/x86_64-linux-gnu/libc.so.6").exists()
        else __file__
    )
    (store,) = token_stores(settings(token, library=library), SystemRandomness())
    assert await store.trouble() is not None


_FORK = """
import asyncio, json, os, sys
from ca_service.config import Pkcs11Config
from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.pkcs11.store import Pkcs11Store
from ca_service.kernel.randomness import SystemRandomness

async def sign():
    store = Pkcs11Store("hsm", Pkcs11Config(**json.loads(sys.argv[1])), SystemRandomness())
    signer = (await store.generate(KeyAlgorithm.EC_P256)).signer("key_1")
    assert await signer.in_turn(signer.sign, b"data")

asyncio.run(sign())
child = os.fork()
if child == 0:
    asyncio.run(sign())
    os._exit(0)
_, status = os.waitpid(child, 0)
asyncio.run(sign())
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_a_forked_worker_and_its_parent_both_sign(token: SoftToken) -> None:
    told = msgspec.json.encode(token.settings).decode()
    done = subprocess.run(
        [sys.executable, "-c", _FORK, told], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
