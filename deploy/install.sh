#!/usr/bin/env bash
# Installs edge-agent on this device, from the folder that it stands in and without a network; README.md tells more.
# A second run finds everything in place. An update that fails leaves the old agent running.
set -euo pipefail

readonly LINK=/opt/edge-agent SETTINGS=/etc/edge-agent STATE=/var/lib/edge-agent UNITS=/etc/systemd/system
readonly PASSWORD=$SETTINGS/broker-password CURRENT=$STATE/models/current
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
model='' camera='' broker='' start=yes dry_run='' remove='' purge=''
changes=0 new='' old='' old_model='' switched='' made_settings=''

usage() {
    cat <<'END'
usage: sudo ./install.sh [--model FILE] [--camera SOURCE] [--broker URL] [--no-start] [--dry-run]
       sudo ./install.sh --uninstall | --purge [--dry-run]

  --model FILE       prove this model on this device, put it into the store, and use it
  --camera SOURCE    0, /dev/video0, csi://0, rtsp://…      both go into a new agent.toml only:
  --broker URL       mqtt://[user@]host, mqtts://host       one that is there already stays as it is
  --no-start         do everything but start the agent
  --dry-run          say what would be done, and do nothing
  --uninstall        remove the agent; configuration, models and waiting events stay
  --purge            remove those too, and the user
END
}

# fail STATUS MESSAGE
fail() {
    echo "error: $2" >&2
    exit "$1"
}

# change WHAT COMMAND...: say it and do it; with --dry-run only say it.
change() {
    changes=$((changes + 1))
    if [ "$dry_run" ]; then
        echo "would $1"
    else
        echo "$1"
        "${@:2}"
    fi
}

read_options() {
    while [ $# -gt 0 ]; do
        case $1 in
            --model | --camera | --broker)
                [ "${2:-}" ] || fail 2 "$1 needs a value; see ./install.sh --help"
                printf -v "${1#--}" %s "$2"
                shift
                ;;
            --no-start) start='' ;;
            --dry-run) dry_run=yes ;;
            --uninstall) remove=yes ;;
            --purge) remove=yes purge=yes ;;
            --help | -h) usage && exit 0 ;;
            *) fail 2 "unknown option $1; see ./install.sh --help" ;;
        esac
        shift
    done
    [ ! "$remove" ] || [ ! "$model$camera$broker" ] || fail 2 "--uninstall and --purge take nothing but --dry-run"
    [ ! "$model" ] || [ -r "$model" ] || fail 2 "can't read the model $model: no such file; check the path"
}

examine() {
    local machine python release found
    [ ! -e /usr/lib/edge-agent ] ||
        fail 1 "can't install beside the Debian package edge-agent; apt remove edge-agent first (configuration and models stay)"
    [ -e "$here/BUILT_FOR" ] || fail 1 "no packages beside install.sh: it stands alone; unpack the archive of \`make dist\` and run the one in it"
    (cd "$here" && sha256sum --check --quiet --strict SHA256SUMS >/dev/null 2>&1) ||
        fail 1 "the archive is damaged: files differ from SHA256SUMS; copy and unpack it again"
    read -r version machine python release <"$here/BUILT_FOR"
    [ "$(getconf LONG_BIT)" = 64 ] || fail 1 "this system is 32-bit, and there are no packages for it; install a 64-bit one"
    [ "$(uname -m)" = "$machine" ] ||
        fail 1 "wrong archive: it is for $machine, and this machine is $(uname -m); take the one for $(uname -m)-$release"
    found=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || found=missing
    [ "$found" = "$python" ] ||
        fail 1 "wrong archive: it is for Debian $release with Python $python, and Python here is $found; take the one for this release"
    /usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null ||
        fail 1 "can't make a virtual environment: python3-venv is missing; apt install python3-venv"
    [ -L $LINK ] || [ ! -e $LINK ] ||
        fail 1 "can't use $LINK: install.sh did not make it; move it away (mv $LINK $LINK.old)"
    # Named by what is in the archive: where the link names it, nothing is to be done.
    new=$LINK-$version-$(sha256sum "$here/SHA256SUMS" | cut -c1-8)
    old=$(readlink -e $LINK || true)
    old_model=$(readlink $CURRENT || true)
}

