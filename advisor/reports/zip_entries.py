"""Entries of zip files whose bytes are the same wherever and whenever they are written."""

import zipfile

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every entry: the earliest that a zip can hold."""
MODE = 0o644 << 16


def zip_entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, MODE
    entry.create_system = 3  # Unix, wherever it is made
    return entry
