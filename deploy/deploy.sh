#!/usr/bin/env bash
# Puts ticktape on a Lightsail nano, in Docker. Run it again to bring the box up to date; what is right stays untouched.
#
#   deploy/deploy.sh [--dry-run]            create or update the box, build, ship, start, wait for health
#   deploy/deploy.sh token [--dry-run]      take the token of a new login to the box; the recording goes on
#   deploy/deploy.sh destroy [--yes] [--dry-run]   delete the box with everything on it
#
# Needs here: aws (logged in), docker, ssh, scp; .env (see env.template) and the token of `ticktape login`.
# Settings by environment: INSTANCE=ticktape AWS_REGION=us-east-1 ZONE BUNDLE=nano_3_0 SSH_CIDR=0.0.0.0/0
# ENV_FILE=.env, TOKEN_FILE (default: as SCHWAB_TOKEN_PATH or DATA_DIR in it say)
set -euo pipefail
# shellcheck source=deploy/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

deploy() {
    need_tools aws docker ssh scp gzip git
    check_env_file
    check_token_file
    ensure_instance
    open_way_to_box
    wait_for_ssh
    say "preparing the box"
    on_box prepare_docker
    say "uploading settings and token"
    upload_secrets install_secrets
    build_and_ship_image
    say "starting, and waiting until it is healthy"
    on_box switch_image "$IMAGE"
    [[ $DRY_RUN == yes ]] || tell_next_steps
}

tell_next_steps() {
    local way="ssh -F $SSH_CONFIG $INSTANCE"
    cat <<NEXT
ticktape runs on $INSTANCE ($ADDRESS). Next:
  health      $way ticktape health
  live page   ssh -F $SSH_CONFIG -L 8787:127.0.0.1:8787 $INSTANCE    then http://localhost:8787
  logs        $way sudo docker logs --tail 50 --follow ticktape
  stop        $way sudo docker stop ticktape
  new token   every 7 days, before it expires: ticktape login here, then deploy/deploy.sh token
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
