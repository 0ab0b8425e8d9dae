#!/usr/bin/env bash
# Puts ticktape on a Lightsail nano without Docker: a virtual environment and a hardened systemd unit.
# Run it again to bring the box up to date; what is right stays untouched.
#
#   deploy/deploy-systemd.sh [--dry-run]            create or update the box, build, ship, start, wait for health
#   deploy/deploy-systemd.sh token [--dry-run]      take the token of a new login to the box; the recording goes on
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
    say "uploading settings and token"
    upload_secrets install_secrets
    build_and_ship_release
    say "starting, and waiting until it is healthy"
    on_box switch_release "$RELEASE"
    [[ $DRY_RUN == yes ]] || tell_next_steps
}

tell_next_steps() {
    local way="ssh -F $SSH_CONFIG $INSTANCE" port
    port=$(setting HEALTH_PORT)
    port=${port:-8787}
    cat <<NEXT
ticktape runs on $INSTANCE ($ADDRESS). Next:
  health      $way ticktape health
  live page   ssh -F $SSH_CONFIG -L $port:127.0.0.1:$port $INSTANCE    then http://localhost:$port
  logs        $way sudo journalctl --unit ticktape --follow
  stop        $way sudo systemctl stop ticktape
  new token   every 7 days, before it expires: ticktape login here, then deploy/deploy-systemd.sh token
  upgrade     deploy/upgrade.sh    and back: deploy/upgrade.sh rollback
NEXT
}

parse_arguments "deploy token destroy" "$@"
case $COMMAND in
deploy) deploy ;;
token) renew_token ;;
destroy)
    need_tools aws
    destroy_instance
    ;;
esac
