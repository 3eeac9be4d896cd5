#!/bin/bash
# A bellis program under Slurm. From the directory that it shall run in:
#
#     sbatch jobscripts/slurm.sh PROGRAM [ARGUMENT...]
#     sbatch --nodes=4 --ntasks=257 jobscripts/slurm.sh PROGRAM [ARGUMENT...]    # options here win over those below
#
# The program stops before the time limit and goes on in the same job, requeued, until all is done. When a rank or a node is
# lost, it goes on at once on the nodes that are left.
#
#SBATCH --job-name=bellis
#SBATCH --output=%x-%j.out
#SBATCH --open-mode=append
#SBATCH --nodes=1
# Ranks: one schedules, the others work.
#SBATCH --ntasks=4
# Cores of each rank: more than one only if a rank processes several blocks at once (slots) or its blocks use threads.
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=2G
#SBATCH --time=01:00:00
# The job may be requeued, and goes on when a node is lost.
#SBATCH --requeue
#SBATCH --no-kill
# Two minutes before the end all ranks are told, should they not know when it comes.
#SBATCH --signal=USR1@120
##SBATCH --account=PROJECT
##SBATCH --partition=PARTITION

set -euo pipefail

# The MPI, and the parallel HDF5, that the program was built with:
# module purge
# module load openmpi hdf5-parallel

# How the run is done; README.md lists all of these:
# export BELLIS_SLOTS=$SLURM_CPUS_PER_TASK    # blocks that a worker processes at once
# export BELLIS_CREDITS=8                     # blocks that it holds ahead: more for blocks of microseconds
# export BELLIS_RANK0_SLOTS=1                 # blocks that rank 0 processes beside scheduling
# export BELLIS_PROGRESS=off                  # no progress and no summary in the job's output

if [ $# -eq 0 ]; then
    echo "usage: sbatch jobscripts/slurm.sh PROGRAM [ARGUMENT...]" >&2
    exit 2
fi

# What is done is remembered here. A requeued job keeps its number; to go on with another job's: BELLIS_RUN_DIR=.. sbatch ..
export BELLIS_RUN_DIR=${BELLIS_RUN_DIR:-$PWD/bellis-run-$SLURM_JOB_ID}

# When the job ends, in seconds since 1970. Newer versions of Slurm say so themselves.
end=${SLURM_JOB_END_TIME:-}
if [ -z "$end" ]; then
    # Such as 2026-11-25T15:00:00, or NONE.
    written=$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%e) || written=NONE
    if end=$(date --date="${written:-NONE}" +%s 2>/dev/null); then
        export BELLIS_DEADLINE=$end
    fi
fi

# With less time left, the job is requeued, and not the program started again: what some blocks take.
min_left_s=600
# No more starts in one job, and no more jobs.
max_starts=5
max_restarts=100

for ((start = 1; start <= max_starts; start++)); do
    # Nodes may have been lost since the job began.
    n_nodes=$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%D) || n_nodes=
    n_nodes=${n_nodes:-$SLURM_JOB_NUM_NODES}
    n_tasks=$((SLURM_NTASKS * n_nodes / SLURM_JOB_NUM_NODES))
    code=0
    # srun does not take --cpus-per-task over from sbatch by itself. Sites differ in --mpi; `srun --mpi=list` names what there is.
    srun --mpi=pmix --nodes="$n_nodes" --ntasks="$n_tasks" --cpus-per-task="$SLURM_CPUS_PER_TASK" "$@" || code=$?
    # Instead of srun, where Open MPI was built without the site's PMI:
    # mpirun -n "$n_tasks" --map-by node --bind-to none "$@" || code=$?

    # All is done (0), blocks failed (1), something is wrong with the program's input (2): another start changes nothing.
    # Otherwise it was interrupted (75), or ranks were lost, and the same run goes on where it ended.
    if [ "$code" -le 2 ]; then
        exit "$code"
    fi
    if [ -n "$end" ] && [ $((end - $(date +%s))) -lt "$min_left_s" ]; then
        if [ "${SLURM_RESTART_COUNT:-0}" -lt "$max_restarts" ]; then
            echo "exit code $code at the end of the job's time: it is requeued" >&2
            # That ends this script; should it end by itself meanwhile, the job would be over.
            scontrol requeue "$SLURM_JOB_ID" && sleep 300
        fi
        exit "$code"
    fi
    echo "exit code $code, with time left: the run goes on" >&2
done
exit "$code"
