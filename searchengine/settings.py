"""One frozen tree of settings: flag > environment > file > default.

A setting ``ingest.batch_size`` is ``--set ingest.batch_size=64`` as a flag,
``SEARCHENGINE_INGEST__BATCH_SIZE=64`` in the environment and

.. code-block:: yaml

    ingest:
      batch_size: 64

in a file. The file is ``--config PATH``, else ``$SEARCHENGINE_CONFIG``, else
``configs/lite.yaml``; a bare name such as ``standalone`` means the file of
that name that ships with the package.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import platformdirs
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from searchengine.configs_path import config_file
from searchengine.errors import NotFoundError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

ENV_PREFIX = "SEARCHENGINE_"
DEFAULT_MODEL = "ViT-B-32-256/datacomp_s34b_b86k"


def _names(value: Any) -> Any:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)]
"""A list in a file; apart by spaces or commas in a flag or in the environment."""


def _auto(value: Any) -> Any:
    return 0 if value == "auto" else value


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class StoreSettings(_Group):
    """Where the database is and how to reach it."""

    uri: str = ""
    """A folder (Milvus Lite) or ``http(s)://host:port`` (a server); empty: under ``data_dir``."""
    user: str = ""
    password: SecretStr = SecretStr("")
    token: SecretStr = SecretStr("")
    database: str = ""
    tls_ca: Path | None = None
    """PEM file of the authority that signed the server's certificate."""
    timeout_s: float = Field(default=10.0, gt=0)
    """Seconds to wait for a connection or an answer."""
    profile: str = "auto"
    """Index profile of new corpora."""
    shards: int = Field(default=1, ge=1, le=16)
    """Shards of new collections on a server: each takes some 10,000 rows a second."""
    bulk_uri: str = ""
    """Where files for bulk import are put: ``s3://BUCKET/PREFIX`` in the server's own bucket, or
    with local storage a folder that the server reads, too."""
    bulk_path: str = ""
    """What the server calls that place; by default the path in the bucket, or the folder's own."""
    mirror_mb: int = Field(default=2048, ge=0)
    """Megabytes of a Milvus Lite folder that are read straight from memory, exactly and many times
    faster than through Lite; what is larger, and with 0 everything, Lite reads itself."""


class ModelSettings(_Group):
    """Which encoder, and where it runs."""

    name: str = ""
    """Empty: the corpus's own model, or ``ViT-B-32-256/datacomp_s34b_b86k`` for a new corpus."""
    device: str = "auto"
    """A torch device, or several for indexing: ``cuda:0,cuda:1``, ``cuda:all``."""
    """``auto`` (CUDA, Apple's MPS, the CPU), ``cpu``, ``cuda``, ``cuda:1``, ``mps``."""
    runtime: Literal["auto", "torch", "openvino", "onnx"] = "auto"
    """What runs it; ``auto``: the fastest by measurement (docs/runtimes.md)."""
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = "auto"
    """``auto``: the fastest that gives the same vectors as fp32, by measurement."""


class IngestSettings(_Group):
    """How the writing side works."""

    batch_size: Annotated[int, BeforeValidator(_auto)] = Field(default=0, ge=0, le=4096)
    """Images (or texts) encoded at a time; ``auto`` or 0: found by how long a batch takes."""
    workers: int = Field(default=0, ge=0, le=256)
    """Threads that read and decode; 0: one a core."""
    write_rows: Annotated[int, BeforeValidator(_auto)] = Field(default=0, ge=0, le=5000)
    """Rows a write; ``auto`` or 0: 500 to 5,000 by their size. None waits longer than 2 s."""
    max_pixels: int = Field(default=178_956_970, ge=1)
    """Pictures with more pixels are refused (Pillow's own limit for decompression bombs)."""
    max_bytes: int = Field(default=1 << 30, ge=1)
    """Files with more bytes are refused; films are not, for they are never held whole."""
    max_frames: int = Field(default=500, ge=1, le=100_000)
    """Frames kept of a film; of more, those that lie apart over its whole length."""
    frame_gap_s: float = Field(default=2.0, ge=0, le=86_400)
    """Seconds at least between two frames of a film."""
    max_pages: int = Field(default=2_000, ge=1, le=100_000)
    """Pages kept of a PDF, the first ones."""
    decode_apart: bool = False
    """Decode all pictures in processes that may be killed, for files that nobody vouches for.
    Films, PDFs, RAW, HEIC and AVIF always are."""
    decode_s: float = Field(default=60.0, gt=0, le=86_400)
    """Seconds that a picture, a page, or the way to the next frame may take there."""
    decode_mb: int = Field(default=2048, ge=64, le=1 << 20)
    """Megabytes that decoding may take there (on Linux): about 12 bytes a pixel."""


