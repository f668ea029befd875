"""The README of the fake agrees with the fake."""

import inspect
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import get_args

import httpx
import pytest
import sentry_members_testing as testing
from sentry_members_testing import FakeSentry, Fault, Version

from tests.support.fake_requests import invite
from tests.support.readme import Readme
from tests.support.repo_copy import ROOT

FOLDER = ROOT / "overlays/sentry_members_testing"
README = Readme(FOLDER / "README.md")


def quoted(names: Iterable[str]) -> list[str]:
    return [f"`{name}`" for name in names]


@pytest.mark.parametrize(
    "method", [FakeSentry.add_organization, FakeSentry.add_member, FakeSentry.issue_token]
)
def test_lists_the_settings(method: Callable[..., object]) -> None:
    _, *parameters = inspect.signature(method).parameters
    assert quoted(parameters) == list(README.table(f"`{method.__name__}`"))


def test_names_all_methods_exports_and_versions() -> None:
    methods = [name for name in vars(FakeSentry) if not name.startswith("_")]
    versions = [f'FakeSentry("{version}")' for version in get_args(Version)]
    names = [*methods, *testing.__all__, *versions]
    assert [] == [name for name in names if name not in README.text]


@pytest.mark.parametrize("fault", get_args(Fault))
def test_lists_each_fault_and_whether_the_request_takes_effect(fault: Fault) -> None:
    fake = FakeSentry.example()
    before = len(fake.members)
    fake.fail_next(fault, seconds=0)
    with suppress(httpx.HTTPError):
        invite(fake)
    shown = f'`"{fault}"`' if isinstance(fault, str) else f"`{fault}`"
    assert ("yes" if len(fake.members) > before else "no") == README.table("fault")[shown]


def test_lists_no_other_fault() -> None:
    assert len(get_args(Fault)) == len(README.table("fault"))


def test_lists_the_members_of_the_example() -> None:
    members = [each for each in FakeSentry.example().members if each.organization == "acme"]
    expected = {f"`{member.name}`": member.org_role for member in members}
    assert expected == README.table("member")


def test_lists_the_modules() -> None:
    modules = {path.name for path in FOLDER.glob("*.py")} - {"__init__.py"}
    assert sorted(quoted(modules)) == sorted(README.table("file"))
