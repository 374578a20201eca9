#!/usr/bin/env bash
# Trains mini on all rows for several epochs where a GPU is at hand, scores it on the tune sets, and leaves its weights as
# float16 in parts of at most 16 MB.
#
#   bench/gpu_mini.sh OUT DATA BASE [EPOCHS] [more options of `train`]
#
# DATA: train.parquet. BASE: the base model's folder (without a network it cannot be fetched; `train --recipe mini` keeps
# it in RUN/base). SETS: folder with tune-law, tune-precedent and korsts-dev.tsv, ../shared/benchmarks unless set.
# OUT/weights: `cat model.safetensors.part-* > model.safetensors` and the small files make a folder that
# sentence-transformers opens. A run that is cut off goes on with the same command and --resume as its last option.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mkdir -p "$1" && cd "$1" && pwd)
data=$2 base=$3 epochs=${4:-3}
shift $(($# < 4 ? $# : 4))
python=${PYTHON:-python3}
sets=${SETS:-../shared/benchmarks}
part_bytes=16000000

"$python" -m koe5_demo train --recipe mini --data "$data" --base "$base" --epochs "$epochs" --output "$out/run" "$@" \
  >"$out/report.json"
rm -rf "$out/export" "$out/weights"
"$python" -m koe5_demo export --model "$out/run" --output "$out/export" --dtype float16
"$python" -m koe5_demo benchmark --model "$out/run" --dataset "$sets/tune-law" "$sets/tune-precedent" --output "$out/scores" \
  --format md | tee "$out/scores.md"
mkdir "$out/weights"
cp -r "$out/export/." "$out/weights"
rm "$out/weights/model.safetensors"
split --bytes="$part_bytes" --numeric-suffixes "$out/export/model.safetensors" "$out/weights/model.safetensors.part-"
(cd "$out/export" && sha256sum model.safetensors) >"$out/weights/SHA256"