make_user() {
    local group
    if ! id edge-agent >/dev/null 2>&1; then
        change "make the user edge-agent" useradd --system --user-group --no-create-home \
            --home-dir /nonexistent --shell /usr/sbin/nologin edge-agent
    fi
    for group in video render; do
        if getent group $group >/dev/null && ! id -nG edge-agent 2>/dev/null | grep -qw $group; then
            change "let it into the group $group" usermod --append --groups $group edge-agent
        fi
    done
    # If systemd made it, it would give the agent all that is in it by then: the models as well.
    [ -d $STATE ] || change "make $STATE" install -d -m 750 -o edge-agent -g edge-agent $STATE
}

build_environment() {
    local log
    install_packages() {
        /usr/bin/python3 -m venv --clear "$new" && "$new/bin/pip" --quiet --disable-pip-version-check install \
            --no-cache-dir --no-index --find-links "$here/wheels" --constraint "$here/constraints.txt" edge-agent
    }
    trap '[ "$switched" ] || rm -rf "$new"' EXIT
    log=$(install_packages 2>&1) || fail 1 "can't install the packages: $(tail -n 1 <<<"$log"); nothing that runs was changed"
    install -d "$new/deploy"
    install -m 755 "$here/install.sh" "$new/deploy"
    install -m 644 "$here"/*.service "$here/agent.example.toml" "$new/deploy"
    sync -f "$new"
}

write_settings() {
    local text
    text=$(<"$here/agent.example.toml")
    [ ! "$camera" ] || text=${text/'source = "0"'/"source = $(quoted "$camera")"}
    [ ! "$broker" ] || text=${text/'url = "mqtt://localhost:1883"'/"url = $(quoted "$broker")"}
    install -d -m 755 $SETTINGS
    # The group only, for there may be logins of cameras in it.
    install -m 640 -g edge-agent /dev/stdin $SETTINGS/agent.toml <<<"$text"
    made_settings=yes
}

# A text as TOML writes it.
quoted() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

use_model() {
    if [ "$dry_run" ]; then
        echo "would prove $model on this device, put it into $STATE/models, and use it"
        return
    fi
    "$new/bin/edge-agent" models add "$model" --store $STATE/models --config $SETTINGS/agent.toml ||
        fail $? "can't use the model $model: see above; what ran runs on"
    [ "$(readlink $CURRENT)" = "$old_model" ] || changes=$((changes + 1))
}

# switch_to ENVIRONMENT: the link in one step, and its units.
switch_to() {
    ln -sfn "$(basename "$1")" $LINK.new
    mv -T $LINK.new $LINK
    install -m 644 "$1"/deploy/*.service $UNITS
    systemctl daemon-reload
    switched=yes
}

units_differ() {
    ! cmp -s <(cat "$here"/edge-agent{,@}.service) <(cat $UNITS/edge-agent{,@}.service 2>/dev/null)
}

instances() {
    systemctl list-units --plain --no-legend "$@" 'edge-agent@*.service' | cut -d ' ' -f 1
}

lacks_model() {
    [ ! -e $CURRENT ] && grep -qs "^model = \"$CURRENT\"" $SETTINGS/agent.toml
}

# The units that should run: the plain one where it is enabled and can, and the instances that do.
wanted_units() {
    if systemctl is-enabled --quiet edge-agent 2>/dev/null && ! lacks_model; then
        echo edge-agent.service
    fi
    instances --state=active,activating
}

those_active() {
    local unit
    for unit in "$@"; do
        ! systemctl is-active --quiet "$unit" || echo "$unit"
    done
}

# Each unit's `edge-agent check`, as the agent's user; a camera or a broker that is away is waited for.
check() {
    local unit status name password=''
    [ ! -e $PASSWORD ] || password=$(<$PASSWORD)
    for unit in "$@"; do
        status=0 name=${unit#edge-agent@}
        [ "$name" != edge-agent.service ] || name=agent.service
        (
            cd /
            [ ! "$password" ] || export EDGE_AGENT_BROKER_PASSWORD=$password
            runuser -u edge-agent -- $LINK/bin/edge-agent check --config "$SETTINGS/${name%.service}.toml"
        ) || status=$?
        case $status in
            0) ;;
            69) echo "what is not there is waited for" ;;
            *) return $status ;;
        esac
    done
}

put_into_service() {
    local units ran status=0 first=''
    [ -e $UNITS/edge-agent.service ] || first=yes
    switch_to "$new"
    [ ! "$first" ] || systemctl --quiet enable edge-agent
    [ "$start" ] || return 0
    mapfile -t units < <(wanted_units)
    if [ ${#units[@]} -gt 0 ]; then
        mapfile -t ran < <(those_active "${units[@]}")
        systemctl stop "${units[@]}"
        { check "${units[@]}" && systemctl start "${units[@]}"; } || status=$?
        if [ $status -ne 0 ]; then
            systemctl stop "${units[@]}"
            go_back $status "${ran[@]}"
        fi
        echo "started ${units[*]}"
    fi
    remove_environments "$new"
}

# remove_environments [BUT]
remove_environments() {
    [ "${1:-}" ] || rm $LINK
    find ${LINK%/*} -maxdepth 1 -name "${LINK##*/}-[0-9]*-????????" ! -path "${1:-}" -exec rm -rf {} +
}

