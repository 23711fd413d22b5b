"""RapidOCR: paths of images as JSON on standard input, one a line; their texts as JSON on standard output."""

import json
import sys

from rapidocr import RapidOCR

engine = RapidOCR()
for line in sys.stdin:
    result = engine(json.loads(line))
    print(json.dumps("\n".join(result.txts or [])), flush=True)
