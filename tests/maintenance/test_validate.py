"""Faults of the contract are reported with their places."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.maintenance.validate import faults
from tests.support.repo_copy import ROOT

TEXT = (ROOT / "openapi.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "mistake", "fault"),
    [
        ("  title: Sentry", "  title: [Sentry", "line 4: expected ',' or ']', but got ':'"),
        ("schemas/NewMember'", "schemas/Nobody'", "'#/components/schemas/Nobody' leads nowhere"),
        ("responses/NotFound'", "responses/Lost'", "'#/components/responses/Lost' leads nowhere"),
        ("    post:", "    post: {}\n    post:", "the key 'post' is a duplicate"),
        ("        required: true", "        requird: true", "post > requestBody: Unevaluated"),
        ("required: [email]", "required: [emial]", "'emial' is required but not a property"),
        ("in: path", "in: way", "components > parameters > MemberId > in: 'way' is not one of"),
        (
            "        orgRole:\n",
            "        org_role: {}\n        orgRole:\n",
            "the fields 'org_role' and 'orgRole' get the same name in Python: remove one of them",
        ),
    ],
)
def test_reports_a_fault_with_its_place(text: str, mistake: str, fault: str) -> None:
    assert text in TEXT
    assert any(fault in found for found in faults(TEXT.replace(text, mistake)))


def test_exits_with_the_fault(tmp_path: Path) -> None:
    document = tmp_path / "openapi.yaml"
    document.write_text("openapi: [", "utf-8")
    command = [sys.executable, "-m", "tests.maintenance.validate", str(document)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 1 == result.returncode
    assert result.stderr.startswith(f"{document}: line 1: expected")
    assert "Traceback" not in result.stderr
