"""What the stages of ``index`` cost when each is alone on one core, as one line of JSON.

::

    python bench/stages_alone.py PHOTOS --model local-dir:PATH [--precision bf16]
        [--runtime openvino]

Seconds of processor time an image, of all threads together: decoding files that lie in memory to
the model's pixels, and encoding those. Their sum is work that nothing can overlap away: with c
cores, no more than c / (decode + encode) images a second are possible, and that is what
``index_speed.py`` compares ``index`` with. Reading, hashing and writing are not in it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from pathlib import Path

import numpy as np

_BATCH = 16


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--runtime", default="auto")
    chosen = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):  # before anything counts the cores
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    from ingest.job import job_for
    from searchengine.encoders.pictures import prepare_picture
    from searchengine.settings import load_settings

    settings = load_settings(
        flags={"model.precision": chosen.precision, "model.runtime": chosen.runtime}
    )
    job = job_for([chosen.photos], settings)
    encoder = job.build_encoder(chosen.model)
    files = [path.read_bytes() for path in sorted(chosen.photos.glob("*.jpg"))]
    decode_s, pixels = [], []
    for data in files:
        began = time.process_time()
        pixels.append(prepare_picture(encoder, data, max_pixels=job.max_pixels)[1])
        decode_s.append(time.process_time() - began)
    batches = [np.stack(pixels[at : at + _BATCH]) for at in range(0, len(pixels), _BATCH)]
    encoder.encode_images(batches[0])  # warm
    encode_s = []
    for batch in batches:
        began = time.process_time()
        encoder.encode_images(batch)
        encode_s.append((time.process_time() - began) / len(batch))
    row = {
        "images": len(files),
        "decode_s": statistics.median(decode_s),
        "encode_s": statistics.median(encode_s),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
