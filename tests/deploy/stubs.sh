#!/usr/bin/env bash
# Stand-ins for aws, ssh, scp, docker and the box's own commands. The name this is called by tells which one it is.
# STUB_WORLD is the folder with everything: `calls` (one line per call, words separated by the unit separator),
# `fail/NAME` (after so many calls that command fails once), `sick` (versions that never get healthy),
# `images.HOST/TAG` and `containers.HOST/NAME/` of the Docker daemon of this machine and of the box.
set -uo pipefail

name=${0##*/}
world=$STUB_WORLD
containers=$world/containers.${STUB_HOST:-here}
images=$world/images.${STUB_HOST:-here}

record() {
    local words
    words=$(printf '%s\037' "$name" "$@")
    printf '%s\n' "${words%$'\037'}" >>"$world/calls"
}

fail_on_demand() {
    [[ -f $world/fail/$name ]] || return 0
    local remaining
    remaining=$(($(<"$world/fail/$name") - 1))
    echo "$remaining" >"$world/fail/$name"
    ((remaining == 0)) || return 0
    echo "$name: failed on demand" >&2
    exit 9
}

is_sick() { grep -qx "$1" "$world/sick" 2>/dev/null; }

# --- this machine ---

stub_aws() {
    local state=$world/instance
    case $2 in
    get-instance)
        if [[ ! -f $state ]]; then
            echo "An error occurred (NotFoundException) when calling the GetInstance operation" >&2
            exit 254
        fi
        if [[ $* == *instance.state.name* ]]; then
            cat "$state"
            # Whoever asks again finds it started.
            [[ $(<"$state") != pending ]] || echo running >"$state"
        else
            printf '203.0.113.7\tNone\n'
        fi
        ;;
    create-instances) echo pending >"$state" ;;
    start-instance) echo running >"$state" ;;
    delete-instance) rm "$state" ;;
    download-default-key-pair) printf -- '-----BEGIN RSA PRIVATE KEY-----\nplanted-private-key\n' ;;
    get-instance-access-details) printf 'ssh-ed25519\tAAAAplanted\necdsa-sha2-nistp256\tBBBBplanted\n' ;;
    put-instance-public-ports) ;;
    *) exit 99 ;;
    esac
}

# ssh -F CONFIG HOST COMMAND: runs the command in the folder that stands for the box.
stub_ssh() {
    [[ $1 == -F && $3 == ticktape ]] || exit 99
    shift 3
    cd "$world/home" && STUB_HOST=box ROOT=$world/box UPLOAD=$world/home/upload bash -c "$*"
}

# scp -F CONFIG -q -p FILE... HOST:FOLDER; the file `copied` tells the mode of each.
stub_scp() {
    local target=${*: -1}
    [[ $1 == -F && $target == ticktape:* ]] || exit 99
    stat --format '%a %n' "${@:5:$#-5}" >>"$world/copied"
    cp -p "${@:5:$#-5}" "$world/home/${target#*:}"
}

stub_git() { cat "$world/version"; }

# -m venv FOLDER: pip and python there are stubs too. -m hatchling build ... FOLDER: an empty wheel.
stub_python3() {
    if [[ $2 == venv ]]; then
        mkdir -p "$3/bin" && ln -s "$world/commands/pip" "$world/commands/python" "$3/bin/"
    else
        touch "${*: -1}/ticktape-0.1.0-py3-none-any.whl"
    fi
}

# --- Docker ---

stub_docker() {
    mkdir -p "$images" "$containers"
    local last=${*: -1}
    case "$1 ${2:-}" in
    build*) after --tag "$@" && echo "sha256:$found" >"$images/$found" ;;
    save*) echo "$2 $(<"$images/$2")" ;;
    load*) read -r tag id && echo "$id" >"$images/$tag" ;;
    tag*) cp "$images/${2#sha256:}" "$images/$3" 2>/dev/null || echo "$2" >"$images/$3" ;;
    'image inspect') cat "$images/$last" 2>/dev/null ;;
    'image ls') ls "$images" ;;
    'image rm') rm "$images/$last" ;;
    'container inspect') inspect_container "$last" "$*" ;;
    'run --rm') ;;
    exec*) [[ -f $containers/ticktape/runs ]] ;;
    run*) after --name "$@" && run_container "$found" "$last" ;;
    stop*) [[ -d $containers/$last ]] && rm -f "$containers/$last/runs" ;;
    start*) [[ -d $containers/$last ]] && touch "$containers/$last/runs" ;;
    logs*) [[ -d $containers/$last ]] ;;
    rename*) [[ -d $containers/$2 && ! -e $containers/$3 ]] && mv "$containers/$2" "$containers/$3" ;;
    rm*) [[ -d $containers/$last ]] && rm -r "${containers:?}/$last" ;;
    *) exit 99 ;;
    esac
}

# Sets `found` to the word after an option.
after() {
    local option=$1
    shift
    while [[ $1 != "$option" ]]; do shift; done
    found=$2
}

run_container() {
    [[ ! -e $containers/$1 && -f $images/$2 ]] || return 125
    mkdir "$containers/$1" && cp "$images/$2" "$containers/$1/image" && touch "$containers/$1/runs"
}

inspect_container() {
    [[ -d $containers/$1 ]] || return 1
    local image
    image=$(<"$containers/$1/image")
    if [[ $2 == *'{{.Image}}'* ]]; then
        [[ $2 != *'{{.State.Status}}'* ]] || image+=" $([[ -f $containers/$1/runs ]] && echo running || echo exited)"
        echo "$image"
    elif [[ $2 == *'{{.State.Status}}'* ]]; then
        [[ -f $containers/$1/runs ]] && echo running || echo exited
    elif [[ -f $containers/$1/runs ]] && ! is_sick "${image#sha256:ticktape:}"; then
        echo healthy
    else
        echo starting
    fi
}

# --- the box ---

stub_sudo() { STUB_UID=0 "$@"; }

# The real one without the owner, which only root may set.
stub_install() {
    local kept=()
    while (($#)); do
        if [[ $1 == -o || $1 == -g ]]; then shift; else kept+=("$1"); fi
        shift
    done
    /usr/bin/install "${kept[@]}"
}

current_release() { basename "$(readlink "$world/box/opt/ticktape/current")"; }

stub_systemctl() {
    case $1 in
    is-active) [[ -f $world/active ]] ;;
    restart)
        rm -f "$world/active"
        ! is_sick "$(current_release)" && touch "$world/active"
        ;;
    esac
}

stub_systemd_run() { ! is_sick "$(current_release)" || exit 2; }

stub_fallocate() { touch "$3"; }

stub_id() { [[ $1 == -u ]] && echo "${STUB_UID:-1000}"; }

record "$@"
fail_on_demand
case $name in
python | python3.11) stub_python3 "$@" ;;
systemd-run) stub_systemd_run ;;
dnf | journalctl | mkswap | pip | swapon | useradd) ;;
*) "stub_$name" "$@" ;;
esac
