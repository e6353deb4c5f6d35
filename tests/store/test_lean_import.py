"""pymilvus without pandas, and with it as soon as somebody wants it."""

from __future__ import annotations

import subprocess
import sys


def run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_pandas_is_left_out() -> None:
    script = (
        "import sys\nfrom searchengine.store.lean_import import import_pymilvus\n"
        "import_pymilvus()\n"
        "import pymilvus\n"
        "print({name.split('.')[0] for name in sys.modules} & {'pandas', 'requests'})"
    )
    assert run(script) == "set()"


def test_whoever_wants_pandas_later_gets_it() -> None:
    script = (
        "from searchengine.store.lean_import import import_pymilvus\n"
        "import_pymilvus()\n"
        "from pymilvus.orm import schema\n"
        "import pandas\n"
        "frame = pandas.DataFrame({'a': [1]})\n"
        "print(schema.pd.DataFrame is pandas.DataFrame, schema.is_list_like([1]),\n"
        "      schema.is_list_like(1), schema.is_valid_insert_data(frame))"
    )
    assert run(script) == "True True False True"


def test_requests_are_made_as_ever() -> None:
    script = (
        "from searchengine.store.lean_import import import_pymilvus\n"
        "import_pymilvus()\n"
        "from pymilvus.client import global_topology\n"
        "import requests\n"
        "print(global_topology.requests.get is requests.get,\n"
        "      global_topology.requests.exceptions is requests.exceptions)"
    )
    assert run(script) == "True True"


def test_a_process_that_has_pandas_keeps_it() -> None:
    script = (
        "import pandas\nfrom searchengine.store.lean_import import import_pymilvus\n"
        "import_pymilvus()\n"
        "from pymilvus.orm import schema\n"
        "print(schema.pd is pandas)"
    )
    assert run(script) == "True"


def test_a_lite_folder_works_without_pandas(tmp_path) -> None:  # type: ignore[no-untyped-def]
    script = (
        "import sys\nfrom searchengine.store.open import open_store\n"
        "from searchengine.store.lean_import import leave_out_pandas\nleave_out_pandas()\n"
        "from searchengine.store.contract import SideSpec\nfrom searchengine.records import Side\n"
        f"store = open_store({str(tmp_path / 'lite')!r})\n"
        "info = store.ensure(SideSpec(Side('a', 'image'), 'm', 'f' * 32, 8))\n"
        "store.close()\n"
        "print(info.count, sys.modules['pandas'])"
    )
    assert run(script) == "0 None"


def test_arrow_does_without_pandas_where_it_is_left_out() -> None:
    script = (
        "from searchengine.store.lean_import import *\n"
        "leave_out_pandas()\n"
        "import_pymilvus()\n"
        "settle_arrow()\n"
        "import numpy, pyarrow, sys\n"
        "taken = pyarrow.array(numpy.array([1, 2]), type=pyarrow.int64())\n"
        "print(taken.to_pylist(), sys.modules['pandas'])"
    )
    assert run(script) == "[1, 2] None"
