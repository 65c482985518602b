# shellcheck shell=sh disable=SC2329 # many functions are called by name: from traps, or as "$1"
# The job wrapper: what is the same for every job. `wrapper.ts` puts before it, in one file, what is this job's own:
# the variables job_name job_environment job_access job_wall job_memory job_disk job_validated job_executables, and the functions each_claim,
# each_input, each_output (call "$1" once per item), with_command, with_validation (run "$@" followed by the argument
# list), export_variables and, if job_access is not empty, access_files and http_access. Here is no value that came from outside, so nothing here needs quoting with care.
#
# Who starts it may set job_started (hundredths of a second since 1970) beforehand, which saves a process, and, if it never starts a job twice
# in the same folder, job_token (unique), which saves a file.
#
# It runs in the job's folder, with nothing certain but a POSIX shell and coreutils. A new process costs about a
# millisecond of CPU, as much as a small job itself: what the shell can do itself, it does (read, printf, times, test).
# A new file costs up to half a millisecond (ext4 where many were removed lately): there are few.
#
# claim -> stage-in -> (environment, payload) -> check -> stage-out -> report. `step` says where it is; whatever happens,
# `finish` writes the report. docs/reference/payload-contract.md describes all that a payload or a reader of it can see.
set -u
IFS=' 	
'
job_name=${job_name:?} job_wall=${job_wall:?} job_memory=${job_memory:?} job_disk=${job_disk:?}
job_environment=${job_environment-} job_access=${job_access-} job_validated=${job_validated-} job_executables=${job_executables-}

step=wrapper exit_code=- node=- started=- wall=- cpu=- memory=- outputs=''
problem='' payload='' child='' watcher='' temp='' claimed='' busy='' signalled='' finished=''

say() {
  printf 'fabrica: %s\n' "$*"
}

# --- the end: one report, always ---------------------------------------------------------------------------------

# Sets `line` to $1 as one line of printable characters.
one_line() {
  line=$1
  while :; do
    case $line in
      *[![:print:]]*)
        head=${line%%[![:print:]]*}
        line=${line#"$head"}
        line="$head ${line#?}"
        ;;
      *) return 0 ;;
    esac
  done
}

write_report() {
  one_line "$2"
  printf 'version 1\noutcome %s\nstep %s\nexit %s\nreason %.500s\n' "$1" "$step" "$exit_code" "$line" &&
    printf 'node %.200s\nstarted %s\nended %s\n' "$node" "$started" "$ended" &&
    printf 'wall %s\ncpu %s\nmemoryKB %s\n%send\n' "$wall" "$cpu" "$memory" "$outputs"
}

