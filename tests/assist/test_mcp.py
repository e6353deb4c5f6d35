"""The server driven by the protocol's own client, as a process and within this one."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from PIL import Image

from ingest import index
from searchengine.assist.server import make_server
from searchengine.assist.tools import Tools
from searchengine.demo.collection import write_collection
from searchengine.settings import load_settings


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("assist")
    write_collection(home / "scenes", 30, seed=5)
    index(
        [home / "scenes"], corpus="scenes", data_dir=home / "data", cache_dir=home / "cache",
        model__name="drawn-scenes",
    )  # fmt: skip
    return home


def server(home: Path) -> Any:
    flags = {"corpus": "scenes", "data_dir": home / "data", "cache_dir": home / "cache"}
    return make_server(Tools(load_settings(flags=flags)))


def talking(target: Any, talk: Callable[[Client], Awaitable[None]]) -> None:
    async def run() -> None:
        async with Client(target, read_timeout_seconds=120) as client:
            await talk(client)

    anyio.run(run)


async def told(client: Client, name: str, **arguments: Any) -> tuple[Any, list[Any]]:
    result = await client.call_tool(name, arguments)
    assert not result.is_error, result.content
    first, *rest = result.content
    return json.loads(first.text), rest


async def refused(client: Client, name: str, **arguments: Any) -> str:
    result = await client.call_tool(name, arguments)
    assert result.is_error
    return " ".join(part.text for part in result.content)


def test_an_assistant_searches_through_a_process_of_its_own(home: Path) -> None:
    environment = {
        **os.environ,
        "SEARCHENGINE_DATA_DIR": str(home / "data"),
        "SEARCHENGINE_CACHE_DIR": str(home / "cache"),
    }
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "searchengine", "mcp", "--corpus", "scenes"],
        env=environment,
    )

    async def talk(client: Client) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {"search", "similar", "show"}
        for tool in tools.values():
            assert tool.description
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint
        found, _ = await told(client, "search", query="a red car", limit=3)
        assert [hit["rank"] for hit in found["hits"]] == [1, 2, 3]
        best = found["hits"][0]
        alike, _ = await told(client, "similar", item=best["id"], limit=5)
        assert best["id"] not in [hit["id"] for hit in alike["hits"]]
        shown, pictures = await told(client, "show", items=[best["id"], best["path"]], size=64)
        assert [item["id"] for item in shown["items"]] == [best["id"]] * 2
        assert shown["items"][0]["caption"] == best["caption"]
        assert [part.type for part in pictures] == ["text", "image"] * 2
        with Image.open(io.BytesIO(base64.b64decode(pictures[1].data))) as picture:
            assert max(picture.size) == 64

    talking(parameters, talk)


def test_standard_output_is_the_protocol_alone(home: Path) -> None:
    environment = {
        **os.environ,
        "SEARCHENGINE_DATA_DIR": str(home / "data"),
        "SEARCHENGINE_CACHE_DIR": str(home / "cache"),
    }
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
    ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    asks = {
        "jsonrpc": "2.0",
        "id": 2,
        "method": "tools/call",
        "params": {"name": "search", "arguments": {"query": "a red car"}},
    }
    # Whatever is printed meanwhile, also from C, must not get between.
    script = (
        "import os, sys\n"
        "from searchengine.assist import tools\n"
        "real = tools.Tools.search\n"
        "def noisy(*a, **k):\n"
        "    print('noise')\n"
        "    os.write(1, b'noise from below\\n')\n"
        "    return real(*a, **k)\n"
        "tools.Tools.search = noisy\n"
        "sys.argv = ['searchengine', 'mcp', '--corpus', 'scenes']\n"
        "from searchengine.cli import run\n"
        "run()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    lines = []
    try:
        for message, answered in ((hello, True), (ready, False), (asks, True)):
            process.stdin.write(json.dumps(message) + "\n")
            process.stdin.flush()
            if answered:
                lines.append(process.stdout.readline())
        out, err = process.communicate(timeout=60)  # the end of its input ends it
    finally:
        process.kill()
    assert process.returncode == 0
    assert [json.loads(line)["id"] for line in lines] == [1, 2]
    assert not out
    assert "noise from below" in err


def test_pictures_of_hits_where_wanted(home: Path) -> None:
    async def talk(client: Client) -> None:
        found, pictures = await told(
            client, "search", query="a red car", limit=3, pictures=True, filter="width > 10"
        )
        ids = [part.text for part in pictures if part.type == "text"]
        assert ids == [f"id:{hit['id']}" for hit in found["hits"]]
        assert {part.mime_type for part in pictures if part.type == "image"} == {"image/jpeg"}

    talking(server(home), talk)


def test_what_is_wrong_is_said(home: Path) -> None:
    picture = str(next((home / "scenes").rglob("*.jpg")))

    async def talk(client: Client) -> None:
        assert "by path" in await refused(client, "search", query=picture)
        assert "by path" in await refused(client, "search", query="a car + @-")
        assert "network" in await refused(client, "search", query="https://x.example/y.jpg")
        assert "limit" in await refused(client, "search", query="a car", limit=1000)
        assert "column 7" in await refused(client, "search", query="x", filter="width >")
        missing = await refused(client, "show", items=["0" * 32])
        assert "0" * 32 in missing
        assert "/etc/passwd" in await refused(client, "similar", item="/etc/passwd")
        found, _ = await told(client, "search", query="a car", limit=1)
        assert found["hits"], "and it goes on"

    talking(server(home), talk)


def test_indexing_goes_on_beside_it(home: Path) -> None:
    async def talk(client: Client) -> None:
        await told(client, "search", query="a red car", limit=1)
        write_collection(home / "more", 3, seed=77)
        command = [
            *(sys.executable, "-m", "searchengine", "index", str(home / "more")),
            *("--corpus", "scenes", "--model", "drawn-scenes"),
            *("--set", f"data_dir={home / 'data'}", "--set", f"cache_dir={home / 'cache'}"),
        ]
        done = await anyio.run_process(command, check=False)
        assert done.returncode == 0, done.stderr
        found, _ = await told(client, "search", query="a red car", limit=50)
        assert found["searched"] >= 33

    talking(server(home), talk)
