# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # a part of wrapper.sh: variables and functions of the one are used in the other
# Storages of WebDAV as a wrapper reaches them, by curl: `wrapper.ts` puts this before `wrapper.sh` where a job has such an address.

http_ready() {
  command -v curl >/dev/null && return 0
  problem='curl is not on this node'
  return 1
}

# A server that is not there is told at once: there are others. One that hangs is given up after some minutes.
http_run() {
  set -- --silent --show-error --location --connect-timeout 30 --speed-limit 1 --speed-time 300 "$@"
  authorities=${X509_CERT_DIR:-/etc/grid-security/certificates}
  [ ! -d "$authorities" ] || set -- --capath "$authorities" "$@"
  run curl "$@"
}

# http_code <argument>...: sets `code` to the status of the answer, 000 if there is none; what curl says is in wrapper.problem.
http_code() {
  http_run --write-out '%{http_code}' "$@" >wrapper.code 2>wrapper.problem
  code=000
  read -r code <wrapper.code || [ -n "$code" ] || code=000
}

# Sets `problem` to what curl has said of the last request, or else to $1 and the status.
http_problem() {
  told_problem "$1: HTTP status $code"
}

# Many servers overwrite what is there, whatever they are asked: who finds another's claim in place of its own comes too late.
http_claim() {
  http_ready || return 1
  printf '%s %s\n' "$job_name" "$token" >wrapper.claim
  http_code --output wrapper.holder "$1"
  case $code in
    404)
      http_code --output /dev/null --header 'If-None-Match: *' --upload-file wrapper.claim "$1"
      case $code in
        2?? | 412) http_code --output wrapper.holder "$1" ;;
      esac
      ;;
  esac
  if [ "$code" != 200 ]; then
    http_problem "cannot claim $1"
    return 1
  fi
  holder=''
  read -r holder <wrapper.holder
  [ "$holder" = "$job_name $token" ] || finish killed "another driver's twin has claimed this attempt"
}

http_fetch() {
  http_ready || return 1
  http_code --output "./$2" "$1"
  if [ "$code" = 200 ]; then
    size=$(($(wc -c <"./$2")))
    return 0
  fi
  http_problem "cannot read $1"
  rm -f "./$2"
  case $problem in
    *'Failure writing output'* | *'Failed writing'* | *'No space left'*) return 2 ;;
    *) return 1 ;;
  esac
}

# Under its temporary name first; moved when the server has got what was sent.
http_deliver() {
  http_ready || return 1
  http_code --output /dev/null --head "$2"
  case $code in
    404) ;;
    2??)
      problem="$2 exists"
      return 1
      ;;
    *)
      http_problem "cannot look for $2"
      return 1
      ;;
  esac
  http_part=${2%/*}/.part-${2##*/}
  http_code --output /dev/null --upload-file "$1" "$http_part"
  # A signal waits until the published file is in `outputs`, so that it is removed if the job is killed.
  busy=1
  case $code in
    2??) http_publish "$@" ;;
    *) http_problem "cannot write $2" ;;
  esac
  [ -z "$problem" ] || http_withdraw "$http_part"
  busy=''
  [ -z "$signalled" ] || on_signal
  [ -z "$problem" ]
}

# http_publish <file> <url> <report line up to the size>
http_publish() {
  http_code --output wrapper.headers --head --header 'Want-Digest: adler32' "$http_part"
  size=$(($(wc -c <"$1"))) told='' digest=''
  while read -r name value _; do
    case $name in
      [Cc]ontent-[Ll]ength:) told=${value%"$carriage"} ;;
      [Dd]igest:) digest=${value%"$carriage"} ;;
    esac
  done <wrapper.headers
  if [ "$told" != "$size" ]; then
    problem="$2 has got ${told:-no} bytes instead of $size"
    return 1
  fi
  case $digest in
    adler32=*)
      wrong=$(printf '%s %s\n' "${digest#adler32=}" "${1#./}" | wrong_checksums)
      if [ -n "$wrong" ]; then
        problem="$2 has got another content than it was sent"
        return 1
      fi
      ;;
  esac
  http_code --output /dev/null --request MOVE --header "Destination: $2" --header 'Overwrite: F' "$http_part"
  case $code in
    2??)
      outputs="$outputs$3 $size $2
"
      ;;
    *) http_problem "cannot name $2" ;;
  esac
}

http_withdraw() {
  http_run --output /dev/null --request DELETE "$1" 2>/dev/null
}

# What ends the lines of HTTP.
carriage=$(printf '\r')
