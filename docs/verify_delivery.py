#!/usr/bin/env python3
"""Holds a delivery of millrace against its manifest: python3 verify_delivery.py <folder-or-url>

Needs Python 3.9 and nothing else; zstd needs Python 3.14. Copy it into your own repository: it reads format 2 of the manifest.
Of files that are not CSV it holds size and SHA-256, and does not count their rows.
Exit 0: every file is as delivered. Exit 3: not so, and each line says what. Exit 2: there is no delivery.
"""

import csv
import gzip
import hashlib
import io
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
import zlib


def opener(place):
    """Gives a function that opens an object of the delivery's folder as a binary stream."""
    if place.startswith(("http://", "https://")):
        base = place.rstrip("/")
        base = base[: -len("/latest.json")] if base.endswith("/latest.json") else base
        return lambda name: urllib.request.urlopen(f"{base}/{urllib.parse.quote(name)}")
    return lambda name: open(os.path.join(place, name), "rb")


class Measured(io.RawIOBase):
    """Passes bytes on, and measures what it passed."""

    def __init__(self, stream):
        self.stream, self.sha256, self.bytes = stream, hashlib.sha256(), 0

    def readable(self):
        return True

    def readinto(self, buffer):
        chunk = self.stream.read(len(buffer))
        self.sha256.update(chunk)
        self.bytes += len(chunk)
        buffer[: len(chunk)] = chunk
        return len(chunk)


def unpacked(stream, compression):
    if compression == "gzip":
        return gzip.GzipFile(fileobj=stream)
    if compression == "zstd":
        from compression import zstd

        return zstd.ZstdFile(stream)
    return stream


def faults_of_file(measured, file, contract):
    buffered = io.BufferedReader(measured, 1 << 18)
    if contract.get("format", "csv") == "csv":
        yield from faults_of_csv(buffered, file, contract)
    else:
        drain(buffered)
    if measured.bytes != file["bytes"]:
        yield f"has {measured.bytes} bytes, not {file['bytes']}"
    if measured.sha256.hexdigest() != file["sha256"]:
        yield f"has SHA-256 {measured.sha256.hexdigest()}, not {file['sha256']}"


def faults_of_csv(buffered, file, contract):
    encoding = {"latin-1": "iso8859-1", "windows-1252": "cp1252", "utf-16le": "utf-16-le"}.get(contract["encoding"], contract["encoding"])
    try:
        plain = unpacked(buffered, contract["compression"])
    except ImportError:
        print("zstd needs Python 3.14: bytes are held against the manifest, rows are not counted", file=sys.stderr)
        drain(buffered)
        return
    text = io.TextIOWrapper(plain, encoding=encoding, newline="")
    csv.field_size_limit(1 << 31 - 1)
    try:
        mark = contract["byteOrderMark"]
        if mark and text.read(1) != "\ufeff":
            yield "has no byte-order mark"
        quote, escape = contract["quote"], contract["escape"]
        # Before Python 3.11 the csv module refuses NUL.
        records = csv.reader(
            (line.replace("\0", "\ufffd") for line in text),
            delimiter=contract["delimiter"],
            quotechar=quote,
            doublequote=escape == quote,
            escapechar=None if escape == quote else escape,
            strict=True,
        )
        if contract["header"]:
            wanted, found = [column["name"] for column in contract["columns"]], next(records, [])
            if contract["formulas"] != "escape" and found != wanted:
                yield f"has the header {found}, not {wanted}"
        rows, width = 0, len(contract["columns"])
        for record in records:
            rows += 1
            # A blank line is a record of one empty field; the csv module says none.
            fields = len(record) or 1
            if fields != width:
                yield f"has {fields} fields in record {rows}, not {width}"
                break
        if rows != file["rows"]:
            yield f"has {rows} records, not {file['rows']}"
    except (csv.Error, UnicodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        yield f"cannot be read: {error}"
    drain(buffered)


def drain(buffered):
    while buffered.read(1 << 18):
        pass


def faults_of_delivery(open_object):
    latest = json.load(open_object("latest.json"))
    # Keys are of the store; all objects of a delivery lie below the folder of its manifest.
    within = latest["manifest"].rsplit("/", 1)[0] + "/"
    name = latest["manifest"][len(within) :]
    try:
        raw = open_object(name).read()
    except (FileNotFoundError, urllib.error.HTTPError) as error:
        yield f"{name}, the manifest that latest.json names, is missing: {error}"
        return
    if hashlib.sha256(raw).hexdigest() != latest["run"]["manifestSha256"]:
        yield f"{name} is not the manifest that latest.json names"
    manifest = json.loads(raw)
    # That of a named delivery has members; else it is one export's.
    members = manifest.get("members")
    if manifest["format"] != (2 if members is None else 1):
        yield f"{name} is of format {manifest['format']}, which this script does not read"
        return
    for delivered in [manifest] if members is None else members:
        for file in delivered["files"]:
            object_name = file["key"][len(within) :]
            try:
                with open_object(object_name) as stream:
                    for fault in faults_of_file(Measured(stream), file, delivered["contract"]):
                        yield f"{object_name} {fault}"
            except (FileNotFoundError, urllib.error.HTTPError) as error:
                yield f"{object_name} is missing: {error}"


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    place = sys.argv[1]
    try:
        faults = list(faults_of_delivery(opener(place)))
    except (FileNotFoundError, urllib.error.URLError) as error:
        print(f"{place} holds no delivery: {error}", file=sys.stderr)
        return 2
    except ValueError as error:
        faults = [f"latest.json or the manifest is no JSON: {error}"]
    for fault in faults:
        print(fault)
    print(f"{place}: {'not as delivered' if faults else 'as delivered'}")
    return 3 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
