#!/bin/bash
#SBATCH --job-name=sweep-t0001
#SBATCH '--output=/shared/a b/1/slurm/output.log'
#SBATCH '--error=/shared/a b/1/slurm/errors.log'
#SBATCH --open-mode=append
#SBATCH --signal=B:USR2@90
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --partition=gpu
#SBATCH --account=lab
#SBATCH --qos=low
#SBATCH --time=4:00:00
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --mem=64G
#SBATCH --requeue
#SBATCH '--constraint=a100|h100'
# Written by framework.launch.slurm. `sbatch` with this file starts it, or continues it.

folder='/shared/a b/1/slurm'
mkdir -p "$folder" && rm -f "$folder"/exit.json
cd '/shared/a b/1' || exit 1
child='' asked='' told='' interrupted=''
tell() {
  until scontrol --oneliner show step "$SLURM_JOB_ID" 2>/dev/null |
      grep -vE '\.(batch|extern) ' | grep -q State=RUNNING; do
    kill -0 "$child" 2>/dev/null || return
    sleep 0.5
  done
  scancel --signal=TERM "$SLURM_JOB_ID"  # its steps, not this script
}
hear() {
  [ "$asked" = TERM ] || asked=$1
  interrupted=yes
  if [ -n "$child" ] && [ -z "$told" ]; then told=yes; tell; fi
}
trap 'hear USR2' USR2
trap 'hear TERM' TERM
newest() { ls '/shared/a b/1/checkpoints' 2>/dev/null | grep -E '^[0-9]+$' | sort -n | tail -n 1; }

echo "Job $SLURM_JOB_ID, start ${SLURM_RESTART_COUNT:-0}" >&2
module load cuda

before=$(newest)
srun --ntasks=8 --cpus-per-task=8 --label --kill-on-bad-exit=1 --unbuffered python -m x 'a='"'"'b'"'"'' &
child=$!
if [ -n "$asked" ] && [ -z "$told" ]; then told=yes; tell; fi
wait "$child"
code=$?
while [ -n "$interrupted" ]; do  # wait was left because of a signal, not of the end
  interrupted=''
  wait "$child"
  code=$?
done

# How often in a row nothing was gained.
after=$(newest)
without=0
if [ "$before" = "$after" ]; then
  without=$(($(cat "$folder"/without 2>/dev/null || echo 0) + 1))
fi
echo "$without" >"$folder"/without
line=$(printf '{"job": "%s", "restart": %d, "code": %d, "asked": "%s"' \
  "$SLURM_JOB_ID" "${SLURM_RESTART_COUNT:-0}" "$code" "$asked")
line=$(printf '%s, "step": %d, "seconds": %d, "nodes": "%s"}' \
  "$line" "${after:-0}" "$SECONDS" "$SLURM_JOB_NODELIST")
echo "$line" >>"$folder"/starts.jsonl

again=''
case "$asked:$code" in
  TERM:* | *:0 | *:1 | *:2) ;;  # cancelled, or over
  *:75 | USR2:*) again=yes ;;
esac
if [ -n "$again" ] && [ "$without" -lt 3 ] && scontrol requeue "$SLURM_JOB_ID"; then
  exit 75
fi
echo "$line" >"$folder"/.exit.json && mv "$folder"/.exit.json "$folder"/exit.json
exit "$code"
