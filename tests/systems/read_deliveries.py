"""Reads delivered files with Python's own csv module, by nothing but their manifests: manifest paths on stdin as JSON, each file's header and records on stdout."""

import csv
import gzip
import io
import json
import os
import sys

ENCODINGS = {"latin-1": "iso8859-1", "windows-1252": "cp1252", "utf-16le": "utf-16-le", "utf-8": "utf-8"}


def records_of(path, contract):
    raw = open(path, "rb").read()
    text = (gzip.decompress(raw) if contract["compression"] == "gzip" else raw).decode(ENCODINGS[contract["encoding"]])
    if contract["byteOrderMark"]:
        assert text[0] == "\ufeff", "no byte-order mark"
        text = text[1:]
    quote, escape = contract["quote"], contract["escape"]
    return list(
        csv.reader(
            io.StringIO(text, newline=""),
            delimiter=contract["delimiter"],
            quotechar=quote,
            doublequote=escape == quote,
            escapechar=None if escape == quote else escape,
            strict=True,
        )
    )


csv.field_size_limit(1 << 30)
answer = []
for manifest_path in json.load(sys.stdin):
    manifest = json.load(open(manifest_path, encoding="utf-8"))
    folder = os.path.dirname(manifest_path)
    header, rows = None, []
    for file in manifest["files"]:
        records = records_of(os.path.join(folder, os.path.basename(file["key"])), manifest["contract"])
        header = records.pop(0) if manifest["contract"]["header"] else None
        rows += records
    answer.append({"header": header, "rows": rows})
json.dump(answer, sys.stdout)
