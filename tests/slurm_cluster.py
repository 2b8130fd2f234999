"""A real Slurm of one node on this machine, for the tests of what runs over it.

The node says that it has 16 cores, whatever it has, so that profiles run as they are.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "sinfo")
PLUGIN = "snakemake_executor_plugin_slurm"
CONFIG = Path("/etc/slurm/slurm.conf")  # the only place where every program looks
SETTINGS = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=16 RealMemory=64000 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str:
    """Why no Slurm can be started here; empty if one can."""
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    missing = [name for name in PROGRAMS if not shutil.which(name, path=path)]
    if missing:
        return f"Slurm is not installed: no {', '.join(missing)}"
    if os.geteuid() != 0:
        return "starting a Slurm needs root"
    if CONFIG.exists() or CONFIG.is_symlink():
        return f"{CONFIG}: this machine has a Slurm of its own"
    return "" if find_spec(PLUGIN) else f"{PLUGIN} is not installed"


@contextmanager
def running_slurm(folder: Path) -> Iterator[None]:
    """Start munge and Slurm with everything they write in `folder`; end them at last."""
    processes: list[subprocess.Popen] = []
    try:
        CONFIG.parent.mkdir(exist_ok=True)
        _configure(folder)
        CONFIG.symlink_to(folder / "slurm.conf")
        processes.append(_start("munged", *_munge_options(folder)))
        _wait_for(lambda: (folder / "munge.socket").exists())
        processes.append(_start("slurmctld", "-D", "-c"))
        processes.append(_start("slurmd", "-D", "-c"))
        _wait_for(lambda: "idle" in _run("sinfo", "-h", "-o", "%t"))
        yield
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(30)
        CONFIG.unlink(missing_ok=True)


def queued_jobs() -> list[str]:
    """Ids of the jobs that wait or run."""
    return _run("squeue", "-h", "-o", "%i").split()


def _configure(folder: Path) -> None:
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    host = socket.gethostname().split(".")[0]
    settings = SETTINGS.format(host=host, ports=_free_ports(2), folder=folder)
    (folder / "slurm.conf").write_text(settings)


def _munge_options(folder: Path) -> list[str]:
    names = {"key": "key-file", "socket": "socket", "log": "log-file", "pid": "pid-file"}
    options = [f"--{option}={folder / f'munge.{name}'}" for name, option in names.items()]
    return ["--foreground", "--force", *options, f"--seed-file={folder / 'munge.seed'}"]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _start(program: str, *options: str) -> subprocess.Popen:
    found = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    return subprocess.Popen([found, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout


def _wait_for(condition, limit_s: float = 60.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "Slurm does not start; see its logs"
        time.sleep(0.2)
