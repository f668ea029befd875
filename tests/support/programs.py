"""Programs that tests need and that pip doesn't bring. Run as a module, it says which are missing."""

import os
import shutil
from pathlib import Path

import pytest

PACKAGES = {
    "chromium": "chromium",
    "envsubst": "gettext-base",
    "nginx": "nginx",
    "openssl": "openssl",
}
"""The programs, and Debian's packages of them."""

PATH = f"{os.environ['PATH']}:/usr/sbin"
"""Where they are looked for: Debian's nginx is where not everybody's PATH leads."""


def find(program: str) -> Path:
    """The program's path. Where it is missing, the test is skipped, or fails where CI is set."""
    found = shutil.which(program, path=PATH)
    if found is None:
        (pytest.fail if "CI" in os.environ else pytest.skip)(f"{program} is not installed")
    return Path(found)


def tell() -> None:
    """Print a red line for each program that is missing."""
    for program, package in PACKAGES.items():
        if shutil.which(program, path=PATH) is None:
            print(
                f"\033[1;31mSKIPPED: all tests that need {program}, which is not installed "
                f"(on Debian: apt install {package})\033[0m"
            )


if __name__ == "__main__":
    tell()
