#!/bin/bash
# A bellis program under Slurm. From the directory that it shall run in:
#
#     sbatch jobscripts/slurm.sh PROGRAM [ARGUMENT...]
#     sbatch --nodes=4 --ntasks=257 jobscripts/slurm.sh PROGRAM [ARGUMENT...]    # options here win over those below
#
#SBATCH --job-name=bellis
#SBATCH --output=%x-%j.out
#SBATCH --nodes=1
# Ranks: one schedules, the others work.
#SBATCH --ntasks=4
# Cores of each rank: more than one only if a rank processes several blocks at once (slots) or its blocks use threads.
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=2G
#SBATCH --time=01:00:00
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

# srun does not take --cpus-per-task over from sbatch by itself. Sites differ in --mpi; `srun --mpi=list` names what there is.
srun --mpi=pmix --cpus-per-task="$SLURM_CPUS_PER_TASK" "$@"

# Instead of srun, where Open MPI was built without the site's PMI:
# mpirun -n "$SLURM_NTASKS" --map-by node --bind-to none "$@"
