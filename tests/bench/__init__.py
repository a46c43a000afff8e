"""Measurements as ratios against peers, in one run: `python -m tests.bench` prints the table."""
