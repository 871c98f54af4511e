#!/usr/bin/env bash
# Checks dependencies by deny.toml: licences, bans and sources always, advisories where their database can be had.
set -euo pipefail
if ! command -v cargo-deny >/dev/null 2>&1; then
  echo "cargo-deny is not installed, so dependencies are not checked (cargo install --locked cargo-deny)" >&2
  exit 0
fi
cargo deny --all-features check licenses bans sources
if cargo deny fetch db >/dev/null 2>&1; then
  cargo deny check advisories
else
  echo "the advisory database is out of reach, so advisories are not checked" >&2
fi