class TableSettings(_Group):
    """Which columns of a table of pictures mean what. Empty: found by name and content."""

    image_column: str = ""
    """Of the pictures: their bytes, urls or paths."""
    caption_column: str = ""
    id_column: str = ""
    """What identifies a row whose picture is in the table itself; else its number does."""


class NetSettings(_Group):
    """What may be fetched, and how."""

    allow: bool = False
    """Nothing is fetched unless this is set (``--allow-net``)."""
    allow_private: bool = False
    """Also from addresses of this machine and of private networks."""
    connections: int = Field(default=64, ge=1, le=1024)
    """Downloads under way at a time."""
    per_host: int = Field(default=16, ge=1, le=1024)
    """Of these, from one host."""
    timeout_s: float = Field(default=20.0, gt=0)
    """Seconds without a byte after which a download is given up."""
    retries: int = Field(default=3, ge=0, le=20)
    """Further attempts after what may pass: 429, 5xx, a lost connection, a timeout."""
    max_bytes: int = Field(default=32 << 20, ge=1)
    """Pictures with more bytes are not fetched."""


class QuerySettings(_Group):
    """How the reading side works."""

    limit: int = Field(default=10, ge=1, le=16_384)
    pool: int = Field(default=1_024, ge=1, le=16_384)
    """Nearest items looked at where an answer is cut, folded, grouped, diversified or fused."""
    prompts: Literal["auto", "off", "single", "ensemble"] = "auto"
    """Sentences that words are put into before they are encoded; ``auto``: the model's own."""
    keep: int = Field(default=1_024, ge=0, le=65_536)
    """Vectors of texts asked lately that are kept in ``cache_dir`` for each model, under hashes of
    the texts: whoever asks again waits for no model. 0: none are kept on disk."""


class ServiceSettings(_Group):
    """How ``searchengine serve`` listens and what it allows."""

    host: str = "127.0.0.1"
    """The address listened at; this machine alone unless it is another."""
    port: int = Field(default=8000, ge=0, le=65_535)
    """0: any that is free."""
    rerank: tuple[str, ...] = ()
    """Second models that a question may name."""
    thumbnails_mb: int = Field(default=512, ge=0, le=1 << 20)
    """Megabytes of thumbnails that are kept in ``cache_dir``."""
    originals_under: tuple[Path, ...] = ()
    """Only files under these folders, links followed, are shown; none: wherever they were indexed.
    """
    uploads: Path | None = None
    """Where pictures that are sent to be indexed are kept; ``data_dir/uploads`` by default."""
    threads: int = Field(default=64, ge=1, le=1024)
    """Requests worked on at a time; they wait for the model and the database, mostly."""
    waiting: int = Field(default=256, ge=0, le=65_536)
    """Requests that may wait for a thread; further ones are told to come again (429)."""
    deadline_s: float = Field(default=30.0, gt=0)
    """Seconds after which a request is given up (503)."""
    batching: bool = True
    """Whether requests that arrive together are encoded together."""
    batch_texts: int = Field(default=64, ge=1, le=4096)
    """Texts encoded at a time."""
    batch_images: int = Field(default=16, ge=1, le=4096)
    """Pictures encoded at a time."""
    batch_wait_ms: float = Field(default=5.0, ge=0, le=1000)
    """How long a batch is held back for requests that are on their way; where there are none, it
    is not."""
    batch_waiting: int = Field(default=2_048, ge=1)
    """Texts, and pictures, that may wait for the model; further ones are told to come again."""
    texts_mb: int = Field(default=64, ge=0, le=65_536)
    """Megabytes of vectors of texts asked lately that are kept in memory."""
    keys: SecretStr = SecretStr("")
    """Who is let in: ``name:read:SHA256`` or ``name:write:SHA256``, apart by spaces or commas, as
    ``searchengine key`` prints them. Without any, and without a file of them, everybody is."""
    keys_file: Path | None = None
    """A file of such entries, one a line. It may change while the service runs."""
    without_keys: bool = False
    """Listen at an address that others can reach though no key is asked for."""
    rate: float = Field(default=100.0, ge=0)
    """Requests a second for each key, in the long run; further ones are told to come again (429).
    Where no key is asked for: for each address, unless only this machine can ask. 0: any."""
    burst: int = Field(default=400, ge=1)
    """Requests that may come at once before ``rate`` counts."""
    decoders: int = Field(default=2, ge=1, le=256)
    """Processes that decode the pictures that are sent. They are bounded, and may be killed."""
    decode_s: float = Field(default=10.0, gt=0, le=86_400)
    """Seconds that one of them may take for a picture."""
    decode_mb: int = Field(default=1024, ge=64, le=1 << 20)
    """Megabytes that one of them may take for a picture (on Linux): about 12 bytes a pixel."""
    max_body_bytes: int = Field(default=32 << 20, ge=1)
    """Forms with files that have more bytes are refused (413)."""
    max_json_bytes: int = Field(default=8 << 20, ge=1)
    """Any other body with more bytes is refused (413)."""
    max_bodies_bytes: int = Field(default=512 << 20, ge=1)
    """Bytes of all bodies under way at a time; further ones are told to come again (429)."""
    body_pause_s: float = Field(default=10.0, gt=0)
    """Seconds without a byte after which a body is given up (408)."""
    connections: int = Field(default=1024, ge=1, le=65_536)
    """Connections at a time; further ones are turned away (503)."""
    hosts: Names = ()
    """Names that the service goes by, apart from addresses and ``localhost``. With keys and none
    named here: any."""
    cors_origins: Names = ()
    """Sites whose pages may ask: ``https://photos.example``."""
    fetch: bool = False
    """Fetch pictures that are named by URL; never from private addresses."""
    ready_s: float = Field(default=5.0, gt=0)
    """Seconds within which a text and a picture must be encoded and a search be answered, for
    ``/readyz`` to say that the service is ready."""
    log: Literal["info", "warning"] = "info"
    """``info``: a line for each request."""


