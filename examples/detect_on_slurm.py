"""Find the defects of many images on a cluster with SLURM: workers are its jobs.

    pip install 'stemzoo[dask]' dask-jobqueue
    python examples/detect_on_slurm.py day --out session --jobs 10 --queue normal --account mine

It runs where jobs are submitted, needs little itself, and waits until all is done: start it in tmux
or as a job. stemzoo, images and results are to be where all nodes see them. A job that ends early,
for whatever reason, costs its image another try; the same command goes on where it was stopped.
"""

import argparse
import subprocess
import sys


def main() -> int:
    """Start the jobs, give their scheduler to `stemzoo detect`, and end them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("images", nargs="+", help="files, folders or quoted patterns")
    parser.add_argument("--out", default="detections")
    parser.add_argument("--jobs", type=int, default=2, help="a worker each")
    parser.add_argument("--queue", help="partition of SLURM")
    parser.add_argument("--account")
    parser.add_argument("--cores", type=int, default=2, help="of a job, all for one image")
    parser.add_argument("--memory", default="4GB", help="of a job")
    parser.add_argument("--walltime", default="01:00:00", help="of a job")
    options = parser.parse_args()
    from dask_jobqueue import SLURMCluster

    with SLURMCluster(
        queue=options.queue,
        account=options.account,
        cores=options.cores,
        processes=1,
        memory=options.memory,
        walltime=options.walltime,
        job_script_prologue=[f"export TF_NUM_INTRAOP_THREADS={options.cores}"],
    ) as cluster:
        cluster.scale(jobs=options.jobs)
        command = [sys.executable, "-m", "stemzoo.cli", "detect", *options.images]
        command += ["--out", options.out, "--recursive", "--frames", "all", "--resume"]
        return subprocess.run([*command, "--cluster", cluster.scheduler_address]).returncode


if __name__ == "__main__":
    sys.exit(main())
