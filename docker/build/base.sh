#!/bin/sh
# Makes the base image a drop-in for rayproject/ray: the user `ray`, the paths that templates and scripts
# expect, a `conda` that runs commands in the environment. Runs as root, without network. The `layers` engine
# does the same without running it (src/engine/layers/system.rs): the two must stay equal.
# shellcheck source=docker/build/settle.sh
. /mnt/build/settle.sh

# The lines of FILE but for those that match PATTERN.
without() {
    [ ! -f "$1" ] || grep -vE "$2" "$1" || true
}

# Puts what it reads into FILE, which keeps its owner and mode.
put() {
    cat >/tmp/text
    cat /tmp/text >"$1"
}

# ubuntu images bring a user of their own with our id.
if [ -f /etc/passwd ]; then
    while IFS=: read -r name _ id _ _ home _; do
        if [ "$id" = 1000 ] && [ -n "$name" ] && [ "$name" != ray ] && [ "$home" = "/home/$name" ]; then
            rm -rf "$home"
        fi
    done </etc/passwd
fi
# Written as they are: what useradd makes of the same wish differs from one distribution to the next.
{
    without /etc/passwd '^ray:|^[^:]*:[^:]*:1000:'
    echo 'ray:x:1000:1000::/home/ray:/bin/bash'
} | put /etc/passwd
{
    without /etc/group '^ray:|^[^:]*:[^:]*:1000:'
    echo 'ray:x:1000:'
} | put /etc/group
if [ -f /etc/shadow ] && ! grep -q '^ray:' /etc/shadow; then
    {
        without /etc/shadow '^ray:'
        echo "ray:!:$((SOURCE_DATE_EPOCH / 86400))::::::"
    } | put /etc/shadow
fi
if [ -f /etc/gshadow ] && ! grep -q '^ray:' /etc/gshadow; then
    {
        without /etc/gshadow '^ray:'
        echo 'ray:!::'
    } | put /etc/gshadow
fi
if [ ! -d /home/ray ]; then
    mkdir -p /home/ray
    [ ! -d /etc/skel ] || cp -R /etc/skel/. /home/ray
    chown -hR 1000:1000 /home/ray
fi

install -d -o 1000 -g 1000 /home/ray /opt/conda/envs /opt/conda/envs/py /workspace
rm -rf /home/ray/anaconda3
ln -s /opt/conda/envs/py /home/ray/anaconda3
chown -h 1000:1000 /home/ray/anaconda3
install -D -m 755 /mnt/files/conda /opt/conda/bin/conda
install -D -m 755 /mnt/files/marimo-serve /usr/local/bin/marimo-serve
install -D -m 644 /mnt/files/profile.sh /etc/profile.d/envlock.sh

# The image runs as ray, and templates start it with `su - ray -c …` all the same: from ray to ray there is
# nothing to prove. Every other change of user asks as before.
for service in /etc/pam.d/su /etc/pam.d/su-l; do
    if [ -f "$service" ] && ! grep -q envlock "$service"; then
        {
            echo '# envlock: ray may become ray without a password'
            echo 'auth [success=ignore default=1] pam_succeed_if.so quiet user = ray'
            echo 'auth sufficient pam_succeed_if.so quiet use_uid user = ray'
            cat "$service"
        } | put "$service"
    fi
done

settle /
