"""Who may read the data folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from advisor.configuration import Misconfigured
from advisor.server.instance import make_private
from core.errors import CannotRun


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    mask = os.umask(0o022)
    yield
    os.umask(mask)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_folder_and_what_is_in_it_are_for_its_owner_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "secret-key").touch(mode=0o644)
    make_private(tmp_path)
    assert (mode_of(tmp_path), mode_of(tmp_path / "secret-key")) == (0o700, 0o600)


def test_a_folder_that_cannot_be_written_to_is_a_sentence(tmp_path: Path) -> None:
    place = tmp_path / "a-file"
    place.touch()
    for folder in (place, place / "below"):
        with pytest.raises(CannotRun, match=f"{folder} cannot be used as the data folder"):
            make_private(folder)
        with pytest.raises(Misconfigured, match="Choose a folder that this user may write to"):
            settings.CONFIGURATION.model_copy(update={"data": folder, "secret_key": None}).signing_key()


def test_a_volume_that_is_another_users_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes mounts a volume that belongs to root and is writable for the pod's group: its mode cannot be changed."""
    tmp_path.chmod(0o777)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    make_private(tmp_path)
    assert mode_of(tmp_path) == 0o777
    (tmp_path / "made-later").touch()
    assert mode_of(tmp_path / "made-later") == 0o600
