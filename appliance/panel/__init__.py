"""The panel of the desk: status lamp, call button, lid switch.

In: custody's View, the two inputs. Out: the lamp, the facts PressCall and MoveLid. When it dies, the resistors of the
pin map light red; when custody is silent, red is lit too: a lamp that does not know never looks well.
"""
