"""What a Milvus Lite folder holds, seen where it lies in this process's memory.

Lite is the record of truth, and runs inside this very process. Its search walks every key in
Python, whatever the index; the rows themselves are arrays that can be compared in a few
milliseconds. So reads are answered from those arrays (``lite_rows`` finds them, ``chunk`` and
``snapshot`` hold them, ``mirrors`` keeps them in step with writes, ``nearest`` compares,
``answers`` speaks the store's language), exactly, within a bound on memory beyond which Lite
answers itself. ``docs/decisions/0006-mirror.md`` has the reasons.
"""
