#!/usr/bin/env bash
# Runs on the box as root, sent there by lib.sh through stdin: `bash -s -- FUNCTION ARGUMENT`.
# Every function can be run again, also after it was cut off anywhere.
set -euo pipefail

# Tests point these at a folder of their own.
ROOT=${ROOT:-}
UPLOAD=${UPLOAD:-/home/ec2-user/upload}
HEALTH_TIMES=${HEALTH_TIMES:-60}
HEALTH_SECONDS=${HEALTH_SECONDS:-5}

DATA=$ROOT/var/lib/ticktape
SETTINGS=$ROOT/etc/ticktape/env
# Touched when the service starts: settings that are newer have not been read yet.
STARTED=$ROOT/etc/ticktape/started
RELEASES=$ROOT/opt/ticktape
UNIT=$ROOT/etc/systemd/system/ticktape.service
COMMAND=$ROOT/usr/local/bin/ticktape
# The user of the image and of the unit, so that both can use the same data.
OWNER=10001

# How a container of ticktape runs, with the same limits as docker-compose.yml.
CONTAINER=(
    --env-file "$SETTINGS" --env DATA_DIR=/data --volume "$DATA:/data"
    --read-only --tmpfs "/tmp:size=16m,mode=1777" --cap-drop ALL --security-opt no-new-privileges:true
    --memory 400m --pids-limit 128 --init
)

fail() {
    printf 'on the box: %s\n' "$*" >&2
    exit 1
}

# --- once per box ---

prepare_docker() {
    prepare_swap
    prepare_user
    command -v docker >/dev/null || dnf install -q -y docker
    systemctl enable --quiet --now docker
}

prepare_systemd() {
    prepare_swap
    prepare_user
    command -v python3.11 >/dev/null || dnf install -q -y python3.11
}

# dnf alone needs more memory than a nano has.
prepare_swap() {
    local file=$ROOT/swapfile
    if [[ ! -f $file ]]; then
        fallocate -l 1G "$file.part"
        chmod 600 "$file.part"
        mkswap "$file.part" >/dev/null
        mv "$file.part" "$file"
    fi
    swapon --show=NAME --noheadings | grep -qxF "$file" || swapon "$file"
    grep -qF "$file " "$ROOT/etc/fstab" || echo "$file none swap sw 0 0" >>"$ROOT/etc/fstab"
}

prepare_user() {
    id ticktape >/dev/null 2>&1 ||
        useradd --system --uid "$OWNER" --home-dir "$DATA" --no-create-home --shell /sbin/nologin ticktape
    install -d -m 0700 -o "$OWNER" -g "$OWNER" "$DATA"
    install -d -m 0700 "$(dirname "$SETTINGS")"
}

# --- secrets ---

install_secrets() {
    if ! cmp -s "$UPLOAD/env" "$SETTINGS"; then
        install -m 0600 "$UPLOAD/env" "$SETTINGS.part"
        mv "$SETTINGS.part" "$SETTINGS"
    fi
    rm -f "$UPLOAD/env"
    install_token
}

install_token() {
    local new=$UPLOAD/schwab_token.json token=$DATA/schwab_token.json
    # The service renews its own token every half hour: an older login must not replace it.
    if (($(login_time "$new") > $(login_time "$token"))); then
        install -m 0600 -o "$OWNER" -g "$OWNER" "$new" "$token.part"
        mv "$token.part" "$token"
        echo "the box has the new token"
    else
        echo "the box has a token of this login, or of a later one: it stays"
    fi
    rm -f "$new"
}

# When a person logged in to Schwab, as the token file tells (seconds since 1970); 0 without a file.
login_time() {
    local seconds
    seconds=$(grep -oE '"creation_timestamp": *[0-9]+' "$1" 2>/dev/null | grep -oE '[0-9]+$' || true)
    echo "${seconds:-0}"
}

# --- the command ticktape ---

# With the settings and in the data directory of the service, so that a file is named alike both ways.
docker_command() {
    cat <<SCRIPT
#!/bin/sh
set -eu
[ "\$(id -u)" = 0 ] || exec sudo "\$0" "\$@"
tty=
if [ -t 0 ] && [ -t 1 ]; then tty=--tty; fi
if [ "\$(docker container inspect --format '{{.State.Status}}' ticktape)" = running ]; then
    exec docker exec --interactive \$tty --workdir /data ticktape ticktape "\$@"
fi
image=\$(docker container inspect --format '{{.Image}}' ticktape)
exec docker run --rm --interactive \$tty --workdir /data$(printf ' %q' "${CONTAINER[@]}") "\$image" "\$@"
SCRIPT
}

