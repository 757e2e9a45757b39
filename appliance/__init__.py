"""The desk: one folder is one process, one Unix user, one systemd unit."""
