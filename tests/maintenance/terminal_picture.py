"""Run `sentry-members onboard` on a terminal and draw its screen as an SVG: `make pictures`."""

import os
import pty
import re
import subprocess
import sys
import tempfile
from contextlib import suppress
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text
from sentry_members_testing import FakeSentry

WIDTH = 100
# rich's template without its web fonts, so that the picture loads nothing from elsewhere.
FORMAT = re.sub(
    r"@font-face \{\{.*?\}\}\n",
    "",
    Console.export_svg.__kwdefaults__["code_format"],
    flags=re.DOTALL,
)


def people() -> str:
    """Return a people file with a few rows that fail."""
    rows = [f"p{number}@example.com,backend" for number in range(1, 117)]
    rows[40] = "owner@acme.example,backend"
    rows[80] = "grace@example.com,bakcend"
    return "\n".join(["email,teams", *rows, ""])


def screen(command: list[str], environment: dict[str, str], folder: str) -> str:
    """Return what a command leaves on a terminal, with its colours."""
    ours, theirs = pty.openpty()
    size = {"COLUMNS": str(WIDTH), "LINES": "24", "TERM": "xterm-256color"}
    process = subprocess.Popen(
        command, cwd=folder, env={**environment, **size}, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    output = b""
    with suppress(OSError):  # raised when the command has closed the terminal
        while part := os.read(ours, 65536):
            output += part
    process.wait()
    lines = re.sub(r"\x1b\[\?25.", "", output.decode()).replace("\r\n", "\n").split("\n")
    # Of a line that was redrawn, keep what was drawn last.
    return "\n".join(line.rpartition("\x1b[2K")[2] for line in lines)


def main(picture: Path) -> None:
    fake = FakeSentry.example()
    fake.limit_requests()
    token = fake.issue_token("acme", owner="manager", scopes=["member:invite"])
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True)
    with fake.serve() as url, tempfile.TemporaryDirectory() as folder:
        Path(folder, "people.csv").write_text(people())
        environment = {**os.environ, "SENTRY_URL": url, "SENTRY_AUTH_TOKEN": token}
        command = ["sentry-members", "onboard", "people.csv", "--org", "acme", "--yes"]
        console.print(f"$ {' '.join(command)}", highlight=False)
        console.print(Text.from_ansi(screen(command, environment, folder)))
    picture.parent.mkdir(exist_ok=True)
    picture.write_text(console.export_svg(title="sentry-members", code_format=FORMAT))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
