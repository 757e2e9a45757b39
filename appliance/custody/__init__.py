"""The only writer at the desk: ledger, answers, sealed segments; the authority over the session.

In: requests of the other processes. Out: an answer to each, and the desk's View. When it dies, the others hold back
in bounded buffers, the screen says so, and the gap stands in the ledger.
"""
