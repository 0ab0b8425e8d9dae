# shellcheck shell=bash
# Builds what runs on the box, off the box, and ships it there. Sourced by lib.sh.

PYTHON=${PYTHON:-python3}

# The commit. A changed tree has no name of its own, so that it gets the time.
version() {
    local name
    name=$(git -C "$PROJECT_DIR" describe --always --dirty --abbrev=12 2>/dev/null || echo unknown-dirty)
    [[ $name != *-dirty ]] || name=$name-$(date -u +%Y%m%dt%H%M%S)
    printf '%s\n' "$name"
}

# Sets IMAGE. The image goes over ssh, since a nano is too small to build it and a registry is one account more.
build_and_ship_image() {
    IMAGE=ticktape:$(version)
    say "building $IMAGE"
    change docker build --quiet --platform linux/amd64 --tag "$IMAGE" "$PROJECT_DIR" >/dev/null
    if [[ $DRY_RUN == yes ]]; then
        say "would run: docker save $IMAGE | gzip | ssh -F $SSH_CONFIG $INSTANCE 'gunzip | sudo docker load'" >&3
        return
    fi
    local here there
    here=$(docker image inspect --format '{{.Id}}' "$IMAGE")
    there=$(on_box image_id "$IMAGE")
    if [[ $here == "$there" ]]; then
        say "the box has $IMAGE already"
        return
    fi
    say "shipping $IMAGE"
    docker save "$IMAGE" | gzip | box 'gunzip | sudo docker load' >/dev/null
}

# Sets RELEASE: all wheels the box needs, so that it needs neither a compiler nor a package index.
build_and_ship_release() {
    RELEASE=$(version)
    say "building release $RELEASE"
    local bundle
    bundle=$(mktemp -d)
    # shellcheck disable=SC2064  # the folder of now, not of later
    trap "rm -rf '$bundle'" EXIT
    build_wheels "$bundle"
    change tar --create --file "$bundle/release.tar" --directory "$bundle" wheels
    say "shipping release $RELEASE"
    copy_to_box "$bundle/release.tar" "$DEPLOY_DIR/ticktape.service"
    on_box install_release "$RELEASE"
    rm -rf "$bundle"
    trap - EXIT
}

build_wheels() {
    local tools=$1/tools wheels=$1/wheels platform platforms=()
    for platform in manylinux_2_34 manylinux_2_28 manylinux_2_17 manylinux2014; do
        platforms+=(--platform "${platform}_x86_64")
    done
    mkdir "$wheels"
    cp "$PROJECT_DIR/locks/service.lock" "$wheels/"
    change "$PYTHON" -m venv "$tools"
    change "$tools/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
        --requirement "$PROJECT_DIR/locks/build.lock"
    change "$tools/bin/pip" download --quiet --disable-pip-version-check --require-hashes --dest "$wheels" \
        --only-binary :all: --python-version 3.11 "${platforms[@]}" --requirement "$wheels/service.lock"
    (cd "$PROJECT_DIR" && change "$tools/bin/python" -m hatchling build --target wheel --directory "$wheels")
}