# Of a job that has failed only what tells why stays: its files may be what has filled the disk.
clear_folder() {
  for file in ./* ./.[!.]* ./..?*; do
    case $file in
      ./wrapper.* | ./log | ./report | ./fabrica-report.*) ;;
      *) set -- "$@" "$file" ;;
    esac
  done
  rm -rf -- "$@" 2>/dev/null
}

# finish <done|failed|killed> <reason>: removes what must not stay, writes the report, and ends the wrapper.
finish() {
  trap '' TERM INT HUP
  trap - EXIT
  finished=1
  if [ "$1" != 'done' ]; then
    say "$step: $2"
    withdraw_all
    clear_folder
  fi
  ended=-
  if [ "$started" != - ]; then
    clock
    show $((started + now - began))
    ended=$shown
    show "$started"
    started=$shown
  fi
  # Whatever a payload has put there. A report in parts does not count: it lacks its last line.
  if [ -e report ] || [ -h report ]; then rm -rf ./report; fi
  write_report "$@" >report
  case $1 in
    'done') exit 0 ;;
    failed) exit 1 ;;
    *) exit 2 ;;
  esac
}

# fail <step> <reason>
fail() {
  step=$1
  finish failed "$2"
}

on_exit() {
  [ -z "$finished" ] || return 0
  problem="the wrapper broke off in step $step with status $1"
  step=wrapper
  finish failed "$problem"
}

on_signal() {
  if [ -n "$busy" ]; then
    signalled=1
    return 0
  fi
  trap '' TERM INT HUP
  [ -z "$watcher" ] || kill -TERM "$watcher" 2>/dev/null
  [ -z "$payload" ] || end_payload
  if [ -n "$child" ]; then
    kill -TERM "$child"
    wait "$child"
  fi 2>/dev/null
  say "ended by a signal in step $step"
  step=killed
  finish killed 'ended by a signal'
}

# --- small things --------------------------------------------------------------------------------------------------

# Sets `now`, a time that only goes forward, in hundredths of a second.
clock() {
  if [ -r /proc/uptime ]; then
    read -r now _ </proc/uptime
    now=$((${now%.*} * 100 + 1${now#*.} - 100))
  else
    now=$(($(date +%s) * 100))
  fi
}

# Sets `hundredths` from a time like 1m2.345s.
hundredths_of() {
  seconds=${1#*m}
  seconds=${seconds%s}
  fraction=${seconds#*[.,]}00
  fraction=${fraction%"${fraction#??}"}
  hundredths=$((${1%%m*} * 6000 + ${seconds%[.,]*} * 100 + 1$fraction - 100))
}

# Sets `spent` to the CPU time of all children that have ended, in hundredths of a second (the unit of /proc as well).
cpu_spent() {
  if [ -r "/proc/$$/stat" ]; then
    read -r stat <"/proc/$$/stat"
    # shellcheck disable=SC2086 # numbers
    set -- ${stat##*) }
    spent=$((${14} + ${15}))
    return 0
  fi
  times >wrapper.times
  user='' system=''
  { read -r _ && read -r user system; } <wrapper.times
  hundredths_of "${user:-0m0.00s}"
  spent=$hundredths
  hundredths_of "${system:-0m0.00s}"
  spent=$((spent + hundredths))
}

# Sets `shown` to hundredths as a decimal number.
show() {
  shown=$(($1 / 100)).$(($1 / 10 % 10))$(($1 % 10))
}

# Runs a command so that a signal is heeded at once and not only when the command ends.
run() {
  LC_ALL=C "$@" &
  child=$!
  wait "$child"
  set -- $?
  child=''
  return "$1"
}

discard() {
  rm -f "./$3"
}

# --- storages: one function per act, one case branch per protocol -----------------------------------------------

# claim_at <url>: 0 if this attempt is ours; 1 with `problem` if the storage does not serve.
claim_at() {
  case $1 in
    file:/*) file_claim "${1#file:}" ;;
    root://* | roots://*) root_claim "$1" ;;
    http://* | https://* | s3+http*) http_claim "$1" ;;
    *) unsupported "$1" ;;
  esac
}

# fetch <url> <name>: 0 with `size`; 1 with `problem` if it can not be read; 2 if this node can not hold it.
fetch() {
  case $1 in
    file:/*) file_fetch "${1#file:}" "$2" ;;
    root://* | roots://*) root_fetch "$1" "$2" ;;
    http://* | https://* | s3+http*) http_fetch "$1" "$2" ;;
    *) unsupported "$1" ;;
  esac
}

# deliver <file> <url> <report line up to the size>: 0 once it is published, recorded in `outputs`; 1 with `problem`.
deliver() {
  case $2 in
    file:/*) file_deliver "$1" "${2#file:}" "$2" "$3" ;;
    root://* | roots://*) root_deliver "$1" "$2" "$3" ;;
    http://* | https://*) http_deliver "$1" "$2" "$3" ;;
    s3+http*) s3_deliver "$1" "$2" "$3" ;;
    *) unsupported "$2" ;;
  esac
}

withdraw() {
  case $1 in
    file:/*) rm -f -- "${1#file:}" ;;
    root://* | roots://*) root_withdraw "$1" ;;
    http://* | https://* | s3+http*) http_withdraw "$1" ;;
    *) unsupported "$1" ;;
  esac
}

unsupported() {
  problem="this wrapper does not know the protocol of $1"
  return 1
}

# Makes the directory of a path, if its storage is there: `//` stands between the root of the storage and the path below it,
# and the root is never made, because then its disk is not mounted.
file_reach() {
  root=${1%%//*}
  if [ "$root" != "$1" ] && [ ! -d "$root" ]; then
    problem="$root is not there"
    return 1
  fi
  directory=${1%/*}
  [ -d "$directory" ] || run mkdir -p -- "$directory" 2>wrapper.problem || told_problem "cannot make $directory"
}

# Sets `problem` to what the last command said, or else to $1.
told_problem() {
  problem=''
  read -r problem <wrapper.problem
  problem=${problem:-$1}
  return 1
}

file_claim() {
  file_reach "$1" || return 1
  # With `set -C` the shell opens with O_EXCL; whoever creates the file owns the attempt.
  set -C
  { true >"$1"; } 2>/dev/null
  set -- "$1" $?
  set +C
  if [ "$2" -eq 0 ]; then
    printf '%s %s\n' "$job_name" "$token" 2>/dev/null >>"$1" && return 0
    rm -f -- "$1"
    problem="cannot write $1"
    return 1
  fi
  if [ ! -e "$1" ]; then
    problem="cannot create $1"
    return 1
  fi
  holder=''
  read -r holder <"$1"
  [ "$holder" = "$job_name $token" ] || finish killed "another driver's twin has claimed this attempt"
}

file_fetch() {
  if [ ! -f "$1" ]; then
    problem="$1 is not there"
    return 1
  fi
  if run dd if="$1" of="./$2" bs=1M 2>wrapper.problem; then
    told_size "./$2"
    return 0
  fi
  told_problem "cannot read $1"
  case $problem in
    *'error writing'* | *"'./$2'"* | *'No space left'* | *'quota exceeded'*) return 2 ;;
    *) return 1 ;;
  esac
}

# Sets `size` to what dd says that it has copied; it saves a process that would look at the file again.
told_size() {
  size=''
  { read -r _ && read -r _ && read -r size _; } <wrapper.problem
  case $size in
    '' | *[!0-9]*) size=$(($(wc -c <"$1"))) ;;
  esac
}

file_deliver() {
  file_reach "$2" || return 1
  if [ -e "$2" ]; then
    problem="$2 exists"
    return 1
  fi
  temp=$directory/.part-${2##*/}
  run dd if="$1" of="$temp" bs=1M conv=fsync 2>wrapper.problem || {
    # Who removes the last file of a directory removes the directory: it may have gone since.
    [ ! -d "$directory" ] && file_reach "$2" &&
      run dd if="$1" of="$temp" bs=1M conv=fsync 2>wrapper.problem
  }
  set -- "$1" "$2" "$3" "$4" $?
  # A signal waits until the published file is in `outputs`, so that it is removed if the job is killed.
  busy=1
  if [ "$5" -ne 0 ]; then
    told_problem "cannot write $temp"
  else
    told_size "$temp"
    # Never over a file that is there: then `mv -n` leaves the temporary one, and says nothing.
    if LC_ALL=C mv -n -- "$temp" "$2" 2>wrapper.problem && [ ! -e "$temp" ]; then
      temp=''
      outputs="$outputs$4 $size $3
