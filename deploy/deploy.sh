#!/usr/bin/env bash
# `make deploy`: builds the archive for a device, copies it there over ssh, and runs its install.sh with sudo.
# What it is told stands in the environment: HOST, and perhaps MODEL, CAMERA, BROKER, ARCHIVE, PYTHON.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
host=${HOST:-} model=${MODEL:-} camera=${CAMERA:-} broker=${BROKER:-} archive=${ARCHIVE:-} python=${PYTHON:-python3}
folder=''

fail() {
    echo "error: $2" >&2
    exit "$1"
}

# A text as one word for the device's shell.
quoted() {
    printf "'%s'" "${1//\'/\'\\\'\'}"
}

on_device() {
    ssh "${through[@]}" -- "$host" "$@"
}

clean_up() {
    [ ! "$folder" ] || on_device "rm -rf $(quoted "$folder")" || true
    ssh "${through[@]}" -O exit -- "$host" 2>/dev/null || true
    rm -rf "$work"
}

[ "$host" ] || fail 2 "make deploy: HOST is not given; write make deploy HOST=pi@raspberrypi.local"
[ ! "$model" ] || [ -r "$model" ] || fail 2 "can't read the model $model: no such file; check MODEL"
work=$(mktemp -d)
# One connection for all, so that a password is asked for once.
through=(-o ControlMaster=auto -o ControlPath="$work/connection" -o ControlPersist=60)
trap clean_up EXIT

# shellcheck disable=SC2016  # the device's shell expands it
about=$(on_device '. /etc/os-release; echo "$(uname -m) $(getconf LONG_BIT) ${VERSION_CODENAME:-unknown}"') ||
    fail 1 "can't ask $host what it is: ssh failed, see above; check the name, and that ssh $host works"
read -r machine bits release <<<"$about"
[ "$bits" = 64 ] || fail 1 "can't install on $host: its system is 32-bit, and there are no packages for it; install a 64-bit one"
echo "$host is $machine, Debian $release"
if [ ! "$archive" ]; then
    "$python" "$here/build_archive.py" "$machine-$release" "$work/built" || exit
    archive=$(echo "$work"/built/*.tar.gz)
fi

# In the home folder, as /tmp may be in memory.
# shellcheck disable=SC2016
folder=$(on_device 'mktemp -d "$HOME/edge-agent.XXXXXX"') || fail 1 "can't make a folder on $host: see above"
files=("$(realpath "$archive")")
[ ! "$model" ] || files+=("$(realpath "$model")")
scp -q "${through[@]}" -- "${files[@]}" "$host:$folder/" || fail 1 "can't copy to $host: see above; is its disk full?"

install="cd $(quoted "$folder") && tar xzf $(quoted "$(basename "$archive")") --strip-components=1 && sudo ./install.sh"
[ ! "$model" ] || install+=" --model $(quoted "$(basename "$(realpath "$model")")")"
[ ! "$camera" ] || install+=" --camera $(quoted "$camera")"
[ ! "$broker" ] || install+=" --broker $(quoted "$broker")"
terminal=()
[ ! -t 0 ] || terminal=(-t) # for sudo's password
ssh "${through[@]}" "${terminal[@]}" -- "$host" "$install"
