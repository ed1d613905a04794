"""Servers for the tests and the demo: each on 127.0.0.1, on a port that was free, ended by whoever started it."""