"
    else
      told_problem "$2 exists"
    fi
  fi
  [ -z "$temp" ] || rm -f -- "$temp"
  temp='' busy=''
  [ -z "$signalled" ] || on_signal
  [ -z "$problem" ]
}

# Removes what this job has staged out, and the temporary file it was writing.
withdraw_all() {
  [ -z "$temp" ] || rm -f -- "$temp"
  [ -n "$outputs" ] || return 0
  while read -r _ _ _ _ _ url; do
    [ -z "$url" ] || withdraw "$url"
  done <<END
$outputs
END
  outputs=''
}

# --- the steps -----------------------------------------------------------------------------------------------------

# A run that found another run's token is a repetition in the same folder: what that one left counts for nothing.
know_folder() {
  token=${job_token-}
  [ -z "$token" ] || return 0
  if [ -f wrapper.token ]; then
    read -r token <wrapper.token
    rm -f report wrapper.environment wrapper.memory
    each_output discard
  fi
  if [ -z "$token" ]; then
    if [ -r /proc/sys/kernel/random/uuid ]; then
      read -r token </proc/sys/kernel/random/uuid
    else
      token=$started.$$
    fi
    printf '%s\n' "$token" >wrapper.token
  fi
}

# claim <storage> <url>
claim() {
  claimed=${claimed:-none}
  [ "$claimed" = none ] || return 0
  if claim_at "$2"; then
    claimed=$1
  else
    say "no claim at $1: $problem"
  fi
}

