"""The types hold everywhere (`mypy --strict`)."""

import subprocess
import sys

from tests.support.command_line import ROOT


def test_every_type_holds() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=600
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
