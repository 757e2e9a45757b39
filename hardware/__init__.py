"""The desk's hardware as data: which wire goes to which pin, and what to buy. Read with importlib.resources."""