# stage_in <name> <size> <adler32> <url>...
stage_in() {
  bring '' "$@"
  printf '%s %s\n' "$3" "$1" >>wrapper.inputs
}

# bring <checked> <name> <size> <adler32> <url>...: from the first url that gives it whole.
bring() {
  checked=$1 name=$2 wanted=$3 checksum=$4 complaint=input-missing said='it has no replica'
  shift 4
  for url in "$@"; do
    fetch "$url" "$name"
    case $? in
      0)
        if [ "$size" != "$wanted" ]; then
          complaint=input-corrupt said="$url has $size bytes instead of $wanted"
        elif [ -n "$checked" ] && ! printf '%s %s\n' "$checksum" "$name" | wrong_checksums >wrapper.corrupt; then
          return 0
        elif [ -n "$checked" ] && [ -s wrapper.corrupt ]; then
          complaint=input-corrupt said="$url has not the adler32 $checksum"
        else
          return 0
        fi
        ;;
      1)
        [ "$complaint" = input-corrupt ] || said=$problem
        ;;
      *) fail wrapper "no room for $name in the job's folder: $problem" ;;
    esac
    say "input $name: ${said:-$problem}"
  done
  fail stage-in "$complaint: $name: $said"
}

# Reads lines `adler32 name`, writes those of files that have another one, with that one; `-` for one that can not be read. Fails if nothing here can tell.
# perl comes first because it starts in a tenth of the time of python3; small files need no module.
wrong_checksums() {
  if command -v perl >/dev/null; then
    # shellcheck disable=SC2016 # perl's variables, not the shell's
    perl -e '
      my $zlib;
      while (<STDIN>) {
        chomp;
        my ($wanted, $name) = split / /, $_, 2;
        my ($low, $high, $found) = (1, 0, "-");
        if (open my $file, "<", "./$name") {
          binmode $file;
          $zlib //= eval { require Compress::Raw::Zlib; 1 } ? 1 : 0 if -s $file > 65536;
          my $sum = 1;
          while (read $file, my $bytes, 65536) {
            if ($zlib) { $sum = Compress::Raw::Zlib::adler32($bytes, $sum); next }
            for (unpack "C*", $bytes) { $low += $_; $high += $low }
            $low %= 65521;
            $high %= 65521;
            $sum = $high * 65536 + $low;
          }
          $found = sprintf("%08x", $sum);
          next if $found eq $wanted;
        }
        print "$found $name\n";
      }'
  elif command -v python3 >/dev/null; then
    python3 -S -c '
import sys, zlib
for line in sys.stdin:
    wanted, name = line.rstrip("\n").split(" ", 1)
    total = 1
    with open("./" + name, "rb") as file:
        for part in iter(lambda: file.read(1 << 20), b""):
            total = zlib.adler32(part, total)
    found = "%08x" % (total & 0xFFFFFFFF)
    if found != wanted:
        print(found, name)'
  elif command -v xrdadler32 >/dev/null; then
    while read -r wanted name; do
      read -r found _ <<END
$(xrdadler32 "./$name")
END
      [ "$found" = "$wanted" ] || printf '%s %s\n' "${found:--}" "$name"
    done
  else
    return 1
  fi
}

# Looks at all inputs at once; what is wrong is brought once more, from any replica, and looked at alone.
check_inputs() {
  if ! wrong_checksums <wrapper.inputs >wrapper.wrong; then
    say 'the inputs have the right sizes; nothing here can compute adler32'
    return 0
  fi
  [ ! -s wrapper.wrong ] || each_input bring_again
}

bring_again() {
  wrong=''
  while read -r _ name; do
    [ "$name" != "$1" ] || wrong=1
  done <wrapper.wrong
  if [ -n "$wrong" ]; then
    say "input $1 has not the adler32 $3"
    bring checked "$@"
  fi
}

