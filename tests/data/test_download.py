"""Downloads survive what networks do to them, and what arrives is checked."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from course.data import download
from course.data.download import DataUnavailable, Remote, data_folder, fetch

BYTES = random.Random(0).randbytes(300_000)


def remote(*urls: str, content: bytes = BYTES) -> Remote:
    return Remote(urls, hashlib.md5(content).hexdigest())


def get(file: Remote, folder: Path) -> Path:
    return fetch(file, folder, "Some set", "digits().")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_arrives_and_is_not_asked_for_again(server, tmp_path):
    file = remote(server.put("some.tgz", BYTES))
    path = get(file, tmp_path)
    assert path == tmp_path / "some.tgz"
    assert path.read_bytes() == BYTES
    assert get(file, tmp_path) == path
    assert server.seen == [("/some.tgz", None)]
    assert names(tmp_path) == {"some.tgz"}


def test_a_bar_shows_how_much_has_come(server, tmp_path, capsys):
    get(remote(server.put("some.tgz", BYTES)), tmp_path)
    assert "some.tgz: 100%" in capsys.readouterr().err


def test_a_broken_connection_is_taken_up_where_it_broke(server, tmp_path):
    server.cuts = [100_000, 50_000]
    path = get(remote(server.put("some.tgz", BYTES)), tmp_path)
    assert path.read_bytes() == BYTES
    assert [wanted for _, wanted in server.seen] == [None, "bytes=100000-", "bytes=150000-"]


def test_as_long_as_new_bytes_come_it_goes_on(server, tmp_path):
    server.cuts = [40_000] * 7
    assert len(server.cuts) > len(download.PAUSES) + 1
    assert get(remote(server.put("some.tgz", BYTES)), tmp_path).read_bytes() == BYTES


def test_the_next_call_continues_what_an_interrupted_one_left(server, tmp_path, capsys):
    (tmp_path / "some.tgz.part").write_bytes(BYTES[:123_456])
    assert get(remote(server.put("some.tgz", BYTES)), tmp_path).read_bytes() == BYTES
    assert server.seen == [("/some.tgz", "bytes=123456-")]
    assert names(tmp_path) == {"some.tgz"}
    assert "some.tgz: 100%" in capsys.readouterr().err  # the bar counts what was there


def test_interrupting_keeps_what_has_come_and_gives_it_no_name(server, tmp_path, monkeypatch):
    server.cuts = [100_000]
    file = remote(server.put("some.tgz", BYTES))

    def interrupt(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(download.time, "sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            get(file, tmp_path)
    assert names(tmp_path) == {"some.tgz.part"}
    assert (tmp_path / "some.tgz.part").read_bytes() == BYTES[:100_000]
    assert get(file, tmp_path).read_bytes() == BYTES


def test_a_server_without_ranges_starts_again(server, tmp_path):
    server.ranges = False
    server.cuts = [100_000]
    assert get(remote(server.put("some.tgz", BYTES)), tmp_path).read_bytes() == BYTES
    assert [wanted for _, wanted in server.seen] == [None, "bytes=100000-"]


def test_a_server_that_sends_the_wrong_piece_is_asked_for_the_whole(server, tmp_path):
    (tmp_path / "some.tgz.part").write_bytes(BYTES[:100_000])
    server.shift = 10
    assert get(remote(server.put("some.tgz", BYTES)), tmp_path).read_bytes() == BYTES
    assert [wanted for _, wanted in server.seen] == ["bytes=100000-", None]


def test_a_part_that_is_the_whole_file_needs_no_more_bytes(server, tmp_path):
    (tmp_path / "some.tgz.part").write_bytes(BYTES)
    assert get(remote(server.put("some.tgz", BYTES)), tmp_path).read_bytes() == BYTES
    assert len(server.seen) == 1


@pytest.mark.parametrize("old", [b"x" * 1000, b"x" * 300_000, b"x" * 400_000])
def test_a_part_of_something_else_is_thrown_away(server, tmp_path, old):
    (tmp_path / "some.tgz.part").write_bytes(old)
    assert get(remote(server.put("some.tgz", BYTES)), tmp_path).read_bytes() == BYTES
    assert server.seen[-1] == ("/some.tgz", None)


def test_a_wrong_checksum_is_an_error_and_the_file_is_removed(server, tmp_path):
    file = remote(server.put("some.tgz", b"<html>please log in</html>"))
    with pytest.raises(DataUnavailable, match="not the file and was removed") as caught:
        get(file, tmp_path)
    assert file.md5 in str(caught.value)
    assert hashlib.md5(b"<html>please log in</html>").hexdigest() in str(caught.value)
    assert names(tmp_path) == set()
    assert len(server.seen) == 1


def test_without_a_length_a_cut_file_is_still_found_out(server, tmp_path):
    server.lengths = False
    server.cuts = [100_000]
    with pytest.raises(DataUnavailable, match="not the file and was removed"):
        get(remote(server.put("some.tgz", BYTES)), tmp_path)
    assert get(remote(server.put("some.tgz", BYTES)), tmp_path).read_bytes() == BYTES


def test_a_connection_that_keeps_breaking_ends_and_says_what_is_kept(server, tmp_path):
    server.cuts = [200_000, 0, 0, 0, 0, 0]
    with pytest.raises(DataUnavailable, match=r"broke after 0.2 of 0.3 MB(.|\n)*0.2 MB of it are kept: call again"):
        get(remote(server.put("some.tgz", BYTES)), tmp_path)
    assert len(server.seen) == 1 + len(download.PAUSES)
    assert names(tmp_path) == {"some.tgz.part"}
    server.cuts = []
    assert get(remote(server.put("some.tgz", BYTES)), tmp_path).read_bytes() == BYTES


def test_offline_the_message_says_what_to_do(nowhere, tmp_path):
    file = remote(f"{nowhere}/a/some.tgz", f"{nowhere}/b/some.tgz")
    with pytest.raises(DataUnavailable) as caught:
        get(file, tmp_path)
    message = str(caught.value)
    for part in (*file.urls, "Some set is not on this computer", "refused", file.md5, "digits()."):
        assert part in message
    assert str(tmp_path / "some.tgz") in message.splitlines()  # on a line of its own: easy to copy
    assert "kept" not in message
    assert names(tmp_path) == set()


def test_the_next_address_is_tried(server, nowhere, tmp_path):
    server.errors = [404]
    good = server.put("some.tgz", BYTES)
    bad = f"{server.url}/old/some.tgz"
    assert get(remote(f"{nowhere}/some.tgz", bad, good), tmp_path).read_bytes() == BYTES
    assert [path for path, _ in server.seen] == ["/old/some.tgz", "/some.tgz"]


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_refusal_is_reported(server, tmp_path, status):
    server.errors = [status] * 5
    with pytest.raises(DataUnavailable, match=f"HTTP {status}"):
        get(remote(server.put("some.tgz", BYTES)), tmp_path)
    assert len(server.seen) == 1


def test_a_hiccup_of_the_server_in_the_middle_is_survived(server, tmp_path):
    server.cuts = [100_000]
    server.errors = [0, 503]
    assert get(remote(server.put("some.tgz", BYTES)), tmp_path).read_bytes() == BYTES
    assert len(server.seen) == 3


def test_a_file_put_there_by_hand_is_used(nowhere, tmp_path):
    (tmp_path / "some.tgz").write_bytes(BYTES)
    assert get(remote(f"{nowhere}/some.tgz"), tmp_path).read_bytes() == BYTES


def test_a_wrong_file_put_there_by_hand_is_named_and_left_alone(server, tmp_path):
    (tmp_path / "some.tgz").write_bytes(BYTES[:-1])
    with pytest.raises(DataUnavailable, match="not copied to the end") as caught:
        get(remote(server.put("some.tgz", BYTES)), tmp_path)
    assert str(tmp_path / "some.tgz") in str(caught.value)
    assert (tmp_path / "some.tgz").read_bytes() == BYTES[:-1]
    assert not server.seen


def test_where_data_lives(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_folder() == tmp_path / ".cache" / "cv-course"
    monkeypatch.setenv("COURSE_DATA", "~/data")
    assert data_folder() == tmp_path / "data"
    assert data_folder(tmp_path / "mine") == tmp_path / "mine"
