"""Run the gateway with the installed nginx, in the foreground, until it is stopped.

On the signal HUP it reads the files again that the settings name.

The settings come from the environment; README.md lists them.
"""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from select import poll, select
from string import Template
from time import sleep
from types import FrameType

HERE = Path(__file__).parent

# nginx's main configuration, in the temporary folder that nginx runs in. With that folder's own path,
# which may have a bracket, nginx would take the name of an included file for a pattern.
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

# Of the temporary folder: nobody else's folder has such a name, so one that is left can be removed.
PREFIX, SUFFIX = "sentry-gateway-", ".running"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

# Outlives this program, however that ends, and then stops nginx, which is in its process group, and
# removes the folder with the secrets, in which it runs. Its standard input ends with this program.
GUARD = """\
trap "" TERM
read -r _
kill -TERM 0
rm -rf "$PWD"
"""
NGINX = ("nginx", "-e", "stderr", "-p", ".", "-c", "nginx.conf")


def settings() -> dict[str, str]:
    """Return the variables that the templates need; none if a setting is wrong, which is printed."""
    command = ["sh", "-ec", '. "$0" && exec env -0', str(HERE / "15-gateway.envsh")]
    completed = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if completed.returncode:
        return {}
    pairs = (pair.split("=", 1) for pair in os.fsdecode(completed.stdout).split("\0") if pair)
    return {name: value for name, value in pairs if name.startswith(("SENTRY_", "GATEWAY_"))}


def render(folder: Path, variables: dict[str, str]) -> None:
    """Write nginx's configuration, filling in the templates as the official nginx image does."""
    (folder / "conf.d").mkdir(exist_ok=True)
    for template in HERE.glob("*.conf.template"):
        text = Template(template.read_text("utf-8")).safe_substitute(variables)
        replace(folder / "conf.d" / template.stem, text)
    user = USER_OF_ROOTS_WORKERS if os.geteuid() == 0 else ""
    replace(folder / "nginx.conf", Template(NGINX_CONF).substitute(user=user))


def replace(file: Path, text: str) -> None:
    """Write a file, which nginx may be reading, as a whole."""
    new = file.with_suffix(".new")
    new.write_text(text, "utf-8")
    new.replace(file)


def environment() -> dict[str, str]:
    """Return the environment of nginx, which has no secrets."""
    return {"PATH": os.environ["PATH"]}


def check_free(listen: str) -> None:
    """Exit with one line if the address can't be used; nginx would retry and print twelve."""
    host, _, port = listen.rpartition(":")
    family = socket.AF_INET6 if "[" in host else socket.AF_INET
    try:
        # It binds without listening, so that nobody takes the probe for the gateway.
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host.strip("[]*"), int(port)))
    except OSError as error:
        sys.exit(f"gateway: can't listen at GATEWAY_LISTEN={listen}: {error.strerror}")


def await_start(listen: str, pid_file: Path, process: subprocess.Popen[bytes]) -> str:
    """Wait until nginx responds; return the URL that it responds at, or nothing if it has ended.

    nginx writes its process ID once it has the address. Until then another gateway may respond.
    """
    host, _, port = listen.rpartition(":")
    if host in ("", "*", "0.0.0.0"):
        host = "localhost"
    host = host.replace("[::]", "[::1]")  # There localhost may be 127.0.0.1 alone.
    while process.poll() is None:
        with (
            suppress(OSError, HTTPException),
            closing(HTTPConnection(f"{host}:{port}", timeout=1)) as http,
        ):
            http.request("GET", "/healthz")
            if http.getresponse().status == HTTPStatus.OK and pid_file.exists():
                return f"http://{host}:{port}"
        sleep(0.02)
    return ""


def is_accepted(folder: Path, variables: dict[str, str]) -> bool:
    """Write a new configuration; return whether nginx would take it over. It prints why not."""
    try:
        render(folder, variables)
    except OSError as error:
        report(unwritable(error))
        return False
    test = [*NGINX, "-t", "-q"]
    tested = subprocess.run(
        test, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, check=False
    )
    return tested.returncode == 0


def reload(folder: Path, process: subprocess.Popen[bytes], turn: threading.Lock) -> None:
    """On each signal HUP, let nginx take over the changes of the files that the settings name."""
    while signal.sigwait([signal.SIGHUP]):
        with turn:
            outcome = "not reloaded, the old keys stay"
            try:
                if (variables := settings()) and is_accepted(folder, variables):
                    process.send_signal(signal.SIGHUP)
                    outcome = "reloaded"
            except OSError as error:
                outcome += f": {error.strerror}"
        with suppress(OSError):  # Its reader may be gone.
            report(outcome)


def unwritable(error: OSError) -> str:
    """Return why a file can't be written, and where it would be."""
    return f"can't write its temporary files: {error.strerror} (TMPDIR says where they are)"


def report(message: str) -> None:
    """Print a message to standard error: standard output is for the log."""
    print(f"gateway: {message}", file=sys.stderr, flush=True)


