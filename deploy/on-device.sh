#!/usr/bin/env bash
# Run on the device as root, by deploy.sh: on-device.sh PACKAGE MODEL CAMERA BROKER. Any of them may be empty.
# Where something fails, what ran before runs again.
set -euo pipefail

package=$1 model=$2 camera=$3 broker=$4
settings=/etc/edge-agent/agent.toml current=/var/lib/edge-agent/models/current

fail() {
    echo "error: $2" >&2
    exit "$1"
}

install_package() {
    # Nobody is there to answer dpkg's questions, and another build may have the same version.
    apt-get install -qq --yes --reinstall --allow-downgrades -o DPkg::Lock::Timeout=120 \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$package" ||
        fail 1 "can't install the package: see above; what ran before runs on"
}

# set_key KEY DEFAULT VALUE: only where agent.toml still has what the package brought.
set_key() {
    local text old="$1 = \"$2\"" value=${3//\\/\\\\}
    local new="$1 = \"${value//\"/\\\"}\""
    text=$(<$settings)
    if [[ $text == *$'\n'"$old"* ]]; then
        cat >$settings <<<"${text/$'\n'"$old"/$'\n'"$new"}"
    elif [[ $text != *$'\n'"$new"* ]]; then
        echo "$settings stays as it is, for its $1 was changed before; change it again with sudo nano $settings"
    fi
}

check_settings() {
    local status=0 password=/etc/edge-agent/broker-password
    if [ -e $password ]; then
        EDGE_AGENT_BROKER_PASSWORD=$(<$password)
        export EDGE_AGENT_BROKER_PASSWORD
    fi
    (cd / && runuser -u edge-agent -- edge-agent check --config $settings) || status=$?
    [ $status -ne 69 ] || echo "what is not there is waited for"
    [ $status -eq 69 ] || return $status
}

# go_back STATUS
go_back() {
    cat >$settings <<<"$old_settings"
    [ "$(readlink $current)" = "$old_model" ] || [ ! "$old_model" ] || edge-agent models rollback --config $settings || true
    [ "$ran" ] || fail "$1" "edge-agent was not started: see above; mend it and deploy again"
    systemctl start edge-agent
    fail "$1" "edge-agent does not start: see above; it runs again as before"
}

[ ! "$package" ] || install_package
old_settings=$(<$settings) old_model=$(readlink $current || true) ran='' status=0
! systemctl is-active --quiet edge-agent || ran=yes
if [ "$model" ]; then
    edge-agent models add "$model" --config $settings || fail $? "can't use the model $model: see above; what ran runs on"
fi
[ ! "$camera" ] || set_key source 0 "$camera"
[ ! "$broker" ] || set_key url mqtt://localhost:1883 "$broker"
/usr/lib/edge-agent/has-model $settings || exit 0 # it says what to do
# Who runs instances alone has disabled it.
if systemctl is-enabled --quiet edge-agent; then
    systemctl stop edge-agent # it holds the cameras
    { check_settings && systemctl start edge-agent; } || status=$?
    [ $status -eq 0 ] || go_back $status
    echo "started edge-agent.service"
fi
[ "$(readlink $current || true)" = "$old_model" ] || systemctl try-restart 'edge-agent@*.service'
