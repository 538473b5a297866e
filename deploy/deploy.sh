#!/usr/bin/env bash
# `make deploy`: builds the Debian package for a device, copies it there over ssh, and runs on-device.sh there with sudo.
# What it is told stands in the environment: HOST, and perhaps MODEL, CAMERA, BROKER, PACKAGE, PYTHON.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
host=${HOST:-} model=${MODEL:-} camera=${CAMERA:-} broker=${BROKER:-} package=${PACKAGE:-} python=${PYTHON:-python3}
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
if [ ! "$package" ]; then
    "$python" "$here/build_deb.py" "$machine-$release" "$work/built" || exit
    package=$(echo "$work"/built/*.deb)
fi
package=$(realpath "$package")

# In the home folder, as /tmp may be in memory.
# shellcheck disable=SC2016
folder=$(on_device 'mktemp -d "$HOME/edge-agent.XXXXXX"') || fail 1 "can't make a folder on $host: see above"
files=("$here/on-device.sh" "$package")
[ ! "$model" ] || files+=("$(realpath "$model")")
scp -q "${through[@]}" -- "${files[@]}" "$host:$folder/" || fail 1 "can't copy to $host: see above; is its disk full?"

install="sudo bash $(quoted "$folder/on-device.sh") $(quoted "$folder/$(basename "$package")")"
[ ! "$model" ] || model=$folder/$(basename "$(realpath "$model")")
install+=" $(quoted "$model") $(quoted "$camera") $(quoted "$broker")"
terminal=()
[ ! -t 0 ] || terminal=(-t) # for sudo's password
ssh "${through[@]}" "${terminal[@]}" -- "$host" "$install"
