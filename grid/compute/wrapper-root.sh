# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # a part of wrapper.sh: variables and functions of the one are used in the other
# Storages of XRootD as a wrapper reaches them, by the commands that come with it: `wrapper.ts` puts this before `wrapper.sh` where a job has such an
# address. Files are opened as new ones and kept only when they are closed (--posc): who creates a file owns it, and of a copy that broke
# off nothing stays.

root_ready() {
  command -v xrdcp >/dev/null && return 0
  problem='xrdcp is not on this node'
  return 1
}

# A server that is not there is told at once: there are others. One that hangs is given up after some minutes.
root_run() {
  run env XRD_CONNECTIONWINDOW=30 XRD_CONNECTIONRETRY=1 XRD_REQUESTTIMEOUT=300 XRD_STREAMTIMEOUT=300 \
    XRD_STREAMERRORWINDOW=30 XRD_TIMEOUTRESOLUTION=1 "$@"
}

root_copy() {
  root_run xrdcp --silent --nopbar "$@"
}

root_claim() {
  root_ready || return 1
  printf '%s %s\n' "$job_name" "$token" >wrapper.claim
  root_copy --posc wrapper.claim "$1" 2>wrapper.problem && return 0
  told_problem "cannot create $1"
  case $problem in
    *'file exists'*) ;;
    *) return 1 ;;
  esac
  # Who has created it may still be writing.
  tries=0
  while ! root_copy --force "$1" wrapper.holder 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 10 ] || finish killed "somebody else is claiming this attempt"
    run sleep 1
  done
  holder=''
  read -r holder <wrapper.holder
  [ "$holder" = "$job_name $token" ] || finish killed "another driver's twin has claimed this attempt"
}

root_fetch() {
  root_ready || return 1
  if root_copy --force "$1" "./$2" 2>wrapper.problem; then
    size=$(($(wc -c <"./$2")))
    return 0
  fi
  told_problem "cannot read $1"
  rm -f "./$2"
  case $problem in
    *'(destination)'* | *'No space left'* | *'quota exceeded'*) return 2 ;;
    *) return 1 ;;
  esac
}

root_deliver() {
  root_ready || return 1
  root_copy --posc --cksum adler32:source --rm-bad-cksum "$1" "$2" 2>wrapper.problem
  set -- "$1" "$2" "$3" $?
  # A signal waits until the published file is in `outputs`, so that it is removed if the job is killed.
  busy=1
  if [ "$4" -eq 0 ]; then
    outputs="$outputs$3 $(($(wc -c <"$1"))) $2
"
  else
    told_problem "cannot write $2"
    case $problem in
      *'file exists'*) ;;
      # It was made by nobody else.
      *) root_withdraw "$2" ;;
    esac
  fi
  busy=''
  [ -z "$signalled" ] || on_signal
  [ -z "$problem" ]
}

root_withdraw() {
  rest=${1#*://}
  root_run xrdfs "${1%%://*}://${rest%%/*}" rm "${rest#*/}" >/dev/null 2>&1
}
