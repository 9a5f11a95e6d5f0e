"""Baseline methods for fsbench, found by it through the entry-point group `fsbench.methods`."""
