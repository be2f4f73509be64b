"""NSS's programs, as tests use them."""

import subprocess
from pathlib import Path


def nss(*arguments: str | Path, check: bool = True) -> str:
    """Run one of its programs and return what it printed on both outputs."""
    done = subprocess.run([*map(str, arguments)], input=b"", capture_output=True, check=False, timeout=60)
    text = (done.stdout + done.stderr).decode(errors="replace")
    if check and done.returncode != 0:
        raise AssertionError(f"{arguments[0]} failed:\n{text}")
    return text
