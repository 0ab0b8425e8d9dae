# shellcheck shell=bash
# The Lightsail instance: create it, find it, know its host keys, delete it. Sourced by lib.sh.

AWS_REGION=${AWS_REGION:-us-east-1}
ZONE=${ZONE:-${AWS_REGION}a}
BUNDLE=${BUNDLE:-nano_3_0}
BLUEPRINT=${BLUEPRINT:-amazon_linux_2023}
SSH_CIDR=${SSH_CIDR:-0.0.0.0/0}
KEY=$CONFIG_DIR/$AWS_REGION.pem
HOST_KEY_TIMES=${HOST_KEY_TIMES:-12}
export AWS_PAGER=''

AWS_OPTIONS=(--region "$AWS_REGION" --output text)

ask_lightsail() { aws lightsail "$@" "${AWS_OPTIONS[@]}"; }

# Sets STATE to the instance's state, or to "absent". Any other failure of the API ends the script.
read_state() {
    local answer
    if answer=$(ask_lightsail get-instance --instance-name "$INSTANCE" --query instance.state.name 2>&1); then
        STATE=$answer
    elif [[ $answer == *NotFoundException* ]]; then
        STATE=absent
    else
        printf '%s\n' "$answer" >&2
        die "cannot ask Lightsail about $INSTANCE: check the AWS credentials and AWS_REGION=$AWS_REGION"
    fi
}

ensure_instance() {
    read_state
    case $STATE in
    absent)
        say "creating $INSTANCE: $BUNDLE with $BLUEPRINT in $ZONE"
        change aws lightsail create-instances --instance-names "$INSTANCE" --availability-zone "$ZONE" \
            --blueprint-id "$BLUEPRINT" --bundle-id "$BUNDLE" "${AWS_OPTIONS[@]}" >/dev/null
        ;;
    stopped)
        say "starting $INSTANCE"
        change aws lightsail start-instance --instance-name "$INSTANCE" "${AWS_OPTIONS[@]}" >/dev/null
        ;;
    *) say "$INSTANCE exists ($STATE)" ;;
    esac
    [[ $DRY_RUN == yes ]] || wait_until "$INSTANCE runs" is_running
    # ssh only: the service listens on 127.0.0.1, nothing else needs a way in.
    change aws lightsail put-instance-public-ports --instance-name "$INSTANCE" \
        --port-infos "fromPort=22,toPort=22,protocol=tcp,$(ssh_sources)" "${AWS_OPTIONS[@]}" >/dev/null
}

# Lightsail keeps the two families apart: without the second an instance with IPv6 only would be shut.
ssh_sources() {
    case $SSH_CIDR in
    0.0.0.0/0) echo 'cidrs=0.0.0.0/0,ipv6Cidrs=::/0' ;;
    *:*) echo "ipv6Cidrs=$SSH_CIDR" ;;
    *) echo "cidrs=$SSH_CIDR" ;;
    esac
}

is_running() {
    read_state
    [[ $STATE == running ]]
}

need_instance() {
    read_state
    [[ $STATE == running ]] || die "$INSTANCE is $STATE: run deploy/deploy.sh or deploy/deploy-systemd.sh first"
}

# Everything ssh needs: the address, the key, and the host keys as Lightsail tells them.
open_way_to_box() {
    [[ $DRY_RUN == no ]] || return 0
    mkdir -p "$CONFIG_DIR"
    chmod 700 "$CONFIG_DIR"
    wait_until "$INSTANCE has an address" read_address
    [[ -s $KEY ]] || fetch_key
    local i
    for ((i = 0; i < HOST_KEY_TIMES; i++)); do
        if fetch_host_keys; then
            write_ssh_config yes
            return
        fi
        sleep "$POLL_SECONDS"
    done
    say "Lightsail does not tell the host keys of $INSTANCE: trusting the first one it shows, from then on only that"
    write_ssh_config accept-new
}

# The IPv4 address, or the IPv6 address where there is none.
read_address() {
    local answer
    answer=$(ask_lightsail get-instance --instance-name "$INSTANCE" \
        --query 'instance.[publicIpAddress,ipv6Addresses[0]]') || return 1
    # shellcheck disable=SC2034  # read by lib.sh
    ADDRESS=$(tr -s '[:blank:]' '\n' <<<"$answer" | grep -E -m 1 '^[0-9a-fA-F]*[.:][0-9a-fA-F.:]+$')
}

# The answer is the private key: it goes into a file of mode 0600 that appears whole or not at all.
fetch_key() {
    say "fetching the ssh key of $AWS_REGION into $KEY"
    if ! (umask 077 && ask_lightsail download-default-key-pair --query privateKeyBase64 >"$KEY.part"); then
        rm -f "$KEY.part"
        die "cannot fetch the ssh key of $AWS_REGION"
    fi
    mv "$KEY.part" "$KEY"
}

fetch_host_keys() {
    local keys algorithm key
    keys=$(ask_lightsail get-instance-access-details --instance-name "$INSTANCE" --protocol ssh \
        --query 'accessDetails.hostKeys[].[algorithm,publicKey]') || return 1
    [[ $keys == *[[:blank:]]* ]] || return 1
    while read -r algorithm key; do
        printf '%s %s %s\n' "$INSTANCE" "$algorithm" "$key"
    done <<<"$keys" >"$KNOWN_HOSTS.part"
    mv "$KNOWN_HOSTS.part" "$KNOWN_HOSTS"
}

destroy_instance() {
    read_state
    if [[ $STATE == absent ]]; then
        say "$INSTANCE does not exist; nothing to destroy"
        return
    fi
    if [[ $ASSUME_YES == no && $DRY_RUN == no ]]; then
        say "This deletes $INSTANCE and with it every tick that is only there. Type its name to go on:"
        local answer=
        read -r answer || true
        [[ $answer == "$INSTANCE" ]] || die "not destroyed"
    fi
    change aws lightsail delete-instance --instance-name "$INSTANCE" "${AWS_OPTIONS[@]}" >/dev/null
    change rm -f "$KNOWN_HOSTS" "$SSH_CONFIG"
    say "$INSTANCE is destroyed; the rows in your destination and the ssh key $KEY stay"
}
