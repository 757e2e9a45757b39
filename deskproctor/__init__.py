"""The command. It may import every program, and only to start it."""