def relay(process: subprocess.Popen[bytes]) -> None:
    """Copy nginx's log to standard output line by line; stop nginx if that fails."""
    assert process.stdout
    try:
        for line in process.stdout:
            os.write(sys.stdout.fileno(), line)
    except OSError as error:
        process.terminate()
        if not isinstance(error, BrokenPipeError):
            with suppress(OSError):
                report(f"stopping, its log can't be written: {error.strerror}")


def is_log_unread() -> bool:
    """Return whether the program or the terminal that standard output goes to is gone."""
    log = poll()
    log.register(sys.stdout, 0)
    return bool(log.poll(0))


def stop(number: int, frame: FrameType | None) -> None:
    """Exit on a signal by SystemExit, so that the temporary folder is removed."""
    sys.exit()


def sweep() -> None:
    """End what gateways left that were killed together with their guards: workers, and secrets."""
    for secrets in Path(tempfile.gettempdir()).glob(f"{PREFIX}*{SUFFIX}/conf.d"):
        with suppress(OSError), locked(secrets.parent):
            for worker in workers(secrets.parent):
                signal.pidfd_send_signal(worker, signal.SIGKILL)
                select([worker], [], [])  # waits until it has ended
                os.close(worker)
            shutil.rmtree(secrets.parent)


def workers(folder: Path) -> Iterator[int]:
    """Yield a file descriptor of each nginx that runs in a folder, as Linux lists it in /proc."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_nginx = (process / "cmdline").read_bytes().startswith(b"nginx")
            if is_nginx and (process / "cwd").samefile(folder):
                yield os.pidfd_open(int(process.name))


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Hold the lock of a folder, which ends with this program.

    Raises:
        BlockingIOError: A running gateway has it.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(opened)


@contextmanager
def guarded_folder() -> Generator[tuple[Path, int]]:
    """Make a temporary folder, and a process group; both end even if this program is killed."""
    with tempfile.TemporaryDirectory(SUFFIX, PREFIX) as name, locked(Path(name)):
        # In a process group of its own, Ctrl-C doesn't reach it.
        guard = subprocess.Popen(
            ["sh", "-c", GUARD],
            cwd=name,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        try:
            yield Path(name), guard.pid
        finally:
            # The guard may have been killed, and a worker have outlived its master.
            with suppress(ProcessLookupError):
                os.killpg(guard.pid, signal.SIGTERM)
            guard.communicate()


def main() -> None:
    if shutil.which("nginx") is None:
        sys.exit("gateway: nginx is not installed (on Debian: apt install nginx)")
    if sys.stdout is None:
        sys.exit("gateway: standard output is closed: the log needs it, or /dev/null in its place")
    parent = os.getppid() if "MAKELEVEL" in os.environ else None
    for number in STOP_SIGNALS:
        signal.signal(number, stop)
    # It waits, in every thread, until the one that reloads takes it: after the start, one by one.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    variables = settings()
    if not variables:
        sys.exit(1)
    sweep()
    check_free(variables["GATEWAY_LISTEN"])
    os.umask(0o077)
    with guarded_folder() as (folder, group):
        render(folder, variables)
        # Its log comes through a pipe because nginx opens /dev/stdout by name, which fails for a
        # socket or another user's file.
        process = subprocess.Popen(
            NGINX, cwd=folder, env=environment(), stdout=subprocess.PIPE, process_group=group
        )
        for number in STOP_SIGNALS:
            signal.signal(number, lambda _signal, _frame: process.terminate())

        def watch(number: int, frame: FrameType | None) -> None:
            # make passes no signal on when it is killed, but this program then has another parent.
            if parent not in (None, os.getppid()) or is_log_unread():
                process.terminate()

        # The timer also wakes the wait for nginx, which may begin just after a signal to stop.
        signal.signal(signal.SIGALRM, watch)
        signal.setitimer(signal.ITIMER_REAL, 1, 1)
        turn = threading.Lock()
        if url := await_start(variables["GATEWAY_LISTEN"], folder / "nginx.pid", process):
            report(f"at {url} (kill -HUP {os.getpid()} reloads the keys)")
            # Not earlier: it would end an nginx that doesn't handle the signal yet.
            threading.Thread(target=reload, args=[folder, process, turn], daemon=True).start()
        # In a thread of its own: whoever reads the log may stall, and a worker of nginx keep the
        # pipe open after its master was killed.
        log = threading.Thread(target=relay, args=[process], daemon=True)
        log.start()
        code = process.wait()
        # While Python ends, the signal would have no handler any more.
        signal.setitimer(signal.ITIMER_REAL, 0)
        log.join(1)
        turn.acquire()  # A reload that has begun needs the folder.
        # A signal that comes before nginx handles it kills nginx: that is a normal stop, too.
        sys.exit(0 if code == -signal.SIGTERM else code)


if __name__ == "__main__":
    try:
        main()
    except OSError as failed:
        sys.exit(f"gateway: {unwritable(failed)}")
