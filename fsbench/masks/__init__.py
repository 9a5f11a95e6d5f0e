"""Masks as arrays: label maps in PNG, run-length codes, other sizes."""
