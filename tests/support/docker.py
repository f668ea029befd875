"""A stand-in for `docker`, with the installed nginx in place of the official image.

It knows `docker run … nginx:stable`, `docker compose up` and `docker compose exec gateway …`. Like
the image, it sources the executable `.envsh` files, fills in the templates with envsubst, and starts
nginx. Everything is below TMPDIR: a path in the container becomes one there, or one that is mounted.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ENTRYPOINT = r"""
set -e
for script in entrypoint.d/*; do
    case $script in
        *.envsh) [ ! -x "$script" ] || . "./$script" ;;
        *.sh) "./$script" ;;
    esac
done
exec nginx -g "daemon off;"
"""
# As the image's own script does it.
FILL_IN = r"""#!/bin/sh
set -e
filter="${NGINX_ENVSUBST_FILTER:-}"
defined=$(printf '${%s} ' $(awk "END { for (name in ENVIRON) print ( name ~ /${filter}/ ) ? name : \"\" }" < /dev/null ))
for template in templates/*.template; do
    envsubst "$defined" < "$template" > conf.d/$(basename "$template" .template)
done
"""
NGINX = """#!/bin/sh
exec {nginx} -e stderr -p "$PWD" -c "$PWD/nginx.conf" "$@"
"""
CONFIGURATION = """
pid nginx.pid;
{user}
events {{}}
http {{
    default_type application/octet-stream;
    log_format main '$request';
    access_log log main;
    sendfile on;
    client_body_temp_path temporary;
    proxy_temp_path temporary;
    fastcgi_temp_path temporary;
    uwsgi_temp_path temporary;
    scgi_temp_path temporary;
    include conf.d/*.conf;
}}
"""


def run(options: list[str]) -> int:
    """Run `docker run` with these options."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rm", action="store_true", required=True)
    parser.add_argument("--publish", required=True)
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--volume", action="append", default=[])
    parser.add_argument("image", choices=["nginx:stable"])
    given = parser.parse_args(options)
    pairs = (setting.partition("=") for setting in given.env)
    environment = {name: value if given else os.environ[name] for name, given, value in pairs}
    return start(given.publish, environment, given.volume)


def compose(options: list[str]) -> int:
    """Run `docker compose up` or `docker compose exec gateway …`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("command", choices=["up", "exec"])
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    given = parser.parse_args(options)
    if given.command == "exec":
        service, *command = given.rest
        assert service == "gateway"
        return execute(command)
    text = re.sub(r"\$\{(\w+):\?.*?\}", lambda found: os.environ[found[1]], given.file.read_text())
    [service] = yaml.safe_load(text)["services"].values()
    assert service["image"] == "nginx:stable"
    [publish] = service["ports"]
    volumes = [
        str(given.file.parent / volume) if volume.startswith(".") else volume
        for volume in service["volumes"]
    ]
    return start(publish, service["environment"], volumes)


def start(publish: str, environment: dict[str, str], volumes: list[str]) -> int:
    """Start a container in the foreground."""
    folder = Path.cwd()
    for name in ("conf.d", "entrypoint.d", "bin"):
        (folder / name).mkdir()
    for volume in volumes:
        source, target, _ = volume.split(":")
        assert Path(source).exists(), source
        if target == "/etc/nginx/templates":
            (folder / "templates").symlink_to(source)
        elif target.startswith("/docker-entrypoint.d/"):
            (folder / "entrypoint.d" / Path(target).name).symlink_to(source)
        else:
            environment = {
                name: re.sub(f"^{target}(?=/|$)", source, value)
                for name, value in environment.items()
            }
    # A container has a network of its own; here nginx listens at the published address itself.
    address, _, port = publish.rpartition(":")
    assert port == environment["GATEWAY_LISTEN"]
    environment["GATEWAY_LISTEN"] = address
    environment["PATH"] = f"{folder}/bin:{os.environ['PATH']}"
    (folder / "environment.json").write_text(json.dumps(environment))
    # Otherwise the workers would run as `nobody`, who may not read the page.
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(CONFIGURATION.format(user=user))
    programs = {
        "bin/nginx": NGINX.format(nginx=shutil.which("nginx")),
        "entrypoint.d/20-envsubst-on-templates.sh": FILL_IN,
    }
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return execute(["sh", "-c", ENTRYPOINT])


def execute(command: list[str]) -> int:
    """Run a command in the container."""
    inside = [argument.replace("/docker-entrypoint.d", "./entrypoint.d") for argument in command]
    environment = json.loads(Path("environment.json").read_text())
    return subprocess.run(inside, env=environment, check=False).returncode


def main() -> None:
    command, *options = sys.argv[1:]
    options = [
        # The folder changes.
        str(Path(option).resolve()) if Path(option).is_file() else option
        for option in options
    ]
    os.chdir(os.environ["TMPDIR"])
    sys.exit({"run": run, "compose": compose}[command](options))


if __name__ == "__main__":
    main()
