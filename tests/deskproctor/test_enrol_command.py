from click.testing import CliRunner

from deskproctor.command import main
from signing.certificate import Role
from signing.identity import load


def run(*arguments, given=b""):
    return CliRunner().invoke(main, ["enrol", *map(str, arguments)], input=given)


def test_a_desk_and_a_server_are_enrolled_by_what_travels_alone(tmp_path):
    assert run("begin", tmp_path / "ca", "--centre", "Riverside").exit_code == 0
    for name, role, stem in (("desk-3", "desk", "desk"), ("review-server", "review server", "server")):
        asked = run("request", tmp_path / name, name, "--role", role)
        answer = run("issue", tmp_path / "ca", name, "--role", role, given=asked.stdout_bytes)
        assert run("accept", tmp_path / name, name, "--role", role, given=answer.stdout_bytes).exit_code == 0
        folder = tmp_path / name / "identity"
        identity = load(folder / f"{stem}.key", folder / f"{stem}.crt", name, Role(role))
        assert identity.certificate.issued_by(identity.certificate.read((folder / "ca.crt").read_bytes()))


def test_what_goes_wrong_is_one_sentence(tmp_path):
    run("begin", tmp_path / "ca")
    asked = run("request", tmp_path / "desk-3", "desk-3").stdout_bytes
    answer = run("issue", tmp_path / "ca", "desk-3", given=asked).stdout_bytes
    for failed in (
        run("begin", tmp_path / "ca"),
        run("issue", tmp_path / "none", "desk-3", given=asked),
        run("issue", tmp_path / "ca", "desk-3", given=b"nonsense"),
        run("accept", tmp_path / "desk-3", "desk-3", given=b"nonsense"),
        run("accept", tmp_path / "desk-3", "desk-4", given=answer),
        run("accept", tmp_path / "desk-4", "desk-4", given=answer),
    ):
        assert failed.exit_code == 1
        assert len(failed.stderr.splitlines()) == 1, failed.stderr
        assert failed.stderr.startswith("Error: ")