# Sets `tree` to the processes of the payload and `pages` to their resident memory: the children of children of `payload`,
# which is cheap however many processes the machine has; where the kernel does not tell children, its process group.
walk() {
  tree='' pages=0 level=$payload
  if [ -e "/proc/$$/task/$$/children" ]; then
    while [ -n "$level" ]; do
      next=''
      for pid in $level; do
        rss=''
        read -r _ rss _ <"/proc/$pid/statm"
        [ -n "$rss" ] || continue
        tree="$tree $pid" pages=$((pages + rss))
        for list in "/proc/$pid/task/"*/children; do
          children=''
          read -r children <"$list"
          next="$next$children "
        done
      done
      case $next in
        *[0-9]*) level=$next ;;
        *) level='' ;;
      esac
    done
  else
    for list in /proc/[0-9]*/stat; do
      stat=''
      read -r stat <"$list"
      stat=${stat##*) }
      stat=${stat#* }
      stat=${stat#* }
      [ "${stat%% *}" = "$payload" ] || continue
      pid=${list#/proc/}
      pid=${pid%/stat}
      rss=''
      read -r _ rss _ <"/proc/$pid/statm"
      tree="$tree $pid" pages=$((pages + ${rss:-0}))
    done
  fi 2>/dev/null
}

# signal_payload <signal>: its group, and whatever of it has made a group of its own.
signal_payload() {
  walk
  kill "-$1" "-$payload"
  for pid in $tree; do
    kill "-$1" "$pid"
  done
} 2>/dev/null

# TERM, up to ten seconds, KILL.
end_payload() {
  signal_payload TERM
  tries=0
  while [ "$tries" -lt 100 ] && kill -0 "-$payload" 2>/dev/null; do
    sleep 0.1
    tries=$((tries + 1))
  done
  signal_payload KILL
}

# Runs beside the payload: writes the highest resident memory in kB to wrapper.memory; above a limit it ends the payload. Its
# first look is after 0.1 s, later ones up to 2 s apart; that at the folder costs a process, and comes later. Its exit code is
# 3 if the limit was that of memory, 4 if it was that of the folder.
watch_limits() {
  nap=0.1 verdict=0
  # Before there is a nap, $! is the payload; when this is told to end, that one has ended or is about to be.
  trap '{ kill "$!"; wait "$!"; } 2>/dev/null; exit "$verdict"' TERM
  sleep "$nap" &
  wait "$!"
  page=4096
  while read -r key value _; do
    if [ "$key" = KernelPageSize: ]; then
      page=$((value * 1024))
      break
    fi
  done <"/proc/$$/smaps"
  peak=0
  while kill -0 "$payload" 2>/dev/null; do
    walk
    resident=$((pages * page / 1000))
    if [ "$resident" -gt "$peak" ]; then
      peak=$resident
      printf '%s\n' "$peak" >wrapper.memory
    fi
    if [ "$resident" -gt "$job_memory" ]; then
      verdict=3
    elif [ "$nap" = 1 ] || [ "$nap" = 2 ]; then
      used=$(du -sk . 2>/dev/null)
      used=${used%%[!0-9]*}
      if [ "$((${used:-0} * 1024 / 1000))" -gt "$job_disk" ]; then verdict=4; fi
    fi
    if [ "$verdict" -ne 0 ]; then
      signal_payload TERM
      sleep 5 &
      wait "$!"
      signal_payload KILL
      exit "$verdict"
    fi
    case $nap in
      0.1) nap=0.2 ;;
      0.2) nap=0.5 ;;
      0.5) nap=1 ;;
      *) nap=2 ;;
    esac
    sleep "$nap" &
    wait "$!"
  done
}

