#!/bin/bash
# A bellis program under LSF. Set `program` below, then, from the directory that it shall run in:
#
#     bsub < jobscripts/lsf.sh
#     bsub -n 257 < jobscripts/lsf.sh    # options here win over those below
#
# The program stops before the time limit, and LSF requeues the job until all is done. When a rank is lost, it goes on at once.
#
#BSUB -J bellis
#BSUB -o bellis-%J.out
# Ranks: one schedules, the others work.
#BSUB -n 4
# Ranks of one host, and memory; in what unit, and whether for a rank or a host, the site decides (bparams -a).
#BSUB -R "span[ptile=4] rusage[mem=2048]"
#BSUB -W 1:00
# Exit code 75 means: run again to go on. LSF then puts the job into its queue again; and also when its host is lost.
#BSUB -Q "75"
#BSUB -r
# Two minutes before the end the ranks are told, should they not know when it comes.
#BSUB -wa USR1 -wt 2
##BSUB -P PROJECT
##BSUB -q QUEUE

set -euo pipefail

program=(PROGRAM ARGUMENT)

# The MPI, and the parallel HDF5, that the program was built with:
# module purge
# module load openmpi hdf5-parallel

# The warning is for the ranks, not for this script.
trap : USR1

# How the run is done; README.md lists all of these. `-x NAME` hands them to ranks on other hosts:
# export BELLIS_SLOTS=4           # blocks that a worker processes at once
# export BELLIS_CREDITS=8         # blocks that it holds ahead: more for blocks of microseconds
# export BELLIS_RANK0_SLOTS=1     # blocks that rank 0 processes beside scheduling
# export BELLIS_PROGRESS=off      # no progress and no summary in the job's output

# What is done is remembered here. A requeued job keeps its number; to go on with another job's, name its directory.
export BELLIS_RUN_DIR=${BELLIS_RUN_DIR:-$PWD/bellis-run-$LSB_JOBID}

# When the job ends, in seconds since 1970: LSF tells the time that is left in hours and minutes, such as `0:59 L`.
end=
if left=$(bjobs -noheader -o time_left "$LSB_JOBID") && [[ $left =~ ^([0-9]+):([0-9]+) ]]; then
    end=$(($(date +%s) + 3600 * 10#${BASH_REMATCH[1]} + 60 * 10#${BASH_REMATCH[2]}))
    export BELLIS_DEADLINE=$end
fi

# With less time left, another job goes on, and the program is not started again: what some blocks take.
min_left_s=600
# No more starts in one job.
max_starts=5

for ((start = 1; start <= max_starts; start++)); do
    code=0
    mpirun -n "$LSB_DJOB_NUMPROC" "${program[@]}" || code=$?
    # Instead of mpirun, on machines with jsrun (there `#BSUB -nnodes 2` takes the place of -n, span and rusage):
    # ranks, each a resource set of its own with -c cores: more than one only if a rank has several slots.
    # jsrun -n 84 -a 1 -c 1 --bind rs "${program[@]}" || code=$?

    # All is done (0), blocks failed (1), something is wrong with the program's input (2): another start changes nothing.
    if [ "$code" -le 2 ]; then
        exit "$code"
    fi
    if [ -n "$end" ] && [ $((end - $(date +%s))) -lt "$min_left_s" ]; then
        exit 75
    fi
    echo "exit code $code, with time left: the run goes on" >&2
done
exit "$code"
