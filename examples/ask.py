"""Ask a chat model about what is indexed: retrieve, then let it answer from what was found.

    searchengine serve --corpus holidays
    export OPENAI_BASE_URL=http://127.0.0.1:11434/v1 OPENAI_MODEL=qwen2.5vl OPENAI_API_KEY=none
    python examples/ask.py "Where did we see the red boat?"
    python examples/ask.py "What else looks like this?" --image boat.jpg

Any server that takes OpenAI's chat completions with pictures will do. Without OPENAI_BASE_URL and
OPENAI_MODEL it prints the messages that it would send. Needs nothing but Python.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote


def post(url: str, body: dict[str, Any], key: str) -> Any:
    """Return the JSON that an address answers to some JSON."""
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"{url} answers {error.code}: {error.read(2000).decode('utf-8', 'replace')}")
    except urllib.error.URLError as error:
        sys.exit(f"{url} does not answer: {error.reason}")


def retrieve(options: argparse.Namespace) -> Any:
    """Return what the search engine finds for the question, as messages."""
    body = {"question": options.question, "max_tokens": options.max_tokens, "messages": True}
    if options.image:
        body["image_base64"] = base64.b64encode(options.image.read_bytes()).decode()
    address = f"{options.service}/v1/corpora/{quote(options.corpus, safe='')}/retrieve"
    return post(address, body, os.environ.get("SEARCHENGINE_KEY", ""))


def main() -> None:
    """Ask."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("question")
    parser.add_argument("--image", type=Path, help="a picture that the question is about")
    parser.add_argument("--corpus", default="default")
    parser.add_argument("--service", default="http://127.0.0.1:8000")
    parser.add_argument("--max-tokens", type=int, default=4000, help="of what was found")
    options = parser.parse_args()

    found = retrieve(options)
    base, model = os.environ.get("OPENAI_BASE_URL"), os.environ.get("OPENAI_MODEL")
    if not base or not model:
        json.dump(found["messages"], sys.stdout, ensure_ascii=False, indent=2)
        print("\nset OPENAI_BASE_URL and OPENAI_MODEL to have this answered", file=sys.stderr)
        return
    asked = {"model": model, "messages": found["messages"]}
    answer = post(
        f"{base.rstrip('/')}/chat/completions", asked, os.environ.get("OPENAI_API_KEY", "")
    )
    print(answer["choices"][0]["message"]["content"])
    for item in found["items"]:
        print(f"[{item['number']}] {item['metadata'].get('path', item['uri'])}", file=sys.stderr)


if __name__ == "__main__":
    main()
