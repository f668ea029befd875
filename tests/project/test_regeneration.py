"""What a change of the contract asks of the handwritten part: nothing, if it is harmless."""

import os
import subprocess
import sys

from tree import Tree

FIELD = """        greeting:
          type: string
          description: What the invite begins with.
"""

USAGE = """
import httpx
from sentry_members import SentryMembers

def answer(request: httpx.Request) -> httpx.Response:
    print(request.content.decode())
    return httpx.Response(500)

sentry = SentryMembers(token="0" * 64, transport=httpx.MockTransport(answer))
assert "What the invite begins with." in (sentry.add_a_member_to_an_organization.__doc__ or "")
try:
    sentry.add_a_member_to_an_organization("acme", email="ada@example.com", greeting="Hello")
except Exception as error:
    print(error)
"""

MISUSE = USAGE.replace('greeting="Hello"', "greeting=5")


def test_a_new_request_field_is_there_typed_and_documented(tree: Tree) -> None:
    tree.edit("openapi.yaml", "        sendInvite:\n", f"{FIELD}        sendInvite:\n")
    assert 0 == tree.make("generate").returncode
    (tree.path / "usage.py").write_text(USAGE)
    (tree.path / "misuse.py").write_text(MISUSE)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(tree.path / name) for name in ("generated", "overlays")),
    }

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command],
            cwd=tree.path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    used = run("usage.py")
    assert '{"email":"ada@example.com","greeting":"Hello"}' in used.stdout, used.stderr
    assert "greeting='Hello'" in used.stdout
    for checker in (["mypy"], ["pyright", "--pythonpath", sys.executable]):
        assert 0 == run("-m", *checker, "usage.py").returncode
        misused = run("-m", *checker, "misuse.py")
        assert 1 == misused.returncode
        assert "greeting" in misused.stdout
