"""What the overlays import of the generated package is there, or reported."""

from pathlib import Path

import pytest

from tests.maintenance import overlay_imports
from tests.support.repo_copy import ROOT


def test_reports_an_import_of_what_is_not_generated(
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
    advice = "any more: use what openapi.yaml calls it now, or call it there as before"
    assert [
        f"{tmp_path}/client.py, line 2: sentry_members_api.models has no Newcomer {advice}",
        f"{tmp_path}/client.py, line 3: sentry_members_api.api.teams has no join {advice}",
        f"{tmp_path}/client.py, line 4: sentry_members_api.api.crews has no leave {advice}",
    ] == list(overlay_imports.missing())
