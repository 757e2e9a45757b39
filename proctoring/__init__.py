"""The domain of Deskproctor: pure, typed, and known to every program.

Nothing here does input or output, starts a thread, reads a clock or rolls dice. Time comes in as an argument.
"""
