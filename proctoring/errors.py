"""One root for every error that Deskproctor raises on purpose; each is also the builtin that fits it."""


class DeskproctorError(Exception):
    """Something went wrong that we foresaw. The text says what to do next."""


class Refused(DeskproctorError, ValueError):
    """A request that the rules do not allow. `code` is for programs, the text is for people."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class WireError(DeskproctorError, ValueError):
    """Bytes that are no message of ours."""


class LedgerBroken(DeskproctorError, ValueError):
    """A ledger that does not verify. `seq` is the first entry that does not hold."""

    def __init__(self, seq: int, reason: str) -> None:
        super().__init__(f"The ledger does not verify at entry {seq}: {reason}")
        self.seq = seq
        self.reason = reason


class BadPolicy(DeskproctorError, ValueError):
    """A policy file that cannot be used as it stands."""


class BadExam(DeskproctorError, ValueError):
    """An exam that cannot be sat as it stands."""
