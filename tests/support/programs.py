"""Programs that tests need and pip doesn't install."""

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
"""The programs, with the names of their packages in Debian."""

PATH = f"{os.environ['PATH']}:/usr/sbin"
"""Where they are searched: Debian installs nginx in a folder that is not on every user's PATH."""


def find(program: str) -> Path:
    """Return the path of a program; without it, skip the test, or fail it if CI is set."""
    found = shutil.which(program, path=PATH)
    if found is None:
        (pytest.fail if "CI" in os.environ else pytest.skip)(f"{program} is not installed")
    return Path(found)


def print_missing() -> None:
    """Print a red line for each program that is missing."""
    for program, package in PACKAGES.items():
        if shutil.which(program, path=PATH) is None:
            print(
                f"\033[1;31mSKIPPED: all tests that need {program}, which is not installed "
                f"(on Debian: apt install {package})\033[0m"
            )
