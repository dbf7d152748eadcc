#!/usr/bin/env bash
# Puts the real servers that `make test-systems` runs against into .systems/, each in a folder named after its version: what is there already costs nothing.
# Nothing outside the checkout is changed, except for the caches of go and pip.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p .systems

# Two makes at once must not both build: the second waits, and then finds what it wanted.
if command -v flock >/dev/null; then exec 9>.systems/lock; flock 9; fi

fail() { echo "systems: $*" >&2; exit 1; }

# install <folder> <function>: the function fills the folder given to it, which is named last, when it is whole.
install() {
  local folder=.systems/$1
  [ ! -d "$folder" ] || return 0
  echo "systems: installing $1 into .systems"
  rm -rf "$folder.part"
  mkdir -p "$folder.part"
  "$2" "$PWD/$folder.part" >"$folder.log" 2>&1 || { tail -20 "$folder.log" >&2; fail "$1 cannot be installed; $folder.log has the rest"; }
  mv "$folder.part" "$folder"
}

# An emulator of Cloud Storage, in Go: two minutes, once. A project's own -mod=vendor would be in the way.
fake_gcs_server() {
  command -v go >/dev/null || { echo 'go is missing: install Go 1.24 or later (https://go.dev/dl)'; return 1; }
  GOBIN=$1 GOFLAGS="${GOFLAGS:-} -mod=mod" GOWORK=off go install github.com/fsouza/fake-gcs-server@v1.56.1
}

# python_packages <folder> <package>…: with what they need beside them, for PYTHONPATH.
python_packages() {
  command -v python3 >/dev/null || { echo 'python3 is missing: install Python 3.9 or later'; return 1; }
  python3 -m pip --version || { echo 'pip is missing: install it (apt-get install python3-pip)'; return 1; }
  python3 -m pip install --quiet --disable-pip-version-check --target "$@"
}

# Another one, in Python: `python3 -m gcp_storage_emulator`.
gcp_storage_emulator() {
  python_packages "$1" gcp-storage-emulator==2026.7.19 google-crc32c==1.9.0
}

# The reader of Data Packages that the standard's authors write, 61 MB: `python3 -m frictionless`.
frictionless() {
  python_packages "$1" frictionless==5.21.0
}

# Readers of delivered Parquet, Arrow and Excel, 170 MB.
readers() {
  python_packages "$1" pyarrow==26.0.1 openpyxl==3.1.5
}

# A server that speaks S3, in Go: a minute and a half, once.
versitygw() {
  command -v go >/dev/null || { echo 'go is missing: install Go 1.24 or later (https://go.dev/dl)'; return 1; }
  GOBIN=$1 GOFLAGS="${GOFLAGS:-} -mod=mod" GOWORK=off go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
}

# Microsoft's own emulator of Azure Storage, apart from package.json: 240 MB that nothing else needs. npm has been seen to wait for ever for a registry that had gone silent, so it is asked twice.
azurite() {
  local npm=(npm install --prefix "$1" --no-save --no-package-lock --no-audit --no-fund --ignore-scripts --fetch-timeout=30000 azurite@3.37.0)
  timeout 240 "${npm[@]}" || timeout 240 "${npm[@]}"
}

# A linter of GitHub Actions workflows, in Go.
actionlint() {
  command -v go >/dev/null || { echo 'go is missing: install Go 1.24 or later (https://go.dev/dl)'; return 1; }
  GOBIN=$1 GOFLAGS="${GOFLAGS:-} -mod=mod" GOWORK=off go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
}

# What a DAG is written against, 300 MB.
airflow() {
  python_packages "$1" apache-airflow-core==3.3.2
}

# The recipes of docs/verifying.md run in a reader's shell.
command -v jq >/dev/null || fail 'jq is missing: install it (apt-get install jq)'
# The units of docs/scheduling.md are held against it.
command -v systemd-analyze >/dev/null || fail 'systemd-analyze is missing: install it (apt-get install systemd)'

install fake-gcs-server-1.56.1 fake_gcs_server
install gcp-storage-emulator-2026.7.19 gcp_storage_emulator
install frictionless-5.21.0 frictionless
install readers-1 readers
install versitygw-1.8.0 versitygw
install azurite-3.37.0 azurite
install actionlint-1.7.12 actionlint
install airflow-3.3.2 airflow
