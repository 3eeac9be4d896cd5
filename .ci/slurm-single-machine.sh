#!/usr/bin/env bash
# A Slurm of two nodes, n1 and n2, on this one machine, to try job scripts on. It needs root and, on Debian or Ubuntu,
#     apt-get install --no-install-recommends slurm-wlm munge
# Everything it makes lies in one directory, with a munge key and ports of its own; the machine's own Slurm, if it has
# one, is left alone.
#
#     eval "$(.ci/slurm-single-machine.sh start)"    # sets SLURM_CONF for this shell
#     sbatch jobscripts/slurm.sh PROGRAM
#     .ci/slurm-single-machine.sh stop
set -euo pipefail

dir=${SLURM_SINGLE_MACHINE_DIR:-${TMPDIR:-/tmp}/bellis-slurm}
cpus_per_node=4 # Slurm is told so, whatever the machine has
nodes=(n1 n2)

say() { printf 'slurm: %s\n' "$*" >&2; }
fail() {
    say "$*"
    exit 1
}

write_config() {
    local host
    host=$(hostname -s)
    cat >"$dir/slurm.conf" <<CONF
ClusterName=bellis
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket=$dir/munge.socket
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool-%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd-%n.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd-%n.log
# What would lie in /tmp on two machines must not meet in the /tmp of one.
TmpFS=$dir/tmp-%n
TaskProlog=$dir/task-prolog
# No cgroups: containers seldom have them.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0
MpiDefault=pmix
ReturnToService=2
SlurmdParameters=config_overrides
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=16821 CPUs=$cpus_per_node RealMemory=65536
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=16822 CPUs=$cpus_per_node RealMemory=65536
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
CONF
    # Slurm puts what this prints into the task's environment.
    cat >"$dir/task-prolog" <<PROLOG
#!/bin/sh
echo "export TMPDIR=$dir/tmp-\$SLURMD_NODENAME"
echo "export OMPI_MCA_btl=tcp,self" # shared memory bears the host's name, which is the same on both nodes
PROLOG
    chmod +x "$dir/task-prolog"
}

start_munge() {
    (umask 077 && head -c 128 /dev/urandom >"$dir/munge.key")
    munged --force --key-file="$dir/munge.key" --socket="$dir/munge.socket" --seed-file="$dir/munge.seed" \
        --pid-file="$dir/munged.pid" --log-file="$dir/munged.log" >&2
}

# A daemon that is up is not yet a cluster that takes jobs.
wait_until_idle() {
    for _ in $(seq 100); do
        [ "$(sinfo --noheader --Node --format=%t 2>/dev/null | grep -c '^idle$')" -eq ${#nodes[@]} ] && return
        sleep 0.2
    done
    fail "the nodes did not come up in 20 s: see the logs in $dir, then stop"
}

start() {
    [ "$(id -u)" -eq 0 ] || fail "starting a Slurm takes root"
    local tool
    for tool in munged slurmctld slurmd sinfo; do
        command -v "$tool" >/dev/null || fail "$tool is missing: apt-get install --no-install-recommends slurm-wlm munge"
    done
    [ ! -e "$dir" ] || fail "$dir is there already: stop first"
    mkdir -m 755 "$dir" "$dir/state"
    write_config
    export SLURM_CONF=$dir/slurm.conf
    start_munge
    slurmctld >&2
    local node
    for node in "${nodes[@]}"; do
        mkdir "$dir/spool-$node" "$dir/tmp-$node"
        slurmd -N "$node" >&2
    done
    wait_until_idle
    say "two nodes are up; logs are in $dir"
    echo "export SLURM_CONF=$dir/slurm.conf"
}

# Ends one daemon by its pid file, and waits until it has gone.
end() {
    local pid
    [ -s "$1" ] || return 0
    pid=$(cat "$1")
    kill "$pid" 2>/dev/null || return 0
    for _ in $(seq 50); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
}

stop() {
    [ -e "$dir" ] || return 0
    [ -e "$dir/slurm.conf" ] || fail "$dir holds no slurm.conf: that is not a directory of mine"
    export SLURM_CONF=$dir/slurm.conf
    local node
    if [ -s "$dir/slurmctld.pid" ]; then
        scancel --quiet --partition=main 2>/dev/null || true
    fi
    for node in "${nodes[@]}"; do end "$dir/slurmd-$node.pid"; done
    end "$dir/slurmctld.pid"
    end "$dir/munged.pid"
    rm -rf "$dir"
    say "stopped"
}

case "${1:-}" in
    start) start ;;
    stop) stop ;;
    *) fail "usage: $0 start|stop" ;;
esac
