"""The desk's only process with network: facts to the broker, bytes to the server, orders back.

When it dies the exam and the recording go on; the outbox at custody grows until it is back.
"""
