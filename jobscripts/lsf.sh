#!/bin/bash
# A bellis program under LSF. Set `program` below, then, from the directory that it shall run in:
#
#     bsub < jobscripts/lsf.sh
#     bsub -n 257 < jobscripts/lsf.sh    # options here win over those below
#
#BSUB -J bellis
#BSUB -o bellis-%J.out
# Ranks: one schedules, the others work.
#BSUB -n 4
# Ranks of one host, and memory; in what unit, and whether for a rank or a host, the site decides (bparams -a).
#BSUB -R "span[ptile=4] rusage[mem=2048]"
#BSUB -W 1:00
##BSUB -P PROJECT
##BSUB -q QUEUE

set -euo pipefail

program=(PROGRAM ARGUMENT)

# The MPI, and the parallel HDF5, that the program was built with:
# module purge
# module load openmpi hdf5-parallel

# How the run is done; README.md lists all of these. `-x NAME` hands them to ranks on other hosts:
# export BELLIS_SLOTS=4           # blocks that a worker processes at once
# export BELLIS_CREDITS=8         # blocks that it holds ahead: more for blocks of microseconds
# export BELLIS_RANK0_SLOTS=1     # blocks that rank 0 processes beside scheduling
# export BELLIS_PROGRESS=off      # no progress and no summary in the job's output

mpirun -n "$LSB_DJOB_NUMPROC" "${program[@]}"

# Instead of mpirun, on machines with jsrun (there `#BSUB -nnodes 2` takes the place of -n, span and rusage):
# ranks, each a resource set of its own with -c cores: more than one only if a rank has several slots.
# jsrun -n 84 -a 1 -c 1 --bind rs "${program[@]}"
