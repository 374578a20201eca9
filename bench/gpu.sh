#!/usr/bin/env bash
# What a GPU makes of the project, in at most 8 minutes: equality to float32 first, then page, corpus, suite and training
# steps, each with its percent of the matrix rate measured beside it.
#
#   bench/gpu.sh OUT        on a GPU
#   bench/gpu.sh OUT dry    the same commands on the processor with a tiny model: do they run?
#
# Every step writes OUT/<step>.json and has a time limit of its own; one that fails is told, and the rest goes on. If the
# vectors are not those of float32 nothing is timed.
set -uo pipefail
cd "$(dirname "$0")/.."
out=$(mkdir -p "$1" && cd "$1" && pwd)
mode=${2:-gpu}
python=${PYTHON:-python3}
failed=0

if [ "$mode" = dry ]; then
  device=cpu tokens=300 repeats=1 patience=10 training=(--size tiny --steps 2 --variant-steps 1 --warmup 1 --batch-size 4)
  "$python" -c 'import sys; from pathlib import Path; from tests.tiny_models import build_tiny_xlmr; build_tiny_xlmr(Path(sys.argv[1]))' \
    "$out/model" || exit 1
  model=(--model "$out/model") engines=(--engines "padding-free bf16")
else
  device=cuda tokens=0 repeats=5 patience=1 training=(--size full --steps 20 --variant-steps 4) model=() engines=()
  "$python" -c 'import torch; assert torch.cuda.is_available(), "no GPU here"; print(torch.cuda.get_device_name())' || exit 1
fi

step() { # NAME SECONDS COMMAND...
  local name=$1 limit=$(($2 * patience)) start=$SECONDS
  shift 2
  if timeout "$limit" "$python" "$@" >"$out/$name.json" 2>"$out/$name.log"; then
    echo "$name: $((SECONDS - start)) s"
  else
    echo "$name: failed after $((SECONDS - start)) s: $(tail -n 1 "$out/$name.log")"
    failed=1
    return 1
  fi
}

encode=(-m bench.encode --device "$device" "${model[@]}" --format json)
step equality 90 "${encode[@]}" --workload page --tokens 300 --engines "padding-free fp32" "padding-free bf16" || exit 1
"$python" - "$out/equality.json" <<'PYTHON' || exit 1
import json
import sys

LARGEST_ERROR = {"fp32": 1e-3, "bf16": 0.05}  # random weights exaggerate; the order of magnitude tells a fault
rows = [row for row in json.load(open(sys.argv[1]))["rows"] if row["engine"] == "padding-free"]
for row in rows:
    print(f"equality, {row['dtype']}: a cosine is off by {row['max_abs_cosine_error']} at most")
if not rows or any(row["max_abs_cosine_error"] > LARGEST_ERROR[row["dtype"]] for row in rows):
    sys.exit("the vectors are not those of float32: nothing is timed")
PYTHON
step page 60 "${encode[@]}" --workload page --tokens "$tokens" --repeats "$repeats" "${engines[@]}"
step corpus 90 "${encode[@]}" --workload corpus --tokens "$tokens" --repeats "$repeats" "${engines[@]}"
suite=(-m bench.suite --device "$device" "${model[@]}" --dtype bf16 --tokens "$tokens" --format json)
step suite 60 "${suite[@]}"
step suite-peer 80 "${suite[@]}" --peer
step training 100 bench/train.py --device "$device" "${training[@]}" --only sorted --format json
exit "$failed"
