"""nginx on loopback, which sends a recorded response of Sentry for each operation."""

import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.support import programs
from tests.support.gateway import await_start
from tests.support.recordings import RECORDINGS, operation_of

CONFIGURATION = """\
daemon off;
pid nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path temporary;
    proxy_temp_path temporary;
    fastcgi_temp_path temporary;
    uwsgi_temp_path temporary;
    scgi_temp_path temporary;
    default_type application/json;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    server {{
        listen {address};
        location / {{ {member} }}
        location ~ /teams/ {{ {team} }}
    }}
}}
"""


@contextmanager
def serve() -> Generator[str]:
    """Run nginx, and yield its URL."""
    nginx = shutil.which("nginx", path=programs.PATH) or sys.exit("make bench needs nginx")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    directives = {
        "member": _directives("addAMemberToAnOrganization"),
        "team": _directives("addAnOrganizationMemberToATeam"),
    }
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder, "nginx.conf")
        configuration.write_text(CONFIGURATION.format(address=address, **directives), "utf-8")
        command = [nginx, "-p", folder, "-c", str(configuration), "-e", "stderr"]
        with subprocess.Popen(command) as process:
            await_start({"GATEWAY_LISTEN": address}, process)
            try:
                yield f"http://{address}"
            finally:
                process.terminate()


def _directives(operation: str) -> str:
    responses = (e["response"] for e in RECORDINGS if operation_of(e) == operation)
    added = next(response for response in responses if response["status"] == 201)
    headers = [
        f'add_header {name} "{value}";'
        for name, value in added["headers"]
        if not name.startswith("Content-T") and name != "Content-Length"
    ]
    return " ".join([*headers, f"return 201 '{added['body']}';"])
