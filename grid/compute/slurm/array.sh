#!/bin/sh
# What Slurm runs for each task of an array; its arguments are the folder of the array (see array-folder.ts) and the name of the array.
# Whoever creates started.N first has decided about the task: a task that comes second, was forbidden, or whose array is gone, leaves.
# A process costs a millisecond, a file on a shared disk more: there are few of each.
set -u
task=${SLURM_ARRAY_TASK_ID:?}
cd "$1" || exit 76
array=''
read -r array <tasks || exit 75
[ "$array" = "$2" ] || exit 75
# shellcheck disable=SC2046 # where its part begins in `own`, how long it is, which common part follows, its name
set -- $(sed -n "$((task + 2))p" tasks)
[ $# -eq 4 ] || exit 76
set -C
{ printf '%s %s\n' "${SLURM_ARRAY_JOB_ID:?}" "$(uname -n)" >"started.$task"; } 2>/dev/null || exit 75
set +C
mkdir "job.$task" && cd "job.$task" || exit 76
# As secret as the part of it that is the job's own.
: >wrapper.sh && chmod 600 wrapper.sh || exit 76
{ tail -c "+$(($1 + 1))" ../own | head -c "$2" && cat "../common.$3"; } >wrapper.sh || exit 76
# shellcheck disable=SC2034 # of wrapper.sh
job_token=$array.$task
set --
# shellcheck source=/dev/null
. ./wrapper.sh
