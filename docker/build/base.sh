#!/bin/sh
# Makes the base image a drop-in for rayproject/ray: the user `ray`, the paths that templates and scripts
# expect, a `conda` that runs commands in the environment. Runs as root, without network.
# shellcheck source=docker/build/settle.sh
. /mnt/build/settle.sh

# ubuntu images bring a user of their own with our id.
holder=$(getent passwd 1000 | cut -d: -f1 || true)
if [ -n "$holder" ] && [ "$holder" != ray ]; then
    home=$(getent passwd 1000 | cut -d: -f6)
    userdel "$holder"
    [ "$home" != "/home/$holder" ] || rm -rf "$home" "/var/mail/$holder"
fi
holder=$(getent group 1000 | cut -d: -f1 || true)
if [ -z "$holder" ]; then
    groupadd --gid 1000 ray
elif [ "$holder" != ray ]; then
    groupmod --new-name ray "$holder"
fi
getent passwd ray >/dev/null ||
    useradd --uid 1000 --gid 1000 --home-dir /home/ray --create-home --shell /bin/bash --no-log-init ray

install -d -o ray -g ray /opt/conda/envs /opt/conda/envs/py /workspace
ln -sfn /opt/conda/envs/py /home/ray/anaconda3
chown -h ray:ray /home/ray/anaconda3
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
        } >/tmp/service
        cat /tmp/service >"$service"
    fi
done

settle /
