#!/bin/sh
# Makes the rule that ships as `default` again: sh recipes/default.sh DATA, from the top of the
# repository, DATA holding Omniglot, Tiny-ImageNet and CIFAR-10. Thirteen runs, each from the rule of the one
# before, runs/default-1 to runs/default-13; interrupted, the same command goes on. About
# nine hours on two cores. The last one's rule.safetensors is the rule.
set -eu
data=${1:?usage: sh recipes/default.sh DATA [--engine mesh --local-processes 2]}
shift
command=${METAPLASTIC:-.venv/bin/metaplastic}

# stage NUMBER [OPTION...]
stage() {
  number=$1 out=runs/default-$1
  shift
  if [ -e "$out/config.json" ]; then how=--resume; else how="--config recipes/default-$number.toml"; fi
  # shellcheck disable=SC2086
  $command meta-train $how --out "$out" --data-dir "$data" $engine "$@"
}

engine=$*
stage 1
stage 2
stage 3 --until 458
stage 4 --until 100
stage 5 --until 153
stage 6
stage 7
stage 8
stage 9 --until 3
stage 10 --until 183
stage 11
stage 12
stage 13 --until 4
