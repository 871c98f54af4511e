#!/bin/sh
# Builds /pause and /hello for images: static, stripped, small. Prints the folder they are in.
set -eu
cd "$(dirname "$0")/../.."
target=x86_64-unknown-linux-gnu
out=${CARGO_TARGET_DIR:-target}/static
export CARGO_PROFILE_DIST_OPT_LEVEL=s CARGO_PROFILE_DIST_PANIC=abort
# With --target the flags reach our programs only, not the build scripts. A fixed address spares each pod's pause the
# pages that relocating would make its own.
RUSTFLAGS='-C target-feature=+crt-static -C relocation-model=static' \
  cargo build --quiet --package workloads --bins --profile dist --target "$target" --target-dir "$out" >&2
echo "$out/$target/dist"
