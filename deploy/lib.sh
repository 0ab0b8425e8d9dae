# shellcheck shell=bash
# What the scripts here share: settings, --dry-run, the way to the box. Source it; it runs nothing by itself.
# Secrets travel inside files only (scp), never on a command line, and nothing here prints a file's content.

INSTANCE=${INSTANCE:-ticktape}
ENV_FILE=${ENV_FILE:-.env}
CONFIG_DIR=${CONFIG_DIR:-$HOME/.config/ticktape}
POLL_SECONDS=${POLL_SECONDS:-5}
POLL_TIMES=${POLL_TIMES:-60}

DRY_RUN=no
ASSUME_YES=no
COMMAND=
ADDRESS=
KNOWN_HOSTS=$CONFIG_DIR/$INSTANCE.known_hosts
SSH_CONFIG=$CONFIG_DIR/$INSTANCE.ssh_config
DEPLOY_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PROJECT_DIR=$(dirname "$DEPLOY_DIR")

# --dry-run shows commands here, also those whose own output is thrown away.
exec 3>&1

# shellcheck source=deploy/lightsail.sh
source "$DEPLOY_DIR/lightsail.sh"
# shellcheck source=deploy/artefacts.sh
source "$DEPLOY_DIR/artefacts.sh"

say() { printf '%s\n' "$*"; }

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# A wrong setting, option or file: nothing was changed.
usage_error() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 2
}

# parse_arguments "COMMAND..." ARGUMENT...: sets COMMAND (the first one is the default), DRY_RUN and ASSUME_YES.
parse_arguments() {
    local allowed=$1 argument
    shift
    COMMAND=${allowed%% *}
    for argument in "$@"; do
        case $argument in
        --dry-run) DRY_RUN=yes ;;
        --yes) ASSUME_YES=yes ;;
        -h | --help)
            sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
            exit 0
            ;;
        *)
            [[ " $allowed " == *" $argument "* ]] || usage_error "$argument: unknown; see $0 --help"
            # shellcheck disable=SC2034  # read by the script that sources this
            COMMAND=$argument
            ;;
        esac
    done
}

# Runs a command that changes something, or with --dry-run only shows it.
change() {
    if [[ $DRY_RUN == yes ]]; then
        printf 'would run:%s\n' "$(printf ' %q' "$@")" >&3
    else
        "$@"
    fi
}

need_tools() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || usage_error "$tool is not installed; it is needed on this machine"
    done
}

# wait_until WHAT COMMAND...: polls until COMMAND succeeds, or ends the script.
wait_until() {
    local what=$1 i
    shift
    for ((i = 0; i < POLL_TIMES; i++)); do
        "$@" && return
        sleep "$POLL_SECONDS"
    done
    die "gave up waiting until $what ($((POLL_TIMES * POLL_SECONDS)) s)"
}

check_env_file() {
    [[ -f $ENV_FILE ]] || usage_error "$ENV_FILE not found: copy env.template to it and fill it in, or set ENV_FILE"
    local name names=(SCHWAB_APP_KEY SCHWAB_APP_SECRET)
    grep -qE '^DESTINATION=(postgres|none)$' "$ENV_FILE" || names+=(SUPABASE_URL SUPABASE_SERVICE_ROLE_KEY)
    for name in "${names[@]}"; do
        grep -qE "^$name=.+" "$ENV_FILE" || usage_error "$ENV_FILE: $name is missing"
    done
    # Docker's --env-file takes quotes and trailing comments for a part of the value.
    local number
    number=$(grep -nE "^[A-Z0-9_]+=(['\"]|.*[[:space:]]#)" "$ENV_FILE" | cut -d: -f1 | head -n 1 || true)
    [[ -z $number ]] || usage_error "$ENV_FILE:$number: write NAME=value, without quotes and without a trailing comment"
}

# A setting as the file has it; empty when it is not there.
setting() { sed -n "s/^$1=//p" "$ENV_FILE" | tail -n 1; }

# Where `ticktape login` has put the token on this machine.
check_token_file() {
    local folder path
    folder=$(setting DATA_DIR)
    path=$(setting SCHWAB_TOKEN_PATH)
    TOKEN_FILE=${TOKEN_FILE:-${path:-${folder:-data}/schwab_token.json}}
    [[ -f $TOKEN_FILE ]] || usage_error "$TOKEN_FILE not found: run \`ticktape login\` here first, or set TOKEN_FILE"
}

# --- the way to the box ---

# `ssh -F $SSH_CONFIG $INSTANCE` is the way, for these scripts and for people.
write_ssh_config() {
    cat >"$SSH_CONFIG" <<CONFIG
Host $INSTANCE
    HostName $ADDRESS
    HostKeyAlias $INSTANCE
    User ec2-user
    IdentityFile $KEY
    IdentitiesOnly yes
    UserKnownHostsFile $KNOWN_HOSTS
    StrictHostKeyChecking $1
    BatchMode yes
    ConnectTimeout 10
    ServerAliveInterval 15
CONFIG
}

# shellcheck disable=SC2029  # what the arguments hold is meant to be expanded on this side
box() { ssh -F "$SSH_CONFIG" "$INSTANCE" "$@"; }

# Runs a function of on_box.sh there. The script goes in by stdin: nothing stays on the box, nothing can be outdated.
on_box() {
    if [[ $DRY_RUN == yes ]]; then
        say "would run on the box: on_box.sh $*" >&3
    else
        box "sudo bash -s --$(printf ' %q' "$@")" <"$DEPLOY_DIR/on_box.sh"
    fi
}

wait_for_ssh() { [[ $DRY_RUN == yes ]] || wait_until "$INSTANCE answers to ssh" box true; }

# The folder is made unreadable for others before anything arrives in it.
copy_to_box() {
    change ssh -F "$SSH_CONFIG" "$INSTANCE" 'mkdir -p -m 700 upload && chmod 700 upload'
    change scp -F "$SSH_CONFIG" -q -p "$@" "$INSTANCE:upload/"
}

# upload_secrets FUNCTION: the token and, for install_secrets, the settings. FUNCTION of on_box.sh puts them in place,
# the token only when it comes from a later login than the one there.
upload_secrets() {
    local private
    private=$(mktemp -d)
    # shellcheck disable=SC2064  # the folder of now, not of later
    trap "rm -rf '$private'" EXIT
    if [[ $1 == install_secrets ]]; then
        # The folders of this machine mean nothing on the box.
        install -m 0600 /dev/null "$private/env"
        grep -vE '^(DATA_DIR|SCHWAB_TOKEN_PATH)=' "$ENV_FILE" >"$private/env"
    fi
    install -m 0600 "$TOKEN_FILE" "$private/schwab_token.json"
    copy_to_box "$private"/*
    on_box "$1"
    rm -rf "$private"
    trap - EXIT
}

# The weekly step: nothing is built, nothing is restarted.
renew_token() {
    need_tools aws ssh scp
    check_env_file
    check_token_file
    need_instance
    open_way_to_box
    say "uploading the token"
    upload_secrets install_token
}
