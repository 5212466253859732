"""What the service must reach, measured: `python -m benchmarks.service.rows`, server and client on one machine; `.rest`: a server idle."""
