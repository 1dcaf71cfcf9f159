"""The file in which the record waits for its database."""

import os
import stat
from pathlib import Path

import pytest

from callengine.core.outcomes import Rejection
from callengine.record import changes
from callengine.record.spill import Spill

REJECTION = Rejection("192.0.2.7", "eve\ud800\x00\n", "INVITE", 404, "no-such-number", "Add it.")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "unwritten-records"


def opened(path: Path, max_bytes: int = 10_000) -> Spill:
    return Spill(path, max_bytes=max_bytes)


def everything(spill: Spill, at_once: int = 2) -> list[bytes]:
    lines: list[bytes] = []
    while piece := spill.peek(at_once):
        lines += piece
        spill.take(piece)
    return lines


def test_lines_come_back_in_order_and_then_the_file_is_gone(path: Path) -> None:
    spill = opened(path)
    assert spill.append([b"one", b"two"]) == 2
    assert spill.append([b"three"]) == 1
    assert everything(spill) == [b"one\n", b"two\n", b"three\n"]
    assert spill.is_empty
    assert not path.exists()
    assert spill.append([b"four"]) == 1
    assert everything(spill) == [b"four\n"]


def test_another_engine_goes_on_where_the_last_one_stopped(path: Path) -> None:
    first = opened(path)
    first.append([b"one", b"two", b"three"])
    first.take(first.peek(1))
    second = opened(path)
    second.append([b"four"])
    assert everything(second) == [b"two\n", b"three\n", b"four\n"]


@pytest.mark.parametrize("torn", [b"thr", b"x" * 200_000])
def test_a_line_torn_by_a_crash_is_cut_off(path: Path, torn: bytes) -> None:
    first = opened(path)
    first.append([b"one", b"two"])
    first.close()
    with path.open("ab") as file:
        file.write(torn)
    second = opened(path)
    second.append([b"three"])
    assert everything(second) == [b"one\n", b"two\n", b"three\n"]


def test_what_is_no_file_of_ours_is_set_aside(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_bytes(b"something else\n")
    spill = opened(path)
    assert spill.is_empty
    assert path.with_name("unwritten-records.unreadable").read_bytes() == b"something else\n"
    assert "set aside" in caplog.text


def test_it_is_bounded_and_says_how_much_fitted(path: Path) -> None:
    spill = opened(path, max_bytes=100)
    assert spill.append([b"x" * 20] * 9) < 9
    assert path.stat().st_size <= 100
    assert spill.is_half_full
    assert spill.append([b"y" * 20]) == 0


def test_it_is_for_its_owner_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        spill = opened(path)
        spill.append([b"one"])
        spill.set_aside([b"two\n"])
    finally:
        os.umask(before)
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_a_link_in_its_place_is_not_followed(path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    path.symlink_to(elsewhere)
    with pytest.raises(OSError, match="symbolic link"):
        opened(path).append([b"one"])
    assert not elsewhere.exists()


def test_a_change_comes_back_from_its_line_as_it_was() -> None:
    change = changes.rejected(rejection=REJECTION, at="2026-01-02T03:04:05+00:00")
    text = changes.line(change)
    assert b"\n" not in text
    assert text.startswith(b"1 rejected {")
    assert changes.read(text + b"\n") == change


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"1",
        b"2 rejected {}",
        b"1 rejected {",
        b"1 rejected []",
        b"1 os.system {}",
        b"\xff \xfe {}",
    ],
)
def test_a_line_of_another_version_or_none_is_told(text: bytes) -> None:
    assert changes.read(text) is None
