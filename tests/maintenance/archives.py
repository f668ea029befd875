"""Unpacks an archive without letting it write elsewhere."""

import tarfile
from pathlib import Path


def extract(archive: tarfile.TarFile, folder: Path) -> None:
    """Extract an archive to a folder.

    Raises:
        tarfile.TarError: A member would be written elsewhere.
    """
    # Python 3.11 before 3.11.4, such as Debian 12's, has no filters.
    if hasattr(tarfile, "data_filter"):
        archive.extractall(folder, filter="data")
        return
    root = folder.resolve()
    for member in archive.getmembers():
        if not (root / member.name).resolve().is_relative_to(root) or not (
            member.isfile() or member.isdir()
        ):
            raise tarfile.TarError(f"{member.name} would be written elsewhere")
    archive.extractall(folder)
