"""Writes src/convert/onnx-schema.json: ONNX's own protobuf schema as a FileDescriptorProto in protobuf's JSON form.

The schema is that of the PyPI package `onnx` (Apache-2.0, The Linux Foundation; see NOTICE), without its comments.
usage: python -m pip install onnx==1.23.2 && python scripts/onnx-schema.py
"""

import json
import pathlib

from google.protobuf import descriptor_pb2, json_format
from onnx import onnx_ml_pb2

target = pathlib.Path(__file__).parent.parent / "src" / "convert" / "onnx-schema.json"
schema = descriptor_pb2.FileDescriptorProto()
onnx_ml_pb2.DESCRIPTOR.CopyToProto(schema)
target.write_text(json.dumps(json_format.MessageToDict(schema), separators=(",", ":")) + "\n", encoding="utf-8")
