"""Manifests: which videos, folds, support sets and queries make a benchmark."""
