"""The client is ready for httpx2, which the generator is to import in place of httpx."""

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sentry_members
from sentry_members import SentryMembers

from tests.support.repo_copy import ROOT

PARAMETERS_OF_HTTPX = {"timeout", "transport"}

# Found before the installed httpx, so that every module that imports httpx gets httpx2.
HTTPX = "import sys, httpx2\nsys.modules[__name__] = httpx2\n"
CHECK = "import httpx2\nfrom sentry_members import transport\nassert transport.httpx is httpx2\n"
CORE = ("test_auth", "test_client", "test_connections", "test_errors", "test_transport")
# A host with invalid Punycode is an invalid URL to httpx alone, and bodies of 10 MiB take long.
NOT_RUN = "not xn--a.io and not too_large"


@pytest.mark.slow
def test_the_core_of_the_client_works_with_httpx2(tmp_path: Path) -> None:
    (tmp_path / "httpx.py").write_text(HTTPX)
    tests = [f"tests/client/{name}.py" for name in CORE]
    options = [
        "--quiet",
        "-p",
        "no:cacheprovider",
        "-p",
        "tests.support.first_cases",
        "-k",
        NOT_RUN,
    ]
    for arguments in (["-c", CHECK], ["-m", "pytest", *options, *tests]):
        ran = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert 0 == ran.returncode, ran.stdout + ran.stderr


def public_functions(owner: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the name of each public function, method, property and constructor of an object."""
    if not inspect.isclass(owner):
        if callable(owner):
            yield getattr(owner, "__name__", repr(owner)), owner
        return
    for name, member in inspect.getmembers(owner):
        function = member.fget if isinstance(member, property) else member
        is_public = name == "__init__" or not name.startswith("_")
        if is_public and (inspect.isfunction(function) or inspect.ismethod(function)):
            yield f"{owner.__name__}.{name}", function


def mentions_httpx(annotation: Any) -> bool:
    constraints = getattr(annotation, "__constraints__", ())
    return bool(re.search(r"\bhttpx\b", repr(annotation))) or any(map(mentions_httpx, constraints))


def leaks(owner: Any) -> set[str]:
    """Return where a public signature or base class of an object is one of httpx's."""
    bases = inspect.getmro(owner) if inspect.isclass(owner) else ()
    found = {f"{owner.__name__} is a {base}" for base in bases if mentions_httpx(base)}
    for name, function in public_functions(owner):
        for parameter, annotation in inspect.get_annotations(function).items():
            if parameter not in PARAMETERS_OF_HTTPX and mentions_httpx(annotation):
                found.add(f"{name}: {parameter}")
    return found


@pytest.mark.parametrize("name", sentry_members.__all__)
def test_only_timeout_and_transport_take_types_of_httpx(name: str) -> None:
    assert set() == leaks(getattr(sentry_members, name))


def test_a_type_of_httpx_in_a_signature_is_found() -> None:
    class Leaking(SentryMembers):
        def send(self, request: httpx.Request) -> None: ...

        @property
        def response(self) -> httpx.Response | None: ...

    assert {"Leaking.send: request", "Leaking.response: return"} == leaks(Leaking)
