"""The stages put together with Ray Data: rows flow through pools of actors, held back from behind.

What Ray Data is told, and why:

* A row is a block of its own (``target_max_block_size``): what is lost with a node is made again by
  running its generator once more, and the n-th block must then be the n-th slice.
* Each stage is a pool of actors, the listing as well: stages of actors are never fused into one.
* Actors restart without bound, as do their tasks: Ray Data's own default. The one that lists runs
  where the driver runs, and must not begin again unnoticed (``listing``).
* Order is of no use to anybody.
"""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

from ingest.runners.ray.listing import ListShards
from ingest.runners.ray.reading import Read
from ingest.runners.ray.stages import Decode, Encode, Write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.runners.ray.cluster import Pools
    from ingest.runners.ray.work import Work


def results(work: Work, pools: Pools) -> Iterator[Any]:
    """Yield tables of slices of which the facts are left. Raises what Ray raises."""
    import ray.data

    here = {"ray.io/node-id": ray.get_runtime_context().get_node_id()}
    with ray.data.DataContext.current(_context()):
        rows = ray.data.from_items([0]).map_batches(
            ListShards,
            fn_constructor_args=(work,),
            compute=ray.data.ActorPoolStrategy(size=1),
            num_cpus=0,
            label_selector=here,
        )
        for stage, pool, slices in (
            (Read, pools.readers, 1),
            (Decode, pools.decoders, 1),
            (Encode, pools.encoders, 1),
            (Write, pools.writers, work.slices_a_write),
        ):
            rows = rows.map_batches(
                stage,
                batch_size=slices,
                batch_format="pyarrow",
                fn_constructor_args=(work,),
                compute=ray.data.ActorPoolStrategy(size=pool.count),
                num_cpus=pool.cpus,
                num_gpus=pool.gpus or None,
            )
        yield from rows.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)


def _context() -> Any:
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    # Of advice on pools that were larger than a short listing needed.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"ray\.data\.")
    context = ray.data.DataContext.get_current().copy()
    context.target_max_block_size = 1
    context.execution_options.preserve_order = False
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    return context
