"""Runs the gateway with the nginx that is installed, in the foreground, until it is stopped.

The settings come from the environment; 15-gateway.envsh tells them.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from string import Template
from types import FrameType
from typing import IO

HERE = Path(__file__).parent

# What stands around the gateway's own configuration; all paths are below the folder it runs in.
AROUND = """\
daemon off;
pid nginx.pid;
$user
events {}
http {
    client_body_temp_path temporary;
    proxy_temp_path temporary;
    fastcgi_temp_path temporary;
    uwsgi_temp_path temporary;
    scgi_temp_path temporary;
    include conf.d/*.conf;
}
"""
# Else root's workers would be nobody, who can't read a page in somebody's home.
ROOTS_WORKERS = "user root;"

STOPPING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def settings() -> dict[str, str]:
    """The environment, checked and completed."""
    command = ["sh", "-ec", '. "$0" && exec env -0', str(HERE / "15-gateway.envsh")]
    checked = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if checked.returncode:
        sys.exit(checked.returncode)
    pairs = (pair.split("=", 1) for pair in os.fsdecode(checked.stdout).split("\0") if pair)
    return {name: value for name, value in pairs if name.startswith(("SENTRY_", "GATEWAY_"))}


def render(folder: Path, variables: dict[str, str]) -> None:
    """Write the configuration, as the official nginx image does it by envsubst."""
    (folder / "conf.d").mkdir()
    for template in HERE.glob("*.conf.template"):
        text = Template(template.read_text("utf-8")).safe_substitute(variables)
        (folder / "conf.d" / template.stem).write_text(text, "utf-8")
    user = ROOTS_WORKERS if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(Template(AROUND).substitute(user=user))


def check_free(listen: str) -> None:
    """Say in one line what nginx would say in twelve, and after three seconds."""
    host, _, port = listen.rpartition(":")
    family = socket.AF_INET6 if "[" in host else socket.AF_INET
    try:
        # It must not listen: who waits for the gateway would take it for that.
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host.strip("[]*"), int(port)))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        sys.exit(f"gateway: can't listen at GATEWAY_LISTEN={listen}: {reason}")


def relay(log: IO[bytes]) -> None:
    """Pass the log on, line by line, until it ends or nobody reads it."""
    with suppress(BrokenPipeError):
        for line in log:
            os.write(sys.stdout.fileno(), line)


def stop(number: int, frame: FrameType | None) -> None:
    """Leave by way of whatever cleans up."""
    sys.exit()


def main() -> None:
    if shutil.which("nginx") is None:
        sys.exit("gateway: nginx is not installed (on Debian: apt install nginx)")
    variables = settings()
    check_free(variables["GATEWAY_LISTEN"])
    for number in STOPPING:
        signal.signal(number, stop)
    os.umask(0o077)
    with tempfile.TemporaryDirectory(prefix="sentry-gateway-") as name:
        render(Path(name), variables)
        command = ["nginx", "-e", "stderr", "-p", name, "-c", f"{name}/nginx.conf"]
        # Not in the environment that holds the secrets. Its log comes by a pipe, for nginx could not
        # open a standard output that is somebody else's, or a socket.
        environment = {"PATH": os.environ["PATH"]}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
        assert process.stdout
        for number in STOPPING:
            signal.signal(number, lambda _signal, _frame: process.terminate())
        try:
            relay(process.stdout)
        except OSError as error:
            print(
                f"gateway: stops, for its log can't be written: {error.strerror}", file=sys.stderr
            )
        finally:
            process.terminate()
            code = process.wait()
        # It dies of the signal itself where it had not begun to listen for it.
        sys.exit(0 if code == -signal.SIGTERM else code)


if __name__ == "__main__":
    main()
