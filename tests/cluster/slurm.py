"""A real Slurm on one machine, for as long as a test needs it: Debian's packages, root, no systemd, no cgroups.

Three nodes that are all this machine: `cpu01` in the partition `cpu`, `gpu01` and `gpu02` with an A100 each in the
partition `gpu`. The GPUs are links to /dev/null, which Slurm hands out like any. Four jobs of one thread run at a time,
two with a GPU and two without, however many are in the queue. Every daemon is a child of this process and ends with it.

Example:
    python -m tests.cluster.slurm    # until Ctrl-C, for a look around
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("slurm-wlm", "slurmdbd", "munge", "mariadb-server")
PROGRAMS = ("sbatch", "slurmctld", "slurmd", "slurmdbd", "munged", "mariadbd", "mariadb-install-db")
CONFIGURATION = Path("/etc/slurm/slurm.conf")  # steps of a job look nowhere else
MUNGE = Path("/run/munge")  # clients of slurmdbd look for the socket nowhere else
NODES = {
    "cpu01": "CPUs=2",
    "gpu01": "CPUs=8 CoresPerSocket=8 Gres=gpu:a100:1",
    "gpu02": "CPUs=8 CoresPerSocket=8 Gres=gpu:a100:1",
}
DATABASE_PORT = 13306
ACCOUNT = "lab"


def missing() -> str:
    """Why this machine cannot run one; empty if it can."""
    if os.geteuid() != 0:
        return "needs root"
    if absent := [program for program in PROGRAMS if not shutil.which(program)]:
        return f"lacks {', '.join(absent)}: apt-get install {' '.join(PACKAGES)}"
    configured = CONFIGURATION.exists() and not _left_over(CONFIGURATION)
    if configured or subprocess.run(["munge", "--no-input"], capture_output=True).returncode == 0:
        return "has a Slurm or a munge of its own"
    return ""


def _left_over(file: Path) -> bool:
    """Whether it is the link of tests that were killed."""
    return file.is_symlink() and file.readlink().is_relative_to(tempfile.gettempdir())


class Cluster:
    """The daemons, by name, in a folder of their own; see `running`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemons: dict[str, subprocess.Popen] = {}

    def start(self, name: str, *command: str, user: str = "root") -> None:
        """Starts a daemon that stays in the foreground, and that the kernel ends if this process dies."""
        as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        with open(self.folder / f"{name}.log", "ab") as log:
            self.daemons[name] = subprocess.Popen(
                [*as_user, "setpriv", "--pdeathsig=TERM", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests alone
            )

    def stop(self, name: str) -> None:
        daemon = self.daemons.pop(name)
        daemon.terminate()
        try:
            daemon.wait(20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def wait_for(self, *command: str, output: str = "") -> None:
        """Waits until a command succeeds, and says `output` if given; a minute at most."""
        for _ in range(300):
            with contextlib.suppress(subprocess.TimeoutExpired):
                done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
                if done.returncode == 0 and output in done.stdout:
                    return
            time.sleep(0.2)
        logs = "\n".join(f"{log.name}: {log.read_text()[-600:]}" for log in self.folder.glob("*.log"))
        raise RuntimeError(f"waited in vain for {' '.join(command)}: {done.stdout}{done.stderr}\n{logs}")

    def start_munge(self) -> None:
        """Munge refuses keys and sockets in folders that others may write to, such as those below /tmp."""
        for folder in (MUNGE, self.folder / "munge"):
            folder.mkdir(mode=0o755, exist_ok=True)
            shutil.chown(folder, "munge", "munge")
        key = self.folder / "munge/key"
        key.write_bytes(os.urandom(1024))
        shutil.chown(key, "munge", "munge")
        key.chmod(0o400)
        places = (f"--{name}-file={self.folder}/munge/{name}" for name in ("key", "log", "seed", "pid"))
        self.start("munged", "munged", "--foreground", "--force", *places, user="munge")
        self.wait_for("munge", "--no-input")

    def start_accounting(self) -> None:
        """A database and slurmdbd, which knows one account, `lab`."""
        data, local = self.folder / "database", ("mariadb", "--no-defaults", f"--socket={self.folder}/database/socket")
        data.mkdir()
        shutil.chown(data, "mysql", "mysql")
        install = ["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={data}", "--skip-test-db"]
        subprocess.run([*install, "--auth-root-authentication-method=socket"], check=True, capture_output=True)
        place = (f"--datadir={data}", f"--socket={data}/socket", f"--pid-file={data}/pid")
        settings = ("--bind-address=127.0.0.1", f"--port={DATABASE_PORT}", "--innodb-lock-wait-timeout=900")
        self.start("mariadbd", "mariadbd", "--no-defaults", *place, *settings, user="mysql")
        self.wait_for(*local, "--execute=select 1")
        user = "slurm@'127.0.0.1'"
        subprocess.run([*local, f"--execute=create user {user}; grant all on slurm.* to {user}"], check=True)
        self.start("slurmdbd", "slurmdbd", "-D")
        self.wait_for("sacctmgr", "--noheader", "show", "cluster")
        for entity in ("cluster test", f"account {ACCOUNT}", f"user root account={ACCOUNT}"):
            add = ["sacctmgr", "--immediate", "--quiet", "add", *entity.split()]
            subprocess.run(add, check=True, capture_output=True, timeout=60)

    def start_slurm(self) -> None:
        self.start("slurmctld", "slurmctld", "-D")
        for node in NODES:
            self.start_node(node)
        self.wait_for("scontrol", "ping", output="UP")
        for node in NODES:
            self.wait_for("sinfo", "--noheader", "--nodes", node, "--format=%T", output="idle")

    def start_node(self, node: str, *namespace: str) -> None:
        """Starts a node, in a namespace of its own if a command is given that makes one."""
        (self.folder / node).mkdir(exist_ok=True)
        self.start(node, *namespace, "slurmd", "-D", "-N", node)


@contextlib.contextmanager
def running(accounting: bool = True) -> Iterator[Cluster]:
    """Brings up a Slurm, with slurmdbd or without, and takes it down, with all its jobs."""
    with tempfile.TemporaryDirectory(prefix="slurm-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # munge and the database run as users of their own
        configure(folder, accounting)
        CONFIGURATION.parent.mkdir(exist_ok=True)
        CONFIGURATION.unlink(missing_ok=True)  # of tests that were killed
        CONFIGURATION.symlink_to(folder / "slurm.conf")
        stack.callback(CONFIGURATION.unlink)
        os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
        stack.callback(os.environ.pop, "SLURM_CONF")
        cluster = Cluster(folder)
        try:
            cluster.start_munge()
            if accounting:
                cluster.start_accounting()
            cluster.start_slurm()
            yield cluster
        finally:
            if "slurmctld" in cluster.daemons:
                subprocess.run(["scancel", "--me"], check=False, timeout=60)
                cluster.wait_for("sh", "-c", "! squeue --noheader | grep -q .")
            for daemon in reversed(list(cluster.daemons)):
                cluster.stop(daemon)
            shutil.rmtree(MUNGE, ignore_errors=True)


def configure(folder: Path, accounting: bool) -> None:
    """Writes slurm.conf, gres.conf and slurmdbd.conf."""
    here = f"NodeHostname={socket.gethostname()} NodeAddr=127.0.0.1 RealMemory=64000"
    nodes = "\n".join(f"NodeName={name} {here} Port={17001 + i} {has}" for i, (name, has) in enumerate(NODES.items()))
    keeper = (
        "AccountingStorageType=accounting_storage/slurmdbd\n"
        "AccountingStorageHost=127.0.0.1\nAccountingStoragePort=16819\n"
        "AccountingStorageEnforce=associations,limits,qos\nAccountingStoreFlags=job_comment\n"
        "AccountingStorageTRES=gres/gpu,gres/gpu:a100"
    )
    (folder / "slurm.conf").write_text(
        f"""ClusterName=test
SlurmctldHost={socket.gethostname()}(127.0.0.1)
SlurmctldPort=16817
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
AuthInfo=cred_expire=5
StateSaveLocation={folder}
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0,sched_min_interval=0
GresTypes=gpu
ReturnToService=2
KillWait=2
MinJobAge=300
EnforcePartLimits=ALL
{keeper if accounting else "AccountingStorageType=accounting_storage/none"}
{nodes}
PartitionName=cpu Nodes=cpu01 Default=YES MaxTime=1-00:00:00
PartitionName=gpu Nodes=gpu01,gpu02 MaxTime=2-00:00:00
"""
    )
    (folder / "nvidia0").symlink_to("/dev/null")  # Slurm takes devices only
    (folder / "gres.conf").write_text(f"NodeName=gpu01,gpu02 Name=gpu Type=a100 File={folder}/nvidia0\n")
    database = folder / "slurmdbd.conf"
    database.write_text(
        f"""DbdHost={socket.gethostname()}
DbdAddr=127.0.0.1
DbdPort=16819
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={DATABASE_PORT}
StorageUser=slurm
StorageLoc=slurm
PidFile={folder}/slurmdbd.pid
CommunicationParameters=NoInAddrAny
"""
    )
    database.chmod(0o600)


if __name__ == "__main__":
    if reason := missing():
        sys.exit(f"error: this machine {reason}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with running(), contextlib.suppress(KeyboardInterrupt):
        print("Up until Ctrl-C. Try: sinfo; snakemake --profile slurm --jobs 3 --config study=smoke", flush=True)
        signal.pause()
