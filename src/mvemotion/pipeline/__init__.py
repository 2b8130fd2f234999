"""The whole replication as a graph of jobs: every network one, every notebook one, over Snakemake.

`mvemotion.pipeline.plan` says what is to be done, ``replication/Snakefile`` in which order,
`mvemotion.pipeline.jobs` does one job, `mvemotion.pipeline.engine` runs and watches them all.
"""
