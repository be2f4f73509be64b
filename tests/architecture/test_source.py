"""The rules of the architecture page that an import contract cannot say."""

import ast
import re
from pathlib import Path

import pytest

from tests.support.source import ROOT, imports_of, shown, source_files, tree_of

#: File names that may know a framework; every other module of a package is a noun.
_SHELLS = {"http.py", "handlers.py", "storage.py", "jobs.py", "module.py", "__init__.py"}
#: Packages whose very matter is a framework.
_FRAMEWORK_PACKAGES = (
    "ca_service/web/",
    "ca_service/database/",
    "ca_service/cli/",
    "ca_service/egress/",
    "ca_service/serve/",
)
_FRAMEWORK_FILES = {"ca_service/composition.py"}
_FRAMEWORKS = {"litestar", "sqlalchemy", "uvicorn", "aiohttp", "alembic", "psycopg", "dns"}

_KEY_LOADERS = {
    "load_pem_private_key",
    "load_der_private_key",
    "load_ssh_private_key",
    "generate_private_key",
    "derive_private_key",
}


def _is_noun(file: Path) -> bool:
    name = shown(file)
    return (
        file.name not in _SHELLS
        and "/handlers/" not in name
        and "/storage/" not in name
        and "/http/" not in name
        and not name.startswith(_FRAMEWORK_PACKAGES)
        and name not in _FRAMEWORK_FILES
        and not file.name.endswith("storage.py")
    )


@pytest.mark.parametrize("file", [f for f in source_files() if _is_noun(f)], ids=shown)
def test_a_noun_imports_no_framework(file: Path) -> None:
    frameworks = {module.split(".")[0] for module, _ in imports_of(file)} & _FRAMEWORKS
    assert not frameworks, (
        f"{shown(file)} imports {frameworks}: move that part to http.py, storage.py or handlers.py"
    )


@pytest.mark.parametrize(
    "file", [f for f in source_files() if not shown(f).startswith("ca_service/custody/")], ids=shown
)
def test_only_custody_touches_private_keys(file: Path) -> None:
    touched = {
        name for _, name in imports_of(file) if name and (name.endswith("PrivateKey") or name in _KEY_LOADERS)
    }
    touched |= {
        node.attr
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Attribute) and (node.attr in _KEY_LOADERS or node.attr.endswith("PrivateKey"))
    }
    assert not touched, f"{shown(file)} uses {touched}: ask custody for a signer instead"


@pytest.mark.parametrize(
    "file", [f for f in source_files() if f.name == "http.py" or "/http/" in shown(f)], ids=shown
)
def test_a_door_imports_neither_storage_nor_handlers(file: Path) -> None:
    behind = [module for module, _ in imports_of(file) if re.search(r"\.(storage|handlers)(\.|$)", module)]
    assert not behind, f"{shown(file)} imports {behind}: perform an operation instead"


@pytest.mark.parametrize(
    "file",
    [
        f
        for f in source_files()
        if f.name != "storage.py"
        and not shown(f).startswith(("ca_service/database/", "ca_service/egress/target"))
        and "storage" not in shown(f)
    ],
    ids=shown,
)
def test_only_storage_modules_know_sql(file: Path) -> None:
    modules = {module.split(".")[0] for module, _ in imports_of(file)}
    assert not modules & {"sqlalchemy", "sqlite3", "psycopg"}, (
        f"{shown(file)}: SQL belongs into a storage module"
    )


@pytest.mark.parametrize("file", source_files(), ids=shown)
def test_no_file_outgrows_one_idea(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").count("\n")
    assert lines <= 400, f"{shown(file)} has {lines} lines: split it"


@pytest.mark.parametrize("file", source_files(), ids=shown)
def test_every_module_and_public_class_says_what_it_is(file: Path) -> None:
    tree = tree_of(file)
    if tree.body:
        assert ast.get_docstring(tree), f"{shown(file)} has no docstring"
    nameless = [
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not nameless, f"{shown(file)}: no docstring on {nameless}"


def test_no_package_below_tests() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-test.txt"])
def test_the_pinned_requirements_bring_no_other_acme_and_name_no_index(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert not re.search(r"^acme==", text, re.MULTILINE)
    assert not re.search(r"^--", text, re.MULTILINE), "an index or a folder of the maker's machine is named"
    assert "http://" not in text
    assert "https://" not in text
    for line in re.findall(r"^[a-z0-9][^\s]*==.*$", text, re.MULTILINE):
        assert line.endswith("\\"), f"{line} is pinned without a hash"