# go_back STATUS UNITS...: as it was before, with these units running. Other options may make another agent.toml.
go_back() {
    local status=$1
    shift
    [ ! "$made_settings" ] || [ ! "$camera$broker" ] || rm $SETTINGS/agent.toml
    if [ "$old" ] && [ "$old" != "$new" ]; then
        switch_to "$old"
        rm -rf "$new"
    fi
    if [ "$old_model" ] && [ "$(readlink $CURRENT)" != "$old_model" ]; then
        $LINK/bin/edge-agent models rollback --store $STATE/models --config $SETTINGS/agent.toml || true
    fi
    [ $# -gt 0 ] || fail "$status" "edge-agent was not started: see above; mend it and run this again"
    systemctl start "$@" || fail 1 "the agent that ran before does not start any more: see journalctl -u edge-agent"
    fail "$status" "the new agent does not start: see above; what ran before runs again"
}

remove_all() {
    local units each
    mapfile -t units < <(
        instances --all
        find $UNITS -path '*.wants/edge-agent@*.service' -printf '%f\n'
    )
    if [ -e $UNITS/edge-agent.service ]; then
        change "stop and remove the units" systemctl --quiet disable --now edge-agent.service "${units[@]}"
        if [ ! "$dry_run" ]; then
            rm -f $UNITS/edge-agent.service $UNITS/edge-agent@.service
            systemctl daemon-reload
            systemctl reset-failed 'edge-agent*' 2>/dev/null || true
        fi
    fi
    [ ! -L $LINK ] || change "remove $(readlink -f $LINK)" remove_environments
    if [ "$purge" ]; then
        for each in $SETTINGS $STATE "$UNITS"/edge-agent{,@*}.service.d; do
            [ ! -e "$each" ] || change "remove $each" rm -rf "$each"
        done
        ! id edge-agent >/dev/null 2>&1 || change "remove the user edge-agent" userdel edge-agent
    fi
}

install_all() {
    examine
    make_user
    [ "$new" = "$old" ] || change "install edge-agent $version into $new" build_environment
    if [ ! -e $SETTINGS/agent.toml ]; then
        change "write $SETTINGS/agent.toml" write_settings
    elif [ "$camera$broker" ]; then
        echo "$SETTINGS/agent.toml stays as it is: --camera and --broker are for a new one"
    fi
    [ ! "$model" ] || use_model
    if [ $changes -gt 0 ] || units_differ || ! runs; then
        change "put it into service" put_into_service
    else
        echo "nothing changed: edge-agent $version is in place"
    fi
    if [ ! "$dry_run" ] && lacks_model; then
        echo "there is no model yet: sudo $LINK/bin/edge-agent models add model.tflite, then sudo systemctl start edge-agent"
    fi
}

runs() {
    local units active
    mapfile -t units < <(wanted_units)
    mapfile -t active < <(those_active "${units[@]}")
    [ ! "$start" ] || [ "${units[*]}" = "${active[*]}" ]
}

read_options "$@"
[ "$(id -u)" -eq 0 ] || fail 1 "can't install or remove anything: you are not root; write sudo $0"
if [ "$remove" ]; then
    remove_all
    [ $changes -gt 0 ] || echo "nothing to remove"
else
    install_all
fi
