"""An archive writes into its folder, or nothing."""

import io
import tarfile
from pathlib import Path

import pytest

from tests.maintenance.archives import extract


def archive(name: str, link: str = "") -> tarfile.TarFile:
    """Make an archive with a single member, a link if a target is given."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        member = tarfile.TarInfo(name)
        if link:
            member.type, member.linkname = tarfile.SYMTYPE, link
        tar.addfile(member)
    return tarfile.open(fileobj=io.BytesIO(written.getvalue()))


@pytest.fixture(params=["with filters", "without"])
def filters(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without":
        monkeypatch.delattr(tarfile, "data_filter", raising=False)


@pytest.mark.usefixtures("filters")
@pytest.mark.parametrize(("name", "link"), [("../outside", ""), ("a", "/etc/passwd")])
def test_writes_nothing_elsewhere(name: str, link: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(tarfile.TarError), archive(name, link) as tar:
        extract(tar, folder)
    assert [folder] == list(tmp_path.iterdir())
    assert [] == list(folder.iterdir())


@pytest.mark.filterwarnings("ignore:Python 3.14:DeprecationWarning")
@pytest.mark.usefixtures("filters")
def test_writes_a_file_into_the_folder(tmp_path: Path) -> None:
    with archive("tree/file") as tar:
        extract(tar, tmp_path)
    assert (tmp_path / "tree/file").is_file()
