#!/bin/sh
# The API with curl alone. The gateway must be running: locallite serve
# usage: sh examples/curl.sh [address of the gateway]
address="${1:-http://127.0.0.1:11435}"

# One text, several texts, and how the model cuts a text into tokens.
curl --silent --show-error --fail "$address/v1/embeddings" \
  -H 'Content-Type: application/json' \
  -d '{"model": "all-MiniLM-L6-v2", "input": "a cat meows"}' && echo

curl --silent --show-error --fail "$address/v1/embeddings" \
  -H 'Content-Type: application/json' \
  -d '{"model": "all-MiniLM-L6-v2", "input": ["a cat meows", "a dog barks"], "encoding_format": "base64"}' && echo

curl --silent --show-error --fail "$address/v1/tokenize" \
  -H 'Content-Type: application/json' \
  -d '{"model": "all-MiniLM-L6-v2", "input": "a cat meows"}' && echo
