"""Imports of the overlays that the generated package lacks are reported."""

from pathlib import Path

import pytest

from tests.maintenance import overlay_imports
from tests.support.repo_copy import ROOT


def test_reports_an_import_of_a_missing_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert [] == list(overlay_imports.missing())
    (tmp_path / "client.py").write_text(
        "from sentry_members_api import Client\n"
        "from sentry_members_api.models import Member, Newcomer\n"
        "from sentry_members_api.api.teams import join, add_an_organization_member_to_a_team\n"
        "from sentry_members_api.api.crews import leave\n"
    )
    monkeypatch.setattr(overlay_imports, "OVERLAYS", tmp_path)
    remedy = "import the new name, or restore the old one in openapi.yaml"
    assert [
        f"{tmp_path}/client.py, line 2: sentry_members_api.models no longer has Newcomer: {remedy}",
        f"{tmp_path}/client.py, line 3: sentry_members_api.api.teams no longer has join: {remedy}",
        f"{tmp_path}/client.py, line 4: sentry_members_api.api.crews no longer has leave: {remedy}",
    ] == list(overlay_imports.missing())
