"""Run the gateway with the installed nginx, in the foreground, until it is stopped.

The settings come from the environment; README.md lists them.
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

# nginx's main configuration. Relative paths are below the temporary folder that nginx runs in.
NGINX_CONF = """\
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
# Started by root, nginx's workers would run as `nobody`, who can't read a page in a home folder.
USER_OF_ROOTS_WORKERS = "user root;"

STOP_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def settings() -> dict[str, str]:
    """Return the variables that the templates need, or exit if a setting is wrong."""
    command = ["sh", "-ec", '. "$0" && exec env -0', str(HERE / "15-gateway.envsh")]
    completed = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if completed.returncode:
        sys.exit(completed.returncode)
    pairs = (pair.split("=", 1) for pair in os.fsdecode(completed.stdout).split("\0") if pair)
    return {name: value for name, value in pairs if name.startswith(("SENTRY_", "GATEWAY_"))}


def render(folder: Path, variables: dict[str, str]) -> None:
    """Write nginx's configuration, filling in the templates as the official nginx image does."""
    (folder / "conf.d").mkdir()
    for template in HERE.glob("*.conf.template"):
        text = Template(template.read_text("utf-8")).safe_substitute(variables)
        (folder / "conf.d" / template.stem).write_text(text, "utf-8")
    user = USER_OF_ROOTS_WORKERS if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(Template(NGINX_CONF).substitute(user=user))


def check_free(listen: str) -> None:
    """Exit with one line if the address can't be used; nginx would retry and print twelve."""
    host, _, port = listen.rpartition(":")
    family = socket.AF_INET6 if "[" in host else socket.AF_INET
    try:
        # It binds without listening, so that nobody takes the probe for the gateway.
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host.strip("[]*"), int(port)))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        sys.exit(f"gateway: can't listen at GATEWAY_LISTEN={listen}: {reason}")


def relay(log: IO[bytes]) -> None:
    """Copy the log to standard output line by line, until it ends or the reader is gone."""
    with suppress(BrokenPipeError):
        for line in log:
            os.write(sys.stdout.fileno(), line)


def stop(number: int, frame: FrameType | None) -> None:
    """Exit on a signal by SystemExit, so that the temporary folder is removed."""
    sys.exit()


def main() -> None:
    if shutil.which("nginx") is None:
        sys.exit("gateway: nginx is not installed (on Debian: apt install nginx)")
    variables = settings()
    check_free(variables["GATEWAY_LISTEN"])
    for number in STOP_SIGNALS:
        signal.signal(number, stop)
    os.umask(0o077)
    with tempfile.TemporaryDirectory(prefix="sentry-gateway-") as name:
        render(Path(name), variables)
        command = ["nginx", "-e", "stderr", "-p", name, "-c", f"{name}/nginx.conf"]
        # nginx gets an environment without the secrets. Its log comes through a pipe because nginx
        # opens /dev/stdout by name, which fails for a socket or another user's file.
        environment = {"PATH": os.environ["PATH"]}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
        assert process.stdout
        for number in STOP_SIGNALS:
            signal.signal(number, lambda _signal, _frame: process.terminate())
        try:
            relay(process.stdout)
        except OSError as error:
            print(f"gateway: stopping, its log can't be written: {error.strerror}", file=sys.stderr)
        finally:
            process.terminate()
            code = process.wait()
        # A signal that comes before nginx handles it kills nginx: that is a normal stop, too.
        sys.exit(0 if code == -signal.SIGTERM else code)


if __name__ == "__main__":
    main()
