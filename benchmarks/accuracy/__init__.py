"""Accuracy on public data: `python -m benchmarks.accuracy --help`."""
