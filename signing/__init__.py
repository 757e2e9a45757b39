"""Signatures and the certificates that say whose they are. The one place that knows the library for both.

Everything is Ed25519: a centre's authority, the desks that sign their ledgers, the review server that signs evidence
packs. A private key never leaves the machine that made it; what travels is a request, and a certificate back.
"""
