#!/usr/bin/env bash
# The job script for Slurm, on the real one of `.ci/slurm-single-machine.sh`: jobs that lose a rank or a node, and one that needs
# several time limits. What each writes is what an undisturbed run writes, byte by byte, and no block runs twice but those that
# were in flight or not yet recorded.
#
#     .ci/test-slurm.sh TESTBED          # about six minutes: the shortest time limit of Slurm is one
#     .ci/test-slurm.sh TESTBED short    # without time limits: about one minute
#
# `make test-slurm` builds TESTBED, the program that the tests run, and calls it. It needs root, and slurm-wlm and munge.
set -euo pipefail

testbed=$(realpath "${1:?usage: $0 TESTBED [short]}")
is_short=${2:-}
root=$(realpath "$(dirname "$0")/..")
work=$(mktemp -d)
export SLURM_SINGLE_MACHINE_DIR=$work/slurm

# Whatever happens, no daemon stays behind.
trap '"$root/.ci/slurm-single-machine.sh" stop; rm -rf "$work"' EXIT
eval "$("$root/.ci/slurm-single-machine.sh" start)"

say() { printf '%(%T)T %s\n' -1 "$*" >&2; }
fail() {
    say "FAILED: $*"
    tail -n 60 "$work/$name.out" >&2
    exit 1
}

# submit NAME N_BLOCKS MILLISECONDS SBATCH_OPTION..: sets `name` and `job`.
submit() {
    name=$1
    mkdir "$work/$name"
    undisturbed "$2"
    job=$(sbatch --parsable --chdir="$work" --mem-per-cpu=100M --output="$work/$name.out" "${@:4}" \
        "$root/jobscripts/slurm.sh" "$testbed" scenario limits-array "$work/$name" "$2" "$3")
    say "$name: job $job"
}

# What N_BLOCKS blocks write when nothing happens.
undisturbed() {
    rm -rf "$work/undisturbed"
    mkdir "$work/undisturbed"
    BELLIS_PROGRESS=off "$testbed" scenario limits-array "$work/undisturbed" "$1" 0 >"$work/undisturbed.out"
}

n_run() { cat "$work/$name"/blocks-* 2>/dev/null | wc -l; }

# Waits until so many blocks were run.
wait_for_blocks() {
    for _ in $(seq 600); do
        [ "$(n_run)" -ge "$1" ] && return
        sleep 0.1
    done
    fail "fewer than $1 blocks in a minute"
}

# Waits until the job is over, and starts it at once where Slurm would leave it requeued for two minutes.
finish() {
    local state
    for _ in $(seq 600); do
        state=$(scontrol --oneliner show job "$job" | sed -n 's/.* JobState=\([A-Z_]*\).*/\1/p')
        case $state in
            COMPLETED) return ;;
            PENDING)
                # In the second in which it was requeued, Slurm would not trust it.
                sleep 5
                scontrol update JobId="$job" StartTime=now 2>/dev/null || true
                ;;
            RUNNING | COMPLETING | CONFIGURING | REQUEUED) ;;
            *) fail "the job's state is $state" ;;
        esac
        sleep 1
    done
    fail "the job goes on after ten minutes"
}

# check N_BLOCKS MOST: the output is right, and no more than MOST blocks ran again.
check() {
    diff -r "$work/undisturbed/out.zarr" "$work/$name/out.zarr" || fail "the output is another one"
    local n_again=$(($(n_run) - $1))
    [ "$n_again" -le "$2" ] || fail "$n_again blocks ran again"
    say "$name: right; $n_again blocks ran again, $(grep -c 'the run goes on\|it is requeued' "$work/$name.out") new starts"
}

# Epochs of one second: a loss costs what ran since the last one.
export BELLIS_EPOCH_S=1

submit rank-killed 300 100 --time=30
wait_for_blocks 150
pid=$(for pid in $(pgrep --exact testbed); do
    if tr '\0' '\n' <"/proc/$pid/environ" | grep -q "^SLURM_JOB_ID=$job$" &&
        tr '\0' '\n' <"/proc/$pid/environ" | grep -q '^SLURM_PROCID=2$'; then echo "$pid"; fi
done)
kill -KILL "$pid"
finish
grep -q 'exit code 137, with time left: the run goes on' "$work/$name.out" || fail "it did not start again"
check 300 100

submit node-lost 500 100 --time=30 --nodes=2 --ntasks=6
wait_for_blocks 250
scontrol update NodeName=n2 State=DOWN Reason="a test"
finish
grep -q 'Node failure on n2' "$work/$name.out" || fail "no node was lost"
check 500 150
scontrol update NodeName=n2 State=RESUME 2>/dev/null || true

[ -z "$is_short" ] || exit 0

# Three workers, 140 s of work: three limits of a minute at least. The signal of the script, two minutes before the end, would come
# at once: the deadline is what counts.
submit time-limits 1400 300 --time=1 --signal=USR1@1
finish
[ "$(grep -c 'it is requeued' "$work/$name.out")" -ge 2 ] || fail "fewer than three time limits"
check 1400 30
