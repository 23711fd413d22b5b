"""Reads PDFs with pypdf, for bench/documents.mjs: one JSON line with paths in, one JSON line with pages and seconds out."""

import json
import sys
import time

import pypdf


def main():
    for line in sys.stdin:
        start = time.perf_counter()
        pages = 0
        for path in json.loads(line):
            for page in pypdf.PdfReader(path).pages:
                page.extract_text()
                pages += 1
        print(json.dumps({"pages": pages, "seconds": time.perf_counter() - start}), flush=True)


if __name__ == "__main__":
    main()
