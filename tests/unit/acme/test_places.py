"""Where directories answer."""

import pytest

from acme.places import Place, Places, Resource, parse_aliases
from ca_service.config import ConfigError

ALIASES = {"/dir": "default", "/api/v1/pki/acme/7/directory": "other", "/directory": "default"}
PLACES = Places(parse_aliases(ALIASES))


@pytest.mark.parametrize(
    ("path", "slug", "prefix", "resource"),
    [
        ("/acme/default/directory", "default", "/acme/default", Resource("directory")),
        ("/acme/x/order/1/finalize", "x", "/acme/x", Resource("order", "1", "finalize")),
        ("/dir", "default", "/dir", Resource("directory")),
        ("/dir/new-nonce", "default", "/dir", Resource("new-nonce")),
        ("/dir/account/1/orders", "default", "/dir", Resource("account", "1", "orders")),
        ("/api/v1/pki/acme/7/directory", "other", "/api/v1/pki/acme/7", Resource("directory")),
        ("/api/v1/pki/acme/7/authz/1", "other", "/api/v1/pki/acme/7", Resource("authz", "1")),
        ("/directory", "default", "", Resource("directory")),
        ("/new-order", "default", "", Resource("new-order")),
        ("/order/1/finalize", "default", "", Resource("order", "1", "finalize")),
    ],
)
def test_a_path_names_a_place_and_a_resource(path: str, slug: str, prefix: str, resource: Resource) -> None:
    found = PLACES.find(path)
    assert found is not None
    assert (found[0].slug, found[0].prefix, found[1]) == (slug, prefix, resource)


@pytest.mark.parametrize(
    "path", ["/acme", "/acme/default", "/acme/a/b/c/d/e", "/dir/directory", "/dir/", "//dir", ""]
)
def test_a_path_that_names_nothing_is_not_found(path: str) -> None:
    assert Places(parse_aliases({"/dir": "default"})).find(path) is None


def test_a_directory_is_known_by_all_its_prefixes() -> None:
    assert PLACES.prefixes_of("default") == ("/acme/default", "/dir", "")


def test_an_alias_may_replace_a_directory_that_is_not_there() -> None:
    places = Places(parse_aliases({"/acme/old/directory": "default"}))
    found = places.find("/acme/old/new-order")
    assert found == (Place("default", "/acme/old", "/acme/old/directory"), Resource("new-order"))


@pytest.mark.parametrize(
    "path", ["dir", "", "/", "/a//b", "/a/", "/a b", "/ä", "/a/{id}", "/a?b=c", "/a%2Fb"]
)
def test_an_alias_that_is_no_plain_path_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match="directory_aliases"):
        parse_aliases({path: "default"})


def test_an_alias_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="directory_aliases"):
        parse_aliases({"/dir": ""})
