#!/bin/sh
# Installs the real servers that the conformance suites start: from the packages of Debian, and versitygw, which Go builds once into node_modules/.cache.
# Nothing is left running: each test starts its own.
set -eu
missing=''
for pair in xrootd:xrootd-server xrdcp:xrootd-client curl:curl openssl:openssl go:golang-go \
  sbatch:slurm-client slurmctld:slurmctld slurmd:slurmd slurmdbd:slurmdbd munged:munge mariadbd:mariadb-server; do
  command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
if [ -n "$missing" ]; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # Services are not for tests: without this one, packages start what they install.
  guard=/usr/sbin/policy-rc.d
  [ -e "$guard" ] || { printf '#!/bin/sh\nexit 101\n' >"$guard" && chmod 755 "$guard" && trap 'rm -f "$guard"' EXIT; }
  # shellcheck disable=SC2086 # a list
  apt-get install -y -qq --no-install-recommends $missing xrootd-plugins >/dev/null
fi

go=$(cd "$(dirname "$0")/../.." && pwd)/node_modules/.cache/fabrica/go
server=github.com/versity/versitygw/cmd/versitygw@v1.8.0
if [ "$(cat "$go/server" 2>/dev/null)" != "$server" ]; then
  GOBIN=$go/bin go install "$server"
  echo "$server" >"$go/server"
fi
