#!/usr/bin/env bash
# Starts a cluster, runs examples/hello in it, and says what to try next: the second half of `make up`.
#
#   scripts/up.sh FOLDER_OF_PROGRAMS NAME NODES
set -euo pipefail
cd "$(dirname "$0")/.."
programs=$1 name=$2 nodes=$3
kubectl=("$programs/kubectl-lite" --context "skiff-$name")

"$programs/skiff" up --name "$name" --nodes "$nodes"
"${kubectl[@]}" apply -f examples/hello
"${kubectl[@]}" rollout status deployment/hello

# Columns are at least three spaces apart; one space is part of a cell, as in "1 (2m ago)".
address=$("${kubectl[@]}" get pods -l app=hello -o wide |
  awk -F '   *' 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "IP") column = i } NR == 2 { print $column }')

cat <<TEXT

hello answers at http://$address:8080

Try next:
  curl http://$address:8080
  kubectl --context skiff-$name get pods -o wide       # or: $programs/kubectl-lite --context skiff-$name ...
  kubectl --context skiff-$name scale deployment/hello --replicas 5
  kubectl --context skiff-$name delete pod -l app=hello   # and watch them come back
  $programs/skiff status
  examples/README.md is a tour; make down removes everything
TEXT
