"""A stand-in for `docker run … nginx:stable` that does what the image does with the installed nginx.

Like the entrypoint of the image, it sources the executable `.envsh` files, fills in the templates
with envsubst, and starts nginx.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ENTRYPOINT = r"""
set -e
for script in "$1"/*.envsh; do
    [ ! -x "$script" ] || . "$script"
done
defined=$(printf '${%s} ' $(awk 'END { for (name in ENVIRON) print name }' < /dev/null))
for template in "$2"/*.template; do
    envsubst "$defined" < "$template" > conf.d/$(basename "$template" .template)
done
exec nginx -e stderr -p "$PWD" -c "$PWD/nginx.conf" -g "daemon off; pid nginx.pid; $3"
"""
CONFIGURATION = """
events {}
http {
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
}
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["run"])
    parser.add_argument("--rm", action="store_true", required=True)
    parser.add_argument("--publish", required=True)
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--volume", action="append", default=[])
    parser.add_argument("image", choices=["nginx:stable"])
    given = parser.parse_args()

    mounted = {}
    for volume in given.volume:
        source, target, _ = volume.split(":")
        assert Path(source).exists(), source
        mounted[target] = source
    # A path in the container becomes the path that is mounted there.
    environment = {"PATH": os.environ["PATH"]}
    for setting in given.env:
        name, is_given, value = setting.partition("=")
        environment[name] = mounted.get(value, value) if is_given else os.environ[name]
    # A container has a network of its own; here nginx listens at the published address itself.
    address, _, port = given.publish.rpartition(":")
    assert port == environment["GATEWAY_LISTEN"]
    environment["GATEWAY_LISTEN"] = address

    folder = Path(os.environ["TMPDIR"])
    for name in ("conf.d", "entrypoint.d"):
        (folder / name).mkdir()
    for target, source in mounted.items():
        if target.startswith("/docker-entrypoint.d/"):
            (folder / "entrypoint.d" / Path(target).name).symlink_to(source)
    (folder / "nginx.conf").write_text(CONFIGURATION)
    # Otherwise the workers would run as `nobody`, who may not read the page.
    user = "user root;" if os.geteuid() == 0 else ""
    templates = mounted["/etc/nginx/templates"]
    command = ["sh", "-c", ENTRYPOINT, "entrypoint", "entrypoint.d", templates, user]
    sys.exit(subprocess.run(command, cwd=folder, env=environment, check=False).returncode)


if __name__ == "__main__":
    main()
