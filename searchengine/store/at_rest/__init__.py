"""A Milvus Lite folder that nobody has open: its rows are files, and files can simply be read.

Opening Lite takes seconds at 100,000 items: a server is started, every row becomes Python objects,
an index is loaded, and a single question then looks at all of it once. Where nothing is being
written, the folder's manifest names a handful of Parquet files that never change, and a question,
with a filter or without, is answered from those, exactly. They are the database itself, not a copy
that could be stale; while they are read, a lock keeps writers out. For all else Lite is opened.
``docs/decisions/0008-at-rest.md`` has the reasons and the figures.
"""