systemd_command() {
    cat <<SCRIPT
#!/bin/sh
set -eu
[ "\$(id -u)" = 0 ] || exec sudo "\$0" "\$@"
exec systemd-run --quiet --collect --wait --pipe --pty --uid=ticktape --working-directory="$DATA" \\
    --property=EnvironmentFile="$SETTINGS" --setenv=DATA_DIR="$DATA" --property=UMask=0077 \\
    "$RELEASES/current/venv/bin/ticktape" "\$@"
SCRIPT
}

install_command() { install -D -m 0755 /dev/stdin "$COMMAND"; }

# --- with Docker ---

image_id() { docker image inspect --format '{{.Id}}' "$1" 2>/dev/null || true; }

# Replaces the container; the old one is only stopped and renamed until the new one is healthy.
switch_image() {
    if systemctl is-active --quiet ticktape; then
        fail "ticktape runs under systemd; two recorders cannot share $DATA: sudo systemctl disable --now ticktape"
    fi
    finish_interrupted_switch
    docker_command | install_command
    local is_first=yes
    if has_container ticktape; then
        if container_is_current "$1"; then
            echo "$1 runs already, with these settings"
            return
        fi
        is_first=no
        set_container_aside
    fi
    if start_container "$1" && wait_healthy container_is_healthy; then
        keep_previous_image
        return
    fi
    docker logs --tail 20 ticktape >&2 || true
    [[ $is_first == no ]] || fail "$1 does not get healthy; see the lines above"
    take_previous_back || fail "$1 does not get healthy, and the previous container cannot be started either"
    fail "$1 does not get healthy; the previous container runs again"
}

has_container() { docker container inspect "$1" >/dev/null 2>&1; }

# Whether it is healthy is not asked: a restart would only add a hole to what is wrong.
container_is_current() {
    [[ $(docker container inspect --format '{{.Image}} {{.State.Status}}' ticktape) == "$(image_id "$1") running" ]] &&
        [[ ! $SETTINGS -nt $STARTED ]]
}

# Health here and below: the service runs and the log records. All else may be wrong for reasons no version can change.
container_is_healthy() {
    [[ $(docker container inspect --format '{{.State.Health.Status}}' ticktape 2>/dev/null) == healthy ]]
}

set_container_aside() {
    if docker stop --time 30 ticktape >/dev/null && docker rename ticktape ticktape-previous; then
        return
    fi
    insist docker start ticktape >/dev/null || fail "the running container cannot be replaced, nor started again"
    fail "the running container cannot be replaced; it runs again"
}

# A container's 127.0.0.1 is reached by nobody, so that it listens on all its addresses; the port is published on the
# box's 127.0.0.1 alone, which only who is on the box, or comes through ssh, can reach.
start_container() {
    touch "$STARTED" && docker run --detach --name ticktape "${CONTAINER[@]}" \
        --env HEALTH_HOST=0.0.0.0 --env HEALTH_PORT=8787 --publish 127.0.0.1:8787:8787 \
        --health-interval 300s --health-start-interval 5s --restart unless-stopped --stop-timeout 30 \
        --log-driver json-file --log-opt max-size=10m --log-opt max-file=5 "$1" >/dev/null
}

# A switch that was cut off left both containers, or only the old one under its second name.
finish_interrupted_switch() {
    has_container ticktape-previous || return 0
    if container_is_healthy; then
        keep_previous_image
    else
        take_previous_back
    fi
}

take_previous_back() {
    docker rm --force ticktape >/dev/null 2>&1 || true
    insist docker rename ticktape-previous ticktape && insist docker start ticktape >/dev/null
}

# A second thing that goes wrong is not to leave the box without a recorder.
insist() { "$@" || "$@" || "$@"; }

keep_previous_image() {
    has_container ticktape-previous || return 0
    local old new
    old=$(docker container inspect --format '{{.Image}}' ticktape-previous)
    new=$(docker container inspect --format '{{.Image}}' ticktape)
    [[ $old == "$new" ]] || docker tag "$old" ticktape:previous
    docker rm ticktape-previous >/dev/null
    remove_old_images
}

# A nano has 20 GB: only the running image and the previous one stay.
remove_old_images() {
    local running name id
    running=$(docker container inspect --format '{{.Image}}' ticktape)
    for name in $(docker image ls --format '{{.Repository}}:{{.Tag}}' ticktape); do
        id=$(image_id "$name")
        [[ -z $id || $id == "$running" || $name == ticktape:previous ]] || docker image rm "$name" >/dev/null
    done
}

# --- with systemd ---