# limited <with_command|with_validation> <seconds>: sets `status`.
limited() {
  {
    # shellcheck disable=SC3045 # every shell that is used as sh has it; without it there may be core files
    ulimit -c 0 2>/dev/null
    export_variables
    export FABRICA_JOB_NAME="$job_name"
    if [ -n "$job_environment" ]; then
      # Set-up scripts of experiments want bash.
      shell='sh'
      if command -v bash >/dev/null; then shell=bash; fi
      # shellcheck disable=SC2016 # for the inner shell
      "$1" exec timeout -k 10 "$2" "$shell" -c \
        'eval "$1" || exit; : >wrapper.environment; shift; exec "$@"' "$shell" "$job_environment"
    else
      "$1" exec timeout -k 10 "$2"
    fi
  } &
  payload=$!
  if [ -r /proc/self/statm ]; then
    watch_limits &
    watcher=$!
  fi
  wait "$payload"
  status=$?
  # Whatever the command has left running in its group.
  kill -KILL "-$payload" 2>/dev/null
  payload=''
}

end_watch() {
  [ -n "$watcher" ] || return 0
  kill -TERM "$watcher" 2>/dev/null
  wait "$watcher"
  verdict=$?
  watcher=''
  if [ -s wrapper.memory ]; then read -r memory <wrapper.memory; fi
  case $verdict in
    3) fail memory-limit "resident memory of $memory kB is above the limit of $job_memory kB" ;;
    4) fail disk-limit "the files of the job take more than the limit of $job_disk kB" ;;
  esac
}

run_payload() {
  cpu_spent
  before=$spent
  clock
  entered=$now
  limited with_command "$job_wall"
  clock
  elapsed=$((now - entered))
  cpu_spent
  show $((spent - before))
  cpu=$shown
  show "$elapsed"
  wall=$shown
  exit_code=$status
  end_watch
  if [ -n "$job_environment" ] && [ ! -e wrapper.environment ]; then
    fail environment "the environment failed with exit code $status after $wall s"
  fi
  case $status in
    0) return 0 ;;
    124 | 137)
      if [ "$elapsed" -ge $((job_wall * 100)) ]; then
        fail wall-limit "ended after $wall s at the limit of $job_wall s"
      fi
      ;;
    126 | 127) fail payload "the command cannot be run (exit code $status)" ;;
  esac
  if [ "$status" -gt 128 ] && [ "$status" -lt 160 ]; then
    fail payload "the payload was ended by signal $((status - 128)) (exit code $status)"
  fi
  fail payload "the payload ended with exit code $status"
}

# check_output <index> <level> <file> ...
check_output() {
  [ -f "./$3" ] || fail check "the output $3 does not exist"
  [ -s "./$3" ] || fail check "the output $3 is empty"
}

# The validation has what is left of the wall limit, and at least a minute.
validate() {
  rest=$((job_wall - elapsed / 100))
  [ "$rest" -ge 60 ] || rest=60
  limited with_validation "$rest"
  end_watch
  [ "$status" -eq 0 ] || fail check "the validation ended with exit code $status"
}

# stage_out <index> <level> <file> <storage> <url> [<storage> <url>]...
stage_out() {
  index=$1 level=$2 file=$3 said='it has no destination'
  shift 3
  while [ $# -ge 2 ]; do
    problem=''
    if deliver "./$file" "$2" "output $index $level $1"; then return 0; fi
    said="$1: $problem"
    say "output $file can not go to $said"
    shift 2
  done
  fail stage-out "$file: $said"
}

trap 'on_exit $?' EXIT
trap on_signal TERM INT HUP
exec </dev/null >>log 2>&1
clock
began=$now
started=${job_started:-$(date +%s)00}
if [ -r /proc/sys/kernel/hostname ]; then read -r node </proc/sys/kernel/hostname; else node=$(uname -n); fi
know_folder
[ -z "$job_access" ] || (umask 077 && access_files)

step=claim
each_claim claim
[ "$claimed" != none ] || fail stage-out "no storage takes the claim of this attempt: $problem"

step=stage-in
[ ! -e wrapper.inputs ] || rm -f wrapper.inputs
each_input stage_in
[ ! -s wrapper.inputs ] || check_inputs
for file in $job_executables; do
  chmod +x "./$file" || fail stage-in "cannot make $file executable"
done

step=payload
run_payload

step=check
each_output check_output
[ -z "$job_validated" ] || validate

step=stage-out
each_output stage_out

step=none
finish 'done' ''
