#!/usr/bin/env bash
# Brings the ticktape on a box to the version of this checkout, in the way it runs there (Docker or systemd).
# When the new version does not get healthy, the previous one is started again and this script fails.
#
#   deploy/upgrade.sh [--dry-run]            build, ship, switch, wait for health
#   deploy/upgrade.sh rollback [--dry-run]   go back to the version before
#
# Settings and token are not touched (deploy.sh uploads them). Settings by environment: as in deploy.sh.
set -euo pipefail
# shellcheck source=deploy/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# How ticktape runs on the box. A dry run asks nobody and shows the way of Docker.
installed_mode() {
    if [[ $DRY_RUN == yes ]]; then
        echo docker
    else
        on_box mode
    fi
}

upgrade() {
    local mode
    mode=$(installed_mode)
    case $mode in
    docker)
        need_tools docker gzip git
        build_and_ship_image
        say "switching to $IMAGE, and waiting until it is healthy"
        on_box switch_image "$IMAGE"
        ;;
    systemd)
        need_tools "$PYTHON" tar git
        build_and_ship_release
        say "switching to $RELEASE, and waiting until it is healthy"
        on_box switch_release "$RELEASE"
        ;;
    *) die "ticktape is not installed on $INSTANCE: run deploy/deploy.sh or deploy/deploy-systemd.sh first" ;;
    esac
    say "done; deploy/upgrade.sh rollback goes back"
}

parse_arguments "upgrade rollback" "$@"
need_tools aws ssh scp
need_instance
open_way_to_box
case $COMMAND in
upgrade) upgrade ;;
rollback)
    on_box rollback
    say "the previous version runs again"
    ;;
esac
