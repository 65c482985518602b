# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # a part of wrapper.sh: variables and functions of the one are used in the other
# Storages of WebDAV and S3 as a wrapper reaches them, by curl: `wrapper.ts` puts this before `wrapper.sh` where a job has such an address.

http_ready() {
  command -v curl >/dev/null && return 0
  problem='curl is not on this node'
  return 1
}

# http_run <method> <address> <argument>...: a server that is not there is told at once: there are others. One that hangs is given up after some
# minutes. What makes the server answer this job only curl's configuration tells: anybody on this node can read its arguments.
http_run() {
  method=$1 address=$2
  shift 2
  set -- --silent --show-error --location --connect-timeout 30 --speed-limit 1 --speed-time 300 "$@"
  authorities=${X509_CERT_DIR:-/etc/grid-security/certificates}
  [ ! -d "$authorities" ] || set -- --capath "$authorities" "$@"
  # Signed addresses are a part of what must not be seen.
  signed=''
  if [ -n "$job_access" ] && (umask 077 && http_access "$method" "$address" >wrapper.curl); then
    set -- --config wrapper.curl "$@"
    case $address in s3+*) signed=1 ;; esac
  fi
  [ -n "$signed" ] || set -- "$@" "${address#s3+}"
  run curl "$@"
}

# http_code <method> <address> <argument>...: sets `code` to the status of the answer, 000 if there is none; what curl says is in wrapper.problem.
http_code() {
  http_run "$@" --write-out '%{http_code}' >wrapper.code 2>wrapper.problem
  code=000
  read -r code <wrapper.code || [ -n "$code" ] || code=000
}

# http_problem <text> [<file>]: sets `problem` to what curl has said of the last request, or else to the text, the status, and the reason in the file with
# the answer of a server of S3.
http_problem() {
  reason=''
  if [ -n "${2-}" ] && [ -f "$2" ]; then
    while read -r line || [ -n "$line" ]; do
      case $line in
        *'<Code>'*'</Code>'*)
          reason=${line#*'<Code>'}
          reason=" (${reason%%'</Code>'*})"
          break
          ;;
      esac
    done <"$2"
  fi
  told_problem "$1: HTTP status $code$reason"
}

# Many servers overwrite what is there, whatever they are asked: who finds another's claim in place of its own comes too late.
http_claim() {
  http_ready || return 1
  printf '%s %s\n' "$job_name" "$token" >wrapper.claim
  http_code GET "$1" --output wrapper.holder
  case $code in
    404)
      http_code PUT "$1" --output /dev/null --header 'If-None-Match: *' --upload-file wrapper.claim
      case $code in
        2?? | 412) http_code GET "$1" --output wrapper.holder ;;
      esac
      ;;
  esac
  if [ "$code" != 200 ]; then
    http_problem "cannot claim $1" wrapper.holder
    return 1
  fi
  holder=''
  read -r holder <wrapper.holder
  [ "$holder" = "$job_name $token" ] || finish killed "another driver's twin has claimed this attempt"
}

http_fetch() {
  http_ready || return 1
  http_code GET "$1" --output "./$2"
  if [ "$code" = 200 ]; then
    size=$(($(wc -c <"./$2")))
    return 0
  fi
  http_problem "cannot read $1" "./$2"
  rm -f "./$2"
  case $problem in
    *'Failure writing output'* | *'Failed writing'* | *'No space left'*) return 2 ;;
    *) return 1 ;;
  esac
}

# Under its temporary name first; moved when the server has got what was sent.
http_deliver() {
  http_ready || return 1
  http_code HEAD "$2" --output /dev/null --head
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
  http_code PUT "$http_part" --output /dev/null --upload-file "$1"
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
  http_code HEAD "$http_part" --output wrapper.headers --head --header 'Want-Digest: adler32'
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
  http_code MOVE "$http_part" --output /dev/null --request MOVE --header "Destination: $2" --header 'Overwrite: F'
  case $code in
    2??)
      outputs="$outputs$3 $size $2
"
      ;;
    *) http_problem "cannot name $2" ;;
  esac
}

# A server of S3 takes a file whole or not at all, and none where one is. It compares what it gets with the MD5, and keeps the adler32: `content-type.ts` tells
# why there.
s3_deliver() {
  http_ready || return 1
  size=$(($(wc -c <"$1"))) type=application/octet-stream sum=''
  read -r sum _ <<END
$(printf '%s %s\n' - "${1#./}" | wrong_checksums)
END
  case $sum in
    '' | -) ;;
    *) type="$type; adler32=$sum" ;;
  esac
  s3_md5 "$1"
  http_code PUT "$2" --output wrapper.answer --header 'If-None-Match: *' --header "Content-Type: $type" \
    --header "Content-MD5:$md5" --upload-file "$1"
  # A signal waits until the published file is in `outputs`, so that it is removed if the job is killed.
  busy=1
  case $code in
    2??)
      outputs="$outputs$3 $size $2
"
      ;;
    409 | 412) problem="$2 exists" ;;
    *)
      http_problem "cannot write $2" wrapper.answer
      # It was made by nobody else.
      http_withdraw "$2"
      ;;
  esac
  busy=''
  [ -z "$signalled" ] || on_signal
  [ -z "$problem" ]
}

# Sets `md5` to that of a file, after a space and as HTTP has it; empty where nothing here can tell: then no such header is sent.
s3_md5() {
  md5='' hex=''
  command -v md5sum >/dev/null && command -v base64 >/dev/null || return 0
  read -r hex _ <<END
$(md5sum <"$1")
END
  md5=" $(while [ -n "$hex" ]; do
    byte=${hex%"${hex#??}"}
    hex=${hex#??}
    # shellcheck disable=SC2059 # the octal number of a byte
    printf "\\$(printf %03o "0x$byte")"
  done | base64)"
}

http_withdraw() {
  http_run DELETE "$1" --output /dev/null --request DELETE 2>/dev/null
}

# What ends the lines of HTTP.
carriage=$(printf '\r')
