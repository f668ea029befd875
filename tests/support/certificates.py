"""Makes certificates for servers on loopback, with openssl."""

import ssl
import subprocess
from pathlib import Path

from tests.support import programs


class Authority:
    """A certificate authority with two intermediate ones, as some public ones have.

    Attributes:
        file: The root certificate, which a client has to trust.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.file = self._make("root", None, "basicConstraints=critical,CA:true")
        self._make("upper", "root", "basicConstraints=critical,CA:true")
        self._make("lower", "upper", "basicConstraints=critical,CA:true")

    def context(self, host: str) -> ssl.SSLContext:
        """Return the TLS context of a server with a certificate for this host."""
        self._make("server", "lower", f"subjectAltName=DNS:{host}")
        chain = self._folder / "chain.pem"
        names = ("server", "lower", "upper")
        chain.write_text("".join((self._folder / f"{name}.pem").read_text() for name in names))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, self._folder / "server.key")
        return context

    def _make(self, name: str, issuer: str | None, extension: str) -> Path:
        command = (
            f"{programs.find('openssl')} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256"
        )
        command += f" -noenc -days 1 -subj /CN={name} -keyout {name}.key -out {name}.pem"
        if issuer:
            command += f" -CA {issuer}.pem -CAkey {issuer}.key"
        # Without openssl's own configuration, which would make every certificate an authority's.
        subprocess.run(
            [*command.split(), "-config", "/dev/null", "-addext", extension],
            cwd=self._folder,
            capture_output=True,
            check=True,
        )
        return self._folder / f"{name}.pem"
