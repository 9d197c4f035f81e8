"""Workers as SLURM jobs, one core each, until this is stopped: `python docs/cluster/slurm.py JOBS TLS_FOLDER`.

On a login node, in a clone that the nodes see, too. Needs `uv pip install dask-jobqueue`. Then, beside it:
DASK_CONFIG=TLS_FOLDER uv run kata grade submissions --out grades --cluster tls://HOST:8786
"""

import signal
import sys
from pathlib import Path

import dask
from dask_jobqueue import SLURMCluster
from distributed.security import Security

CLONE = Path(__file__).resolve().parents[2]


def cluster(tls: Path) -> SLURMCluster:
    """A scheduler here, and what starts workers there."""
    dask.config.update(dask.config.config, dask.config.collect(paths=[str(tls)]))
    return SLURMCluster(
        cores=1,
        processes=1,
        memory="6 GB",
        walltime="04:00:00",
        protocol="tls://",
        security=Security(),
        python=str(CLONE / ".venv" / "bin" / "python"),
        shared_temp_directory=str(tls),
        scheduler_options={"port": 8786, "dashboard_address": None},
        worker_extra_args=["--memory-limit", "0", "--no-dashboard"],
        job_script_prologue=[f"cd {CLONE}", f"export DASK_CONFIG={tls} PYTHONPATH={CLONE}"],
    )


if __name__ == "__main__":
    with cluster(Path(sys.argv[2]).resolve()) as started:
        started.scale(jobs=int(sys.argv[1]))
        print(f"--cluster {started.scheduler_address}", flush=True)
        signal.pause()
