"""Many machines: Ray schedules, each worker does what one machine would with its photos.

ray_data    a plan -> results, worked through by Ray Data; what was lost is tried once more
worker      a block of photos on one core of the cluster, with the model in memory
run_ledger  the ledger of a run, also where files cannot be appended to; its rows
parts       ledgers of single blocks, until they are in the run's own
storage     file systems elsewhere (s3://, gs://, any of fsspec or pyarrow): found, read, written whole
sources     photos elsewhere -> the plan; names from Parquet
cluster     Ray itself: found, connected to, or one line that says why not
watch       a cluster that ends in the middle of a run, noticed before Ray ends the process
"""
