"""The baseline: what a first script over OpenCLIP and Milvus does.

Full decode, OpenCLIP's own preprocessing, one image a forward pass, one row an insert, FLAT::

    python bench/naive_loop.py PHOTOS --model local-dir:PATH --store FOLDER

Prints one line of JSON: images, seconds of the loop alone, seconds with loading the model.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path


def main() -> None:
    """Index a folder the naive way."""
    began = time.perf_counter()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--store", required=True, help="a folder for Milvus Lite, or a server")
    arguments = parser.parse_args()

    import open_clip
    import torch
    from PIL import Image
    from pymilvus import DataType, MilvusClient

    model, _, preprocess = open_clip.create_model_and_transforms(arguments.model)
    model.eval()
    client = MilvusClient(arguments.store)
    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=4096)
    dim = int(model.encode_text(torch.zeros((1, model.context_length), dtype=torch.long)).shape[-1])
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dim)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="COSINE")
    client.create_collection("naive", schema=schema, index_params=index)

    looped = time.perf_counter()
    images = 0
    with torch.no_grad():
        for path in sorted(arguments.photos.rglob("*.jpg")):
            image = preprocess(Image.open(path).convert("RGB")).unsqueeze(0)
            vector = model.encode_image(image, normalize=True)[0].tolist()
            client.insert("naive", [{"id": str(path), "vector": vector}])
            images += 1
    done = time.perf_counter()
    client.close()
    row = {"images": images, "loop_s": done - looped, "total_s": done - began}
    sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