# Unpacks a release beside the others: nothing that runs is touched.
install_release() {
    local release=$RELEASES/releases/$1
    if [[ ! -f $release/complete ]]; then
        rm -rf "$release"
        mkdir -p "$release"
        tar --extract --file "$UPLOAD/release.tar" --directory "$release"
        python3.11 -m venv "$release/venv"
        install_wheels "$release/venv/bin/pip" "$release/wheels"
        rm -rf "$release/wheels"
        install -m 0644 "$UPLOAD/ticktape.service" "$release/ticktape.service"
        touch "$release/complete"
    fi
    rm -f "$UPLOAD/release.tar" "$UPLOAD/ticktape.service"
}

install_wheels() {
    "$1" install --quiet --no-index --find-links "$2" --require-hashes --requirement "$2/service.lock"
    "$1" install --quiet --no-index --no-deps "$2"/ticktape-*.whl
}

# Points `current` at a release and restarts; `previous` keeps the one before for the way back.
switch_release() {
    local old new=releases/$1
    if command -v docker >/dev/null && has_container ticktape; then
        fail "ticktape runs in Docker; two recorders cannot share $DATA: sudo docker stop ticktape, then docker rm it"
    fi
    [[ -f $RELEASES/$new/complete ]] || fail "there is no whole release $1 in $RELEASES/releases"
    systemd_command | install_command
    old=$(readlink "$RELEASES/current" || true)
    if [[ $old == "$new" && ! $SETTINGS -nt $STARTED ]] && systemctl is-active --quiet ticktape; then
        echo "$1 runs already, with these settings"
        return
    fi
    if start_release "$new" && wait_healthy unit_is_healthy; then
        [[ -z $old || $old == "$new" ]] || ln -sfn "$old" "$RELEASES/previous"
        remove_old_releases
        return
    fi
    journalctl --unit ticktape --lines 20 --no-pager >&2 || true
    [[ -n $old && $old != "$new" ]] || fail "$1 does not get healthy; see the lines above"
    start_release "$old" || fail "$1 does not get healthy, and the previous release does not start either"
    fail "$1 does not get healthy; the previous release runs again"
}

# The unit is of Type=notify: restart returns when the service says that it is ready.
start_release() {
    ln -sfn "$1" "$RELEASES/current.part" && mv -T "$RELEASES/current.part" "$RELEASES/current" &&
        install -D -m 0644 "$RELEASES/current/ticktape.service" "$UNIT" && touch "$STARTED" &&
        systemctl daemon-reload && systemctl enable --quiet ticktape && systemctl restart ticktape
}

unit_is_healthy() { systemctl is-active --quiet ticktape && "$COMMAND" health --alive >/dev/null; }

remove_old_releases() {
    local folder kept
    kept=$(readlink "$RELEASES/current" "$RELEASES/previous" || true)
    for folder in "$RELEASES"/releases/*; do
        grep -qxF "releases/$(basename "$folder")" <<<"$kept" || rm -rf "$folder"
    done
}

# --- both ---

# wait_healthy COMMAND: polls; fails when it never succeeds.
wait_healthy() {
    local i
    for ((i = 0; i < HEALTH_TIMES; i++)); do
        "$1" && return
        sleep "$HEALTH_SECONDS"
    done
    return 1
}

# docker, systemd or none.
mode() {
    if command -v docker >/dev/null && { has_container ticktape || has_container ticktape-previous; }; then
        echo docker
    elif [[ -L $RELEASES/current ]]; then
        echo systemd
    else
        echo none
    fi
}

rollback() {
    case $(mode) in
    docker)
        [[ -n $(image_id ticktape:previous) ]] || fail "there is no previous image to go back to"
        switch_image ticktape:previous
        ;;
    systemd)
        [[ -L $RELEASES/previous ]] || fail "there is no previous release to go back to"
        switch_release "$(basename "$(readlink "$RELEASES/previous")")"
        ;;
    *) fail "ticktape is not installed here" ;;
    esac
}

main() {
    # A connection that drops does not stop what has begun.
    trap '' HUP
    case $1 in
    prepare_docker) prepare_docker ;;
    prepare_systemd) prepare_systemd ;;
    install_secrets) install_secrets ;;
    install_token) install_token ;;
    image_id) image_id "$2" ;;
    switch_image) switch_image "$2" ;;
    install_release) install_release "$2" ;;
    switch_release) switch_release "$2" ;;
    mode) mode ;;
    rollback) rollback ;;
    *) fail "$1: unknown" ;;
    esac
}

# bash reads stdin as it goes: nothing above runs before this line has arrived.
main "$@"
