"""A folder seen through FUSE whose writes fail with EIO while a file named by the caller exists.

`python failing_disk.py SOURCE MOUNT SWITCH [LOG]`, in the foreground until it is unmounted. SWITCH may hold the one
operation that fails, such as `rename`; empty, all fail. LOG gets a line for each that is asked for: what, which name.
"""

import errno
import os
import sys
from pathlib import Path

import mfusepy


class FailingDisk(mfusepy.Operations):
    """Hands everything through to `source`; reads never fail."""

    use_ns = True

    def __init__(self, source, switch, log=None):
        self._source = Path(source)
        self._switch = Path(switch)
        self._log = Path(log) if log else None

    def _at(self, path):
        return self._source / path.lstrip("/")

    def _write(self, operation, path):
        if self._log:
            with self._log.open("a") as log:
                log.write(f"{operation} {Path(path).name}\n")
        if self._switch.exists() and self._switch.read_text() in ("", operation):
            raise mfusepy.FuseOSError(errno.EIO)

    # --- what only reads ---

    def getattr(self, path, fh=None):
        found = os.lstat(self._at(path))
        names = ("st_mode", "st_nlink", "st_size", "st_uid", "st_gid", "st_blocks")
        times = {name: getattr(found, f"{name}_ns") for name in ("st_atime", "st_mtime", "st_ctime")}
        return {name: getattr(found, name) for name in names} | times

    def readdir(self, path, fh):
        return [".", "..", *(child.name for child in self._at(path).iterdir())]

    def open(self, path, flags):
        return os.open(self._at(path), flags & ~os.O_CREAT)

    def read(self, path, size, offset, fh):
        return os.pread(fh, size, offset)

    def release(self, path, fh):
        os.close(fh)

    def statfs(self, path):
        found = os.statvfs(self._at(path))
        return {name: getattr(found, name) for name in dir(found) if name.startswith("f_")}

    # --- what writes ---

    def create(self, path, mode, fi=None):
        self._write("create", path)
        return os.open(self._at(path), os.O_RDWR | os.O_CREAT | os.O_TRUNC, mode)

    def fallocate(self, path, mode, offset, size, fh):
        self._write("fallocate", path)
        os.posix_fallocate(fh, offset, size)
        return 0

    def write(self, path, data, offset, fh):
        self._write("write", path)
        return os.pwrite(fh, data, offset)

    def truncate(self, path, length, fh=None):
        self._write("truncate", path)
        os.truncate(self._at(path), length)

    def fsync(self, path, datasync, fh):
        self._write("fsync", path)
        os.fsync(fh)

    def fsyncdir(self, path, datasync, fh):
        self._write("fsyncdir", path)

    def rename(self, old, new):
        self._write("rename", old)
        self._at(old).rename(self._at(new))

    def unlink(self, path):
        self._write("unlink", path)
        self._at(path).unlink()

    def mkdir(self, path, mode):
        self._write("mkdir", path)
        self._at(path).mkdir(mode)

    def rmdir(self, path):
        self._write("rmdir", path)
        self._at(path).rmdir()

    def chmod(self, path, mode):
        self._write("chmod", path)
        self._at(path).chmod(mode)

    def utimens(self, path, times=None):
        self._write("utimens", path)
        os.utime(self._at(path), ns=times)


if __name__ == "__main__":
    source, mount, *switch_and_log = sys.argv[1:]
    mfusepy.FUSE(FailingDisk(source, *switch_and_log), mount, foreground=True, nothreads=False, attr_timeout=0)
