#!/usr/bin/env bash
# A model to a device: deploy/push-model.sh pi@raspberrypi.local runs/latest/model.tflite [SECONDS]
# The device itself verifies and self-tests the copy, switches to it, starts its agent again, watches it for so many
# seconds (60), and switches back if it is worse. Needs ssh here, and sudo for that user there.
set -euo pipefail

if [ $# -lt 2 ] || [ -z "$1" ]; then
    echo 'error: no device is named; make push-model HOST=pi@raspberrypi.local [MODEL=…] [WATCH=60]' >&2
    exit 2
fi
host=$1 model=$2 seconds=${3:-60}
fail() { echo "error: can't push $model to $host: $1" >&2; exit "${2:-1}"; }
[ -f "$model" ] || fail "there is no such file; make it with make train quantize DATA=photos/" 78

sha256=$(sha256sum -- "$model") sha256=${sha256%% *} sha256=${sha256#\\}
connection=$(mktemp -d) there=
# One login for all that follows.
options=(-o ControlMaster=auto -o ControlPath="$connection/%C" -o ControlPersist=30)
remote() { # the words of a command, each in quotes for the shell there
    local word words=
    for word; do words+="'${word//\'/\'\\\'\'}' "; done
    ssh "${options[@]}" ${terminal:+"$terminal"} -- "$host" "$words"
}
clean_up() {
    terminal=
    [ -z "$there" ] || remote rm -rf -- "$there" || echo "warning: $there is left on $host" >&2
    ssh "${options[@]}" -O exit -- "$host" 2>/dev/null || true
    rm -rf -- "$connection"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

terminal=
there=$(remote mktemp -d) || fail "there is no way in with ssh"
case $there in /*) ;; *) there=; fail "it says no name for a temporary file" ;; esac
name=$(basename -- "$model")
scp -q "${options[@]}" -- "$(realpath -s -- "$model")" "$host:$there/" || fail "the copy failed"
[ ! -t 0 ] || terminal=-t  # for sudo's question
remote sudo /usr/bin/edge-agent models add "$there/$name" --sha256 "$sha256" --watch "$seconds"
