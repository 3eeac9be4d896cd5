#!/bin/bash
# A bellis program under PBS (OpenPBS, PBS Professional, Torque). Set `program` below, then, from the directory that it shall
# run in:
#
#     qsub jobscripts/pbs.sh
#
# The program stops before the time limit and the script submits itself again until all is done. When a rank is lost, it goes
# on at once.
#
#PBS -N bellis
#PBS -j oe
# Ranks: one schedules, the others work. (Torque: -l nodes=1:ppn=4)
#PBS -l select=1:ncpus=4:mpiprocs=4:mem=8gb
#PBS -l walltime=01:00:00
# When a node is lost, PBS starts the job again.
#PBS -r y
##PBS -A PROJECT
##PBS -q QUEUE

set -euo pipefail
cd "$PBS_O_WORKDIR"

program=(PROGRAM ARGUMENT)
# This script, to submit it again: PBS runs a copy.
script=jobscripts/pbs.sh

# The MPI, and the parallel HDF5, that the program was built with:
# module purge
# module load openmpi hdf5-parallel

# How the run is done; README.md lists all of these. `-x NAME` hands them to ranks on other hosts:
# export BELLIS_SLOTS=4           # blocks that a worker processes at once
# export BELLIS_CREDITS=8         # blocks that it holds ahead: more for blocks of microseconds
# export BELLIS_RANK0_SLOTS=1     # blocks that rank 0 processes beside scheduling
# export BELLIS_PROGRESS=off      # no progress and no summary in the job's output

# What is done is remembered here; the jobs that go on with it are handed its name.
export BELLIS_RUN_DIR=${BELLIS_RUN_DIR:-$PWD/bellis-run-${PBS_JOBID%%.*}}

# When the job ends, in seconds since 1970: PBS tells the limit as 01:00:00, and the job begins now.
end=
limit=$(qstat -f "$PBS_JOBID" | sed -n 's/^ *Resource_List\.walltime = //p')
if [[ $limit =~ ^([0-9]+):([0-9]+):([0-9]+)$ ]]; then
    limit_s=$((3600 * 10#${BASH_REMATCH[1]} + 60 * 10#${BASH_REMATCH[2]} + 10#${BASH_REMATCH[3]}))
    end=$(($(date +%s) + limit_s))
    export BELLIS_DEADLINE=$end
fi

# With less time left, another job goes on, and the program is not started again: what some blocks take.
min_left_s=600
# No more starts in one job, and no more jobs.
max_starts=5
max_jobs=100

for ((start = 1; start <= max_starts; start++)); do
    code=0
    mpirun -n "$(wc -l <"$PBS_NODEFILE")" "${program[@]}" || code=$?
    # All is done (0), blocks failed (1), something is wrong with the program's input (2): another start changes nothing.
    if [ "$code" -le 2 ]; then
        exit "$code"
    fi
    if [ -n "$end" ] && [ $((end - $(date +%s))) -lt "$min_left_s" ]; then
        if [ "${N_JOBS:-1}" -lt "$max_jobs" ]; then
            echo "exit code $code at the end of the job's time: it is submitted again" >&2
            qsub -v BELLIS_RUN_DIR="$BELLIS_RUN_DIR",N_JOBS=$((${N_JOBS:-1} + 1)) "$script"
        fi
        exit "$code"
    fi
    echo "exit code $code, with time left: the run goes on" >&2
done
exit "$code"
