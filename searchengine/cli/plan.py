"""``searchengine plan``: what a corpus takes before it is made."""

from __future__ import annotations

from typing import Annotated

import typer

from searchengine.cli import options
from searchengine.cli.talk import emit, emit_json


def plan(
    items: Annotated[
        str, typer.Option("--items", metavar="N", help="How many pictures: 1e9, 10M, 1_000_000.")
    ],
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="NAME", help="An OpenCLIP model, or a preset."),
    ] = None,
    index: Annotated[
        str, typer.Option("--index", metavar="NAME", help="An index profile; auto: recommended.")
    ] = "auto",
    image_mb: Annotated[
        float | None, typer.Option("--image-mb", metavar="MB", help="Of a picture's file.")
    ] = None,
    megapixels: Annotated[
        float | None, typer.Option("--megapixels", metavar="MP", help="In place of --image-mb.")
    ] = None,
    gpu: Annotated[
        str, typer.Option("--gpu", metavar="NAME", help="h200, a100, l4, ...; cpu: cores.")
    ] = "h200",
    gpus: Annotated[
        int | None, typer.Option("--gpus", help="How many. Default: as finish in --hours.")
    ] = None,
    images_per_gpu_s: Annotated[
        float | None,
        typer.Option("--images-per-gpu-s", metavar="N", help="Measured, if you have."),
    ] = None,
    hours: Annotated[float, typer.Option("--hours", help="In which it is to be filled.")] = 24.0,
    network_gbit: Annotated[
        float, typer.Option("--network-gbit", help="To where the pictures are.")
    ] = 25.0,
    qps: Annotated[float, typer.Option("--qps", help="Questions a second.")] = 10.0,
    latency_ms: Annotated[
        float | None, typer.Option("--latency-ms", help="That half of them may take.")
    ] = None,
    memory_gb: Annotated[
        float | None, typer.Option("--memory-gb", help="All that the query nodes may have.")
    ] = None,
    node_memory_gb: Annotated[
        float, typer.Option("--node-memory-gb", help="Of a query node.")
    ] = 64.0,
    node_cores: Annotated[int, typer.Option("--node-cores", help="Of a query node.")] = 16,
    replicas: Annotated[int, typer.Option("--replicas", help="Copies in memory.")] = 1,
    daily: Annotated[float, typer.Option("--daily", help="Part that is new on a day.")] = 0.01,
    tenants: Annotated[int, typer.Option("--tenants", help="Owners with a corpus each.")] = 1,
    segment_mb: Annotated[
        int, typer.Option("--segment-mb", help="dataCoord.segment.maxSize.")
    ] = 1024,
    dim: Annotated[
        int | None, typer.Option("--dim", help="Numbers in a vector of an unknown model.")
    ] = None,
    caption_bytes: Annotated[int, typer.Option("--caption-bytes", help="Of a caption.")] = 60,
    as_json: options.AsJson = False,
) -> None:
    """Work out memory, disk, network, GPU-hours, nodes and time for a corpus of some size.

    Nothing is asked of a database or a network. docs/planning.md has the formulas.
    """
    from searchengine.encoders.presets import default_model
    from searchengine.errors import SettingsError
    from searchengine.planning.amounts import parse_count
    from searchengine.planning.forecast import make_plan
    from searchengine.planning.hardware import Node
    from searchengine.planning.report import plan_json, plan_table
    from searchengine.planning.wishes import Wishes
    from searchengine.planning.work import MB_A_MEGAPIXEL

    if image_mb is not None and megapixels is not None:
        raise SettingsError("--image-mb and --megapixels say the same", hint="give one of them")
    if megapixels is not None:
        image_mb = megapixels * MB_A_MEGAPIXEL
    made = make_plan(
        Wishes(
            items=parse_count(items),
            model=model or default_model(),
            index=index,
            dim=dim,
            image_mb=0.5 if image_mb is None else image_mb,
            caption_bytes=caption_bytes,
            gpu=gpu,
            gpus=gpus,
            images_per_gpu_s=images_per_gpu_s,
            hours=hours,
            network_gbit=network_gbit,
            queries_a_s=qps,
            latency_ms=latency_ms,
            memory_gb=memory_gb,
            replicas=replicas,
            daily=daily,
            tenants=tenants,
            node=Node(node_memory_gb, node_cores),
            segment_mb=segment_mb,
        )
    )
    if as_json:
        emit_json(plan_json(made))
    else:
        emit(plan_table(made))
