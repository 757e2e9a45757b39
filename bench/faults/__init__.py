"""What is lost when processes are killed and the power is cut: `python -m bench.faults --kills N --power-cuts N`.

A real site: broker, review server, console and all processes of one desk, with a candidate who never stops typing
and remembers what the screen called saved. Camera and detectors are simulated; recorder, custody and disk are real.
"""
