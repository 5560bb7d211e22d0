"""A data folder belongs to one server at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyai_voice.errors import ConfigurationError
from pyai_voice.server.claim import claimed


def test_a_second_server_is_refused_and_told_what_to_do(tmp_path: Path) -> None:
    with claimed(tmp_path):
        with pytest.raises(ConfigurationError, match="Another pyai-voice serve uses") as refused, claimed(tmp_path):
            pytest.fail("the folder was given twice")
        assert "--data" in refused.value.hint


def test_a_folder_whose_lock_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "serve.lock").mkdir()
    with pytest.raises(ConfigurationError, match="serve.lock: Is a directory"), claimed(tmp_path):
        pytest.fail("it was given")


def test_a_folder_is_free_again_after_its_server(tmp_path: Path) -> None:
    for _ in range(2):
        with claimed(tmp_path):
            pass


def test_servers_without_a_folder_are_as_many_as_there_are() -> None:
    with claimed(None), claimed(None):
        pass