class Settings(BaseSettings):
    """All settings. Read once at start, then handed down."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        protected_namespaces=(),
    )

    corpus: str = Field(default="default", min_length=1, max_length=128)
    data_dir: Path = Path(platformdirs.user_data_dir("searchengine", appauthor=False))
    """Holds the Milvus Lite folder and the reports of runs."""
    cache_dir: Path = Path(platformdirs.user_cache_dir("searchengine", appauthor=False))
    """May be deleted at any time."""
    store: StoreSettings = StoreSettings()
    model: ModelSettings = ModelSettings()
    ingest: IngestSettings = IngestSettings()
    table: TableSettings = TableSettings()
    net: NetSettings = NetSettings()
    query: QuerySettings = QuerySettings()
    service: ServiceSettings = ServiceSettings()

    @property
    def store_uri(self) -> str:
        """The address of the database, the default filled in."""
        return self.store.uri or str(self.data_dir / "milvus")


def settings_file(name: str | None) -> Path:
    """Return the settings file a ``--config`` value stands for.

    Raises ``NotFoundError`` when there is none.
    """
    name = name or os.environ.get(ENV_PREFIX + "CONFIG") or "lite"
    path = Path(name).expanduser()
    if path.is_file():
        return path
    if path.suffix not in {".yaml", ".yml"} and os.sep not in name:
        shipped = config_file(f"{name}.yaml")
        if shipped.is_file():
            return shipped
    raise NotFoundError(
        f"no settings file {name!r}",
        hint="give a path to a YAML file, or one of: lite, standalone, cluster",
    )


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Turn ``{"store.uri": x}`` into ``{"store": {"uri": x}}``, leaving out ``None``."""
    tree: dict[str, Any] = {}
    for dotted, value in flat.items():
        if value is None:
            continue
        *parents, leaf = dotted.split(".")
        here = tree
        for name in parents:
            here = here.setdefault(name, {})
        here[leaf] = value
    return tree


def load_settings(config: str | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings once.

    ``flags`` are dotted names with their values; ``None`` means not given.
    Raises ``SettingsError`` naming the setting, ``NotFoundError`` for a missing file.
    """
    file = settings_file(config)

    class _Loaded(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (
                init_settings,
                env_settings,
                YamlConfigSettingsSource(settings_cls, yaml_file=file),
            )

    try:
        loaded = _Loaded(**nest(flags or {}))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"setting {name}: {first['msg']} (got {first.get('input')!r})",
            hint=f"flags, {ENV_PREFIX}* variables and {file} were read, in this order",
        ) from None
    except Exception as error:  # YAML and environment sources raise what they like
        raise SettingsError(f"cannot read the settings: {error}", hint=f"check {file}") from None
    # Of the class that has a name: a job carries its settings to other processes.
    return Settings.model_construct(
        **{name: getattr(loaded, name) for name in Settings.model_fields}
    )
