"""certbot installs a package `acme` as well; ours must be the one that is imported here."""

import importlib.metadata
from pathlib import Path

import acme

ROOT = Path(__file__).resolve().parents[2]


def test_acme_is_ours() -> None:
    assert acme.__file__ == str(ROOT / "acme" / "__init__.py")


def test_no_dependency_brought_another_acme() -> None:
    providers = importlib.metadata.packages_distributions().get("acme", [])
    assert set(providers) <= {"keywright"}
