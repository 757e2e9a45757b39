"""`python -m deskproctor` is the command."""

from deskproctor.command import main

main()
