"""A contract with a fault is not generated: the fault is reported with its place."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.maintenance.validate import faults
from tests.support.repo_copy import ROOT

TEXT = (ROOT / "openapi.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("written", "mistaken", "fault"),
    [
        ("  title: Sentry", "  title: [Sentry", "line 4: expected ',' or ']', but got ':'"),
        ("schemas/NewMember'", "schemas/Nobody'", "'#/components/schemas/Nobody' leads nowhere"),
        ("responses/NotFound'", "responses/Lost'", "'#/components/responses/Lost' leads nowhere"),
        ("    post:", "    post: {}\n    post:", "the key 'post' stands here twice"),
        ("        required: true", "        requird: true", "post > requestBody: Unevaluated"),
        ("required: [email]", "required: [emial]", "'emial' is required, and no property"),
        ("in: path", "in: way", "components > parameters > MemberId > in: 'way' is not one of"),
        (
            "        orgRole:\n",
            "        org_role: {}\n        orgRole:\n",
            "the fields 'org_role' and 'orgRole' have one name in Python: drop one of them",
        ),
    ],
)
def test_reports_a_fault_with_its_place(written: str, mistaken: str, fault: str) -> None:
    assert written in TEXT
    assert any(fault in found for found in faults(TEXT.replace(written, mistaken)))


def test_exits_at_a_fault(tmp_path: Path) -> None:
    document = tmp_path / "openapi.yaml"
    document.write_text("openapi: [", "utf-8")
    command = [sys.executable, "-m", "tests.maintenance.validate", str(document)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 1 == result.returncode
    assert result.stderr.startswith(f"{document}: line 1: expected")
    assert "Traceback" not in result.stderr
