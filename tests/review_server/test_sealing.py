import re
import shutil
import stat
import subprocess

import pyrage
import pytest

from review_server.sealing import BadRecipient, CannotOpen, Keyring, KeysUnusable, check_recipient, is_sealed

AT = 1_800_000_000_000


def ring(folder, recovery=()):
    keyring = Keyring(folder, recovery)
    keyring.begin(AT)
    return keyring


def seal(data, *recipients):
    return pyrage.encrypt(data, [pyrage.x25519.Recipient.from_str(one) for one in recipients])


def test_the_first_start_makes_a_key_that_nobody_else_may_read_and_later_ones_keep_it(tmp_path):
    (key,) = ring(tmp_path).listed()
    assert (key.number, key.created) == (1, "2027-01-15T08:00:00Z")
    assert stat.S_IMODE(key.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.path.parent.stat().st_mode) == 0o700
    assert ring(tmp_path).listed() == [key]


def test_a_key_s_file_is_as_age_keygen_writes_it(tmp_path):
    (key,) = ring(tmp_path).listed()
    created, public, secret = key.path.read_text().splitlines()
    assert created == "# created: 2027-01-15T08:00:00Z"
    assert public == f"# public key: {key.recipient}"
    assert re.fullmatch(r"AGE-SECRET-KEY-1[A-Z0-9]{58}", secret)


@pytest.mark.skipif(shutil.which("age") is None, reason="the program age is not on this machine")
def test_another_age_program_opens_what_is_sealed_to_it(tmp_path):
    (key,) = ring(tmp_path).listed()
    (tmp_path / "sealed").write_bytes(seal(b"video", key.recipient))
    command = ["age", "--decrypt", "-i", str(key.path), str(tmp_path / "sealed")]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"video"


def test_after_a_rotation_desks_seal_to_the_newer_key_and_the_older_one_still_opens(tmp_path):
    keyring = ring(tmp_path)
    (older,) = keyring.recipients()
    newer = keyring.rotate(AT + 1000)
    assert keyring.recipients() == (newer.recipient,)
    assert keyring.open(seal(b"old", older)) == b"old"
    assert keyring.open(seal(b"new", newer.recipient)) == b"new"


def test_a_clock_that_went_back_makes_no_older_key_the_newest(tmp_path):
    keyring = ring(tmp_path)
    newer = keyring.rotate(AT - 10_000_000)
    assert keyring.recipients() == (newer.recipient,)


def test_a_running_server_notices_a_rotation(tmp_path):
    running = ring(tmp_path)
    running.open(seal(b"x", *running.recipients()))
    newer = Keyring(tmp_path).rotate(AT)
    assert running.recipients() == (newer.recipient,)
    assert running.open(seal(b"x", newer.recipient)) == b"x"


def test_a_recovery_key_is_sealed_to_as_well_and_opens_alone(tmp_path):
    offline = pyrage.x25519.Identity.generate()
    keyring = ring(tmp_path, (str(offline.to_public()),))
    assert keyring.recipients()[1:] == (str(offline.to_public()),)
    assert pyrage.decrypt(seal(b"video", *keyring.recipients()), [offline]) == b"video"


@pytest.mark.parametrize("text", ["", "age1short", "ssh-ed25519 AAAA", "AGE-SECRET-KEY-1QQQ"])
def test_what_is_no_public_key_is_refused_with_how_one_looks(text):
    with pytest.raises(BadRecipient, match="age1 and 58 characters"):
        check_recipient(text)


def test_a_missing_key_and_damaged_bytes_are_told_apart(tmp_path):
    keyring = ring(tmp_path)
    with pytest.raises(CannotOpen, match=r"No key here opens this segment. Put the key's file back into .*keys"):
        keyring.open(seal(b"video", str(pyrage.x25519.Identity.generate().to_public())))
    data = bytearray(seal(b"video" * 1000, *keyring.recipients()))
    data[-1] ^= 1
    with pytest.raises(CannotOpen, match="damaged"):
        keyring.open(bytes(data))


def test_what_was_recorded_before_sealing_comes_back_as_it_is(tmp_path):
    assert ring(tmp_path).open(b"\0\0\0\x20ftypisom") == b"\0\0\0\x20ftypisom"
    assert not is_sealed(b"\0\0\0\x20ftypisom")


def test_keys_that_others_may_read_are_not_used(tmp_path):
    keyring = ring(tmp_path)
    (tmp_path / "keys").chmod(0o755)
    with pytest.raises(KeysUnusable, match="chmod 700"):
        keyring.recipients()


def test_a_file_that_is_no_key_is_named(tmp_path):
    keyring = ring(tmp_path)
    (tmp_path / "keys" / "0002.key").write_text("something else")
    with pytest.raises(KeysUnusable, match=r"0002\.key is no age key"):
        keyring.recipients()


def test_half_a_key_that_a_crash_left_is_no_key(tmp_path):
    keyring = ring(tmp_path)
    half = tmp_path / "keys" / "0002.key.part"
    half.write_text("# created")
    half.chmod(0o644)
    assert [key.number for key in keyring.listed()] == [1]
    made = keyring.rotate(AT)
    assert made.number == 2
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert not half.exists()


def test_the_number_of_a_retired_key_is_not_given_again(tmp_path):
    keyring = ring(tmp_path)
    (first,) = keyring.listed()
    keyring.rotate(AT)
    assert keyring.retire(first) == tmp_path / "keys" / "retired" / "0001.key"
    assert [key.number for key in keyring.listed()] == [2]
    assert keyring.rotate(AT).number == 3
