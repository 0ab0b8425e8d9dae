#!/usr/bin/env bash
# Puts ticktape on a Lightsail nano without Docker: a virtual environment and a hardened systemd unit.
# Run it again to bring the box up to date; what is right stays untouched.
#
#   deploy/deploy-systemd.sh [--dry-run]            create or update the box, build, ship, start, wait for health
#   deploy/deploy-systemd.sh destroy [--yes] [--dry-run]   delete the box with everything on it
#
# Needs here: aws (logged in), python3 with venv, ssh, scp; .env (see env.template) and the token of `ticktape login`.
# Settings by environment: as in deploy.sh, and PYTHON=python3.
set -euo pipefail
# shellcheck source=deploy/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

deploy() {
    need_tools aws "$PYTHON" ssh scp tar git
    check_env_file
    check_token_file
    ensure_instance
    open_way_to_box
    wait_for_ssh
    say "preparing the box"
    on_box prepare_systemd
    upload_secrets
    build_and_ship_release
    say "starting, and waiting until it is healthy"
    on_box switch_release "$RELEASE"
    [[ $DRY_RUN == yes ]] || tell_next_steps
}

tell_next_steps() {
    local way="ssh -F $SSH_CONFIG $INSTANCE" health
    health="sudo systemd-run --quiet --wait --pipe --uid ticktape --property EnvironmentFile=/etc/ticktape/env"
    health+=" /opt/ticktape/current/venv/bin/ticktape health --data-dir /var/lib/ticktape"
    cat <<NEXT
ticktape runs on $INSTANCE ($ADDRESS). Next:
  health      $way $health
  logs        $way sudo journalctl --unit ticktape --follow
  stop        $way sudo systemctl stop ticktape
  new token   every 7 days, before it expires: ticktape login, then this script again
  upgrade     deploy/upgrade.sh    and back: deploy/upgrade.sh rollback
NEXT
}

parse_arguments "deploy destroy" "$@"
case $COMMAND in
deploy) deploy ;;
destroy)
    need_tools aws
    destroy_instance
    ;;
esac
