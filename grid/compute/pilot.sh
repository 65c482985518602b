# shellcheck shell=sh
# A pilot: runs job wrappers in one slot of this machine, one after the other. A large process forks slowly and stands still
# meanwhile; with pilots it forks once for a slot and not once for a job. `pilot.ts` starts and feeds it.
#
#   sh pilot.sh <launcher> <pid of the owner> <spool> [single]
#
# Each line of its stdin is `<when the machine started, in hundredths of a second since 1970> <job's folder, below the spool>`;
# each line of its stdout is the exit code of a job, in the same order. A job that was started or forbidden meanwhile, or whose
# folder is gone, is passed over. With `single` (where there is no setsid) it becomes the one job it is fed.
#
# When its owner is gone it starts nothing more, whatever it was fed: the next owner counts only jobs that have started.
set -u
launcher=$1 owner=$2 spool=$3 single=${4-}
exec 3<&0 4>&1 </dev/null >/dev/null 2>&1

owned() {
  if [ -r /proc/self/stat ]; then
    read -r stat </proc/self/stat
    stat=${stat##*) }
    stat=${stat#* }
    [ "${stat%% *}" = "$owner" ]
  else
    kill -0 "$owner"
  fi
}

while read -r boot place <&3; do
  owned || exit 0
  code=75
  if [ ! -e "$spool/$place/wrapper.started" ] && cd "$spool/$place"; then
    [ -z "$single" ] || exec /bin/sh -c "$launcher" fabrica-wrapper "$boot" 3<&- 4>&-
    setsid /bin/sh -c "$launcher" fabrica-wrapper "$boot" 3<&- 4>&-
    code=$?
    cd /
  fi
  printf '%s\n' "$code" >&4
done
