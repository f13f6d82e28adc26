#!/bin/sh
# Installs, upgrades and removes edge-agent on Debian 12 and 13 (and Raspberry Pi OS of their age).
#
#   sh install.sh                 from the registry; run it in a checkout
#   sh install.sh --wheels DIR    from a folder that `make wheels` filled; needs no network
#   sh install.sh --dry-run       say what would happen; changes nothing, needs no root
#   sh install.sh --version       the version that would be installed
#   sh install.sh --uninstall [--purge]   purge: configuration, state and user as well
#   --lang en|vi                  the language of what is said (default: as the system's)
#
# An upgrade must prove itself: the new version passes `edge-agent selftest`, is READY within
# 60 s, and reaches the broker if the old one did. Else the old version comes back.
#
# Every step can be set from outside:
#   INSTALL_PREFIX=/opt/edge-agent          one folder a version, and "current"
#   INSTALL_BIN_DIR=/usr/local/bin          the link to the command
#   INSTALL_SHARE_DIR=/usr/local/share      samples, manual page, completion
#   INSTALL_UNIT_DIR=/etc/systemd/system    INSTALL_SYSUSERS_DIR=/etc/sysusers.d
#   INSTALL_TMPFILES_DIR=/etc/tmpfiles.d    INSTALL_CONFIG_DIR=/etc/edge-agent
#   INSTALL_STATE_DIR=/var/lib/edge-agent   INSTALL_OS_RELEASE=/etc/os-release
#   INSTALL_PYTHON=python3                  INSTALL_READY_S=60
# and left out with =no:
#   INSTALL_OS_CHECK  INSTALL_FILES (links, samples, units)  INSTALL_USER (user and folders)
#   INSTALL_SELFTEST  INSTALL_ENABLE (start at boot)  INSTALL_START (start now, wait for READY)
set -eu

settings() {
    prefix=${INSTALL_PREFIX:-/opt/edge-agent}
    bin_dir=${INSTALL_BIN_DIR:-/usr/local/bin}
    share_dir=${INSTALL_SHARE_DIR:-/usr/local/share}
    unit_dir=${INSTALL_UNIT_DIR:-/etc/systemd/system}
    sysusers_dir=${INSTALL_SYSUSERS_DIR:-/etc/sysusers.d}
    tmpfiles_dir=${INSTALL_TMPFILES_DIR:-/etc/tmpfiles.d}
    config_dir=${INSTALL_CONFIG_DIR:-/etc/edge-agent}
    state_dir=${INSTALL_STATE_DIR:-/var/lib/edge-agent}
    os_release=${INSTALL_OS_RELEASE:-/etc/os-release}
    python=${INSTALL_PYTHON:-python3}
    ready_s=${INSTALL_READY_S:-60}
    service=edge-agent.service
    mark=.edge-agent-install     # lies in a complete version's folder and holds its hash
    need_mib=900                 # for one version, and for its wheels while they are fetched
    own_language
    dry_run=no
    wheels=
    here=$(cd "$(dirname "$0")" && pwd)
    scratch=
}

say() { printf 'edge-agent: %s\n' "$(in_words "$*")"; }
fail() { say "$*" >&2; exit 1; }
usage_error() { printf 'install.sh: %s\n' "$(in_words "$*; try --help")" >&2; exit 2; }
wanted() { eval "[ \"\${INSTALL_$1:-yes}\" != no ]"; }
have() { command -v "$1" >/dev/null 2>&1; }

# The system's language, unless --lang says another.
own_language() {
    case ${LC_ALL:-${LC_MESSAGES:-${LANG:-}}} in vi*) lang=vi ;; *) lang=en ;; esac
}

in_words() {
    if [ "$lang" = vi ]; then printf '%s\n' "$1" | sed -E "$vietnamese"; else printf '%s\n' "$1"; fi
}

# One rule for each thing that is said here; a part that stands in another comes before it.
vietnamese='
s|^would stop here: |sẽ dừng ở đây: |
s|; try --help$|; xem --help|
s|was not READY within (.*) s\b|chưa READY sau \1 giây|
s|it (chưa READY sau [0-9]+ giây)|bản mới \1|
s|the broker answered the old version, and not this one within (.*) s\b|bản cũ nối được máy chủ của phường, bản này thì không nối được sau \1 giây|
s|; see: (journalctl -u edge-agent)$|; xem: \1|
s|a Debian package is installed; upgrade with: |đã cài bằng gói .deb rồi; nâng cấp bằng: |
s|^run this as root: |cần quyền root, chạy: |
s|^run this as root$|cần quyền root (sudo)|
s|there is no (.*); apt-get install python3$|không có \1; cài: apt-get install python3|
s|(python[^ ]*) is (.*); py311 or py313 is needed|\1 là \2; cần py311 hoặc py313|
s|Python cannot fetch packages; |Python chưa tải gói được; cài: |
s|(/.*) has (.*) MiB free and needs (.*); make room on the card|\1 chỉ còn \2 MiB, cần \3 MiB; xóa bớt cho thẻ nhớ trống|
s|^(.*) cannot be read; is this Debian\?|không đọc được \1; đây có phải Debian không?|
s|^this is .(.*).; Debian 12 or 13 is needed \((.*) tries all the same\)|hệ điều hành ở đây là \1; cần Debian 12 hoặc 13 (\2: cứ thử)|
s|^a 64-bit system is needed \((.*)\); this is (.*) bit (.*)|cần hệ điều hành 64-bit (\1); ở đây là \2 bit \3|
s|^(.*): no box.lock in it; fill the folder with (.*)|\1: không có box.lock; tạo thư mục bằng \2|
s|^(.*) is in no checkout; give --wheels DIR|\1 không nằm trong bản mã nguồn; thêm --wheels THƯ_MỤC|
s|^the version cannot be found in (.*)|không tìm ra số phiên bản trong \1|
s|^fetching the packages of (.*)|đang tải các gói của bản \1|
s|^the packages could not be fetched; nothing was changed. Without internet: --wheels DIR|không tải được các gói; chưa thay đổi gì cả. Nếu không có internet: --wheels THƯ_MỤC|
s|^setuptools could not be fetched; nothing was changed|không tải được setuptools; chưa thay đổi gì cả|
s|^the agent.s wheel could not be built; nothing was changed|không tạo được gói của phần mềm; chưa thay đổi gì cả|
s|^(.*): there is no wheel of pip|\1: không có gói pip|
s|^(.*) is not the locked one; fetch the package again|\1 không khớp mã kiểm tra; tải lại gói|
s|^installing (.*) in (.*)|đang cài bản \1 vào \2|
s|^(.*) could not be installed; nothing was changed|không cài được bản \1; chưa thay đổi gì cả|
s|^testing (.*): a made picture with a person, through to the outbox|đang thử bản \1: cho xem một hình vẽ có người, rồi ghi vào hàng chờ gửi|
s|^a USB camera is configured\b|có khai báo camera USB|
s|^(.systemctl reload.) waits until the files are read|\1 chờ đọc xong các tập tin|
s|^(.*) was taken back: (.*)\. (.*) runs again;|đã bỏ bản \1, vì \2. Bản \3 chạy trở lại;|
s|^(.*) was taken back: (.*)\. (.*) does not start either;|đã bỏ bản \1, vì \2. Bản \3 cũng không chạy;|
s|^(.*) stays although (.*): (.*) does not start any more;|giữ bản \1 tuy \2: bản \3 không chạy lại được;|
s|^there is no (.*) yet; the service starts when there is one|chưa có \1; khi nào có thì dịch vụ tự chạy|
s|^the service was stopped and stays so; start it: (.*)|dịch vụ đang tắt, vẫn để tắt; muốn chạy: \1|
s|^(.*) runs: READY|bản \1 đang chạy: READY|
s|^(.*) is installed and does not start: (.*);|đã cài bản \1 nhưng không chạy được: \2;|
s|^(.*) is installed already; nothing to do|đã cài bản \1 rồi; không phải làm gì|
s|^(.*) does not pass its self-test and is not used; (.*) stays|bản \1 tự thử không đạt nên không dùng; giữ bản \2|
s|^(.*) does not pass its self-test and is not used|bản \1 tự thử không đạt nên không dùng|
s|^(.*) is installed: (.*)|đã cài xong bản \1: \2|
s|^next: edge-agent setup|bước tiếp theo: edge-agent setup|
s|^next: write (.*) and (.*) \(samples: (.*)\),|bước tiếp theo: viết \1 và \2 (tập tin mẫu: \3),|
s|^then: |rồi chạy: |
s|^would install (.*) from the registry, for |sẽ cài bản \1 tải từ mạng, cho |
s|^would install (.*) from (.*), for |sẽ cài bản \1 lấy từ \2, cho |
s|no Python:$|chưa có Python:|
s|^(  .*), tested by (.*)|\1, tự thử bằng \2|
s|^  the user edge-agent; (.*), with secrets that only it can read|  tài khoản edge-agent; \1, mật khẩu trong đó chỉ tài khoản này đọc được|
s|^(  .*), started at boot|\1, tự chạy khi bật hộp|
s|^(  .*), started now; READY within (.*) s, or the old version comes back|\1, chạy ngay; phải READY trong \2 giây, không thì trả lại bản cũ|
s|^  no start now: there is no (.*) yet|  chưa chạy ngay: chưa có \1|
s|^nothing was changed \(|chưa thay đổi gì cả (|
s|^would stop (.*) and remove (.*), the unit and its files|sẽ dừng \1 và xóa \2, dịch vụ và các tập tin của nó|
s|^would remove (.*), (.*) and the user edge-agent|sẽ xóa \1, \2 và tài khoản edge-agent|
s|^a Debian package installed it: (.*) \(or purge\)|đã cài bằng gói .deb, gỡ bằng: \1 (hoặc purge)|
s|^removed, with configuration, state and user|đã gỡ, xóa luôn cấu hình, dữ liệu và tài khoản|
s|^removed; (.*), (.*) and the user edge-agent stay \(--purge removes them\)|đã gỡ; còn giữ \1, \2 và tài khoản edge-agent (thêm --purge để xóa)|
s|^--wheels needs a folder|--wheels cần một thư mục|
s|^(.*) is no folder|\1 không phải thư mục|
s|^--lang needs en or vi|--lang cần en hoặc vi|
s|^(.*) is not known|không có tùy chọn \1|
s|^--purge goes with --uninstall|--purge chỉ đi với --uninstall|
'

help() { sed -n '2,/^set -eu/p' "$0" | sed '$d; s/^# \{0,1\}//'; }

# Without systemd as the first process (a chroot, a container's build) nothing can be started.
has_systemd() { [ -d /run/systemd/system ] && have systemctl; }

# Whether dpkg owns what lies in the prefix.
is_packaged() {
    wanted FILES && [ "$prefix" = /opt/edge-agent ] && have dpkg-query &&
        dpkg-query -W -f '${db:Status-Abbrev}' edge-agent 2>/dev/null | grep -q '^i'
}

clean_up() { [ -z "$scratch" ] || rm -rf "$scratch"; }

# --- looking before touching -----------------------------------------------------------

# In a dry run what is missing is told, and the plan goes on.
missing() {
    if [ "$dry_run" = yes ]; then say "would stop here: $*"; else fail "$*"; fi
}

check_machine() {
    if wanted OS_CHECK; then check_system; fi
    ! is_packaged || missing "a Debian package is installed; upgrade with: apt-get install ./edge-agent_....deb"
    if [ "$dry_run" = no ] && wanted USER && [ "$(id -u)" -ne 0 ]; then
        fail "run this as root: sudo sh $0"
    fi
    python_tag=$("$python" -c 'import sys; print("py%d%d" % sys.version_info[:2])' 2>/dev/null) ||
        python_tag=
    case $python_tag in
        py311 | py313) ;;
        '') missing "there is no $python; apt-get install python3" ;;
        *) missing "$python is $python_tag; py311 or py313 is needed (INSTALL_PYTHON=python3.11)" ;;
    esac
    if [ -z "$wheels" ] && ! "$python" -c 'import ensurepip' 2>/dev/null; then
        missing "Python cannot fetch packages; apt-get install python3-venv"
    fi
    free_mib=$(df -Pm "$(existing "$prefix")" | awk 'NR == 2 { print $4 }')
    [ "$free_mib" -ge "$need_mib" ] ||
        missing "$prefix has $free_mib MiB free and needs $need_mib; make room on the card"
}

check_system() {
    [ -r "$os_release" ] || fail "$os_release cannot be read; is this Debian? (INSTALL_OS_CHECK=no)"
    # shellcheck disable=SC1090
    system=$(. "$os_release" && printf '%s %s' "${ID:-?} ${ID_LIKE:-}" "${VERSION_ID:-?}")
    case $system in
        *debian*' 12' | *debian*' 13' | *raspbian*' 12' | *raspbian*' 13') ;;
        *) fail "this is '$system'; Debian 12 or 13 is needed (INSTALL_OS_CHECK=no tries all the same)" ;;
    esac
    case $(getconf LONG_BIT)/$(uname -m) in
        64/x86_64 | 64/aarch64) ;;
        *) fail "a 64-bit system is needed (x86_64 or aarch64); this is $(getconf LONG_BIT) bit $(uname -m)" ;;
    esac
}

# The nearest folder above a path that is there already.
existing() {
    folder=$1
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    printf '%s' "$folder"
}

find_version() {
    if [ -n "$wheels" ]; then
        [ -r "$wheels/box.lock" ] || fail "$wheels: no box.lock in it; fill the folder with \`make wheels\`"
        version=$(sed -n 's/^edge-agent==\([^ ]*\).*/\1/p' "$wheels/box.lock")
    else
        source=$(dirname "$here")
        [ -r "$source/setup.cfg" ] || fail "$here is in no checkout; give --wheels DIR"
        version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$source/edge_agent/__init__.py")
    fi
    [ -n "$version" ] || fail "the version cannot be found in ${wheels:-$source}"
}

# --- wheels ------------------------------------------------------------------------------

sha256() { sha256sum "$1" | cut -d' ' -f1; }

# From the registry, into a scratch folder: when that fails nothing has been changed yet.
fetch_wheels() {
    scratch=$(mktemp -d)
    wheels=$scratch/wheels
    mkdir "$wheels"
    say "fetching the packages of $version"
    "$python" -m venv "$scratch/venv"
    pip="$scratch/venv/bin/python -m pip --disable-pip-version-check -q"
    tools=$scratch/tools.lock
    sed -n '/^setuptools==/,/[^\\]$/p' "$source/packaging/build.lock" > "$tools"
    # Not $pip in quotes: it is a command with its options.
    $pip download --no-deps --require-hashes --only-binary=:all: \
        -r "$source/packaging/requirements.lock" -d "$wheels" ||
        fail "the packages could not be fetched; nothing was changed. Without internet: --wheels DIR"
    $pip install --no-deps --require-hashes --only-binary=:all: -r "$tools" ||
        fail "setuptools could not be fetched; nothing was changed"
    # A copy: building leaves files beside the sources.
    mkdir "$scratch/source"
    (cd "$source" && tar -cf - --exclude=./.git --exclude=./.venv --exclude=./dist --exclude=./build .) |
        tar -xf - -C "$scratch/source"
    $pip wheel --no-deps --no-build-isolation -w "$wheels" "$scratch/source" ||
        fail "the agent's wheel could not be built; nothing was changed"
    own=$(ls "$wheels"/edge_agent-*.whl)
    {
        cat "$source/packaging/requirements.lock"
        printf 'edge-agent==%s --hash=sha256:%s\n' "$version" "$(sha256 "$own")"
    } > "$wheels/box.lock"
}

# pip checks every other wheel against the lock; pip itself has to be checked before it runs.
check_pip() {
    pip_wheel=$(ls "$wheels"/pip-*.whl 2>/dev/null) || fail "$wheels: there is no wheel of pip"
    grep -q "sha256:$(sha256 "$pip_wheel")" "$wheels/box.lock" ||
        fail "$pip_wheel is not the locked one; fetch the package again"
}

# --- one version in one folder -------------------------------------------------------------

make_version() {
    hash=$({ cat "$wheels/box.lock"; printf '%s\n' "$python_tag"; } | sha256sum | cut -d' ' -f1)
    target=$prefix/$version-$python_tag
    before=$(readlink "$prefix/current" 2>/dev/null) || before=
    [ -x "$prefix/$before/bin/edge-agent" ] || before=
    # Other contents under the same version: not over the one that runs.
    if [ "$before" = "$version-$python_tag" ] && [ "$(cat "$target/$mark" 2>/dev/null)" != "$hash" ]; then
        target=$target-$(printf '%.8s' "$hash")
    fi
    [ "$(cat "$target/$mark" 2>/dev/null)" != "$hash" ] || return 0
    say "installing $version in $target"
    rm -rf "$target"
    mkdir -p "$prefix"
    "$python" -m venv --without-pip "$target"
    # No pip in the venv: nothing is installed there later.
    sed '/^pip==/,/[^\\]$/d' "$wheels/box.lock" > "$target/requirements.lock"
    "$target/bin/python" "$pip_wheel/pip" --isolated --disable-pip-version-check -q install \
        --no-index --no-deps --no-cache-dir --no-compile --only-binary=:all: --find-links "$wheels" \
        --require-hashes -r "$target/requirements.lock" --root-user-action=ignore ||
        { rm -rf "$target"; fail "$version could not be installed; nothing was changed"; }
    compile_version
    printf '%s\n' "$hash" > "$target/$mark"
}

# The service's user cannot write here, and would compile at every start. pip would compile all files,
# one after another; this does it on all cores, and leaves out what the agent never loads.
compile_version() {
    "$target/bin/python" -W ignore -m compileall -q -j 0 \
        -x '/(tests|pygments/lexers|onnxruntime/(tools|transformers|quantization))/' "$target/lib" ||
        true
}

# As the service's user, where there is one: what only root can read is found here.
self_test() {
    wanted SELFTEST || return 0
    say "testing $version: a made picture with a person, through to the outbox"
    if [ "$(id -u)" -eq 0 ] && wanted USER; then
        setpriv --reuid edge-agent --regid edge-agent --clear-groups --inh-caps=-all \
            env -i HOME=/nonexistent PATH="$PATH" "$target/bin/edge-agent" selftest --lang "$lang"
    else
        "$target/bin/edge-agent" selftest --lang "$lang"
    fi
}

switch_to() {
    ln -sfn "$1" "$prefix/.current.new"
    mv -T "$prefix/.current.new" "$prefix/current"
}

# --- user, folders, files ------------------------------------------------------------------

make_user() {
    wanted USER || return 0
    systemd-sysusers "$1"
    systemd-tmpfiles --create "$2"
}

# file SOURCE DESTINATION: remembers what was there, for the way back.
file() {
    mkdir -p "$(dirname "$2")"
    if [ -e "$2" ] && [ ! -e "$saved$2" ]; then
        mkdir -p "$saved$(dirname "$2")"
        cp -a "$2" "$saved$2"
    fi
    cmp -s "$1" "$2" || { cp "$1" "$2.new" && chmod 0644 "$2.new" && mv "$2.new" "$2"; }
}

put_files() {
    wanted FILES || return 0
    own=$target/share/edge-agent
    mkdir -p "$bin_dir" "$share_dir/edge-agent"
    file "$own/systemd/$service" "$unit_dir/$service"
    rm -rf "$share_dir/edge-agent"
    ln -sfn "$prefix/current/share/edge-agent" "$share_dir/edge-agent"
    ln -sfn "$prefix/current/bin/edge-agent" "$bin_dir/edge-agent"
    if [ -d "$wheels/share" ]; then
        (cd "$wheels/share" && find . -type f) | while read -r name; do
            file "$wheels/share/$name" "$share_dir/$name"
        done
    fi
}

put_users() {
    wanted FILES || return 0
    own=$target/share/edge-agent/systemd
    file "$own/edge-agent.sysusers" "$sysusers_dir/edge-agent.conf"
    file "$own/edge-agent.tmpfiles" "$tmpfiles_dir/edge-agent.conf"
}

write_uninstaller() {
    wanted FILES || return 0
    cp "$0" "$prefix/.install.sh.new"
    mv "$prefix/.install.sh.new" "$prefix/install.sh"
    {
        printf '#!/bin/sh\n# Removes what install.sh installed. --purge: configuration and state, too.\n'
        for name in PREFIX BIN_DIR SHARE_DIR UNIT_DIR SYSUSERS_DIR TMPFILES_DIR CONFIG_DIR STATE_DIR USER; do
            eval "value=\${INSTALL_$name:-}"
            [ -z "$value" ] || printf "export INSTALL_%s='%s'\n" "$name" "$value"
        done
        printf 'exec sh "%s" --uninstall "$@"\n' "$prefix/install.sh"
    } > "$prefix/uninstall.sh"
    chmod 0755 "$prefix/uninstall.sh"
}

# What the unit itself cannot know: whether there are USB cameras, and which systemd this is.
put_drop_ins() {
    wanted USER || return 0
    drop_ins=/etc/systemd/system/$service.d
    if grep -qsE '^[[:space:]]*kind[[:space:]]*=[[:space:]]*"usb"' "$config_dir"/cameras.d/*.toml; then
        put_drop_in usb.conf "a USB camera is configured"
    fi
    if [ "$(systemctl --version 2>/dev/null | awk 'NR == 1 { print $2 }')" -ge 253 ] 2>/dev/null; then
        put_drop_in notify-reload.conf "\`systemctl reload\` waits until the files are read"
    fi
}

put_drop_in() {
    [ ! -e "$drop_ins/$1" ] || return 0
    say "$2: $drop_ins/$1"
    mkdir -p "$drop_ins"
    cp "$target/share/edge-agent/systemd/$1" "$drop_ins/$1"
    chmod 0644 "$drop_ins/$1"
}

# --- the service -----------------------------------------------------------------------------

# What the service did before: running, broken (failed, or starting again and again), stopped.
note_service() {
    was=stopped had_broker=no
    has_systemd || return 0
    case $(systemctl is-active "$service" 2>/dev/null) in
        active | reloading) was=running ;;
        activating | failed) was=broken ;;
    esac
    if [ "$was" = running ] && reaches_broker; then had_broker=yes; fi
}

configured() { [ -e "$config_dir/agent.toml" ]; }
reaches_broker() {
    case $(systemctl show -p StatusText --value "$service") in "broker connected"*) true ;; *) false ;; esac
}

enable_service() {
    wanted ENABLE && has_systemd || return 0
    systemctl enable --quiet "$service"
}

# A stop may take half a minute, and a hung version takes all of it: READY is awaited from the start.
start_afresh() {
    systemctl stop "$service" || true
    systemctl reset-failed "$service" 2>/dev/null || true
    deadline=$(($(date +%s) + ready_s))
    # A failed start says so at once.
    timeout "$ready_s" systemctl start "$service"
}

# READY in time, and the broker again where it answered before.
start_and_prove() {
    was_ready=no
    start_afresh || { why="it was not READY within $ready_s s"; return 1; }
    was_ready=yes
    [ "$had_broker" = yes ] || return 0
    until reaches_broker; do
        [ "$(date +%s)" -lt "$deadline" ] ||
            { why="the broker answered the old version, and not this one within $ready_s s"; return 1; }
        sleep 1
    done
}

go_back() {
    old=${before%-py*}
    switch_to "$before"
    if [ -d "$saved" ]; then
        (cd "$saved" && find . -type f) | while read -r name; do cp -a "$saved/$name" "/$name"; done
    fi
    systemctl daemon-reload
    if start_afresh; then
        rm -rf "$target"
        fail "$version was taken back: $why. $old runs again; see: journalctl -u edge-agent"
    fi
    if [ "$was_ready" = yes ]; then
        # Better a version that runs than none, as when only the new one reads the database.
        switch_to "$(basename "$target")"
        start_afresh || true
        fail "$version stays although $why: $old does not start any more; see: journalctl -u edge-agent"
    fi
    fail "$version was taken back: $why. $old does not start either; see: journalctl -u edge-agent"
}

start_service() {
    wanted START && has_systemd || return 0
    if ! configured; then
        say "there is no $config_dir/agent.toml yet; the service starts when there is one"
        return 0
    fi
    if [ "$was" = stopped ] && [ -n "$before" ]; then
        say "the service was stopped and stays so; start it: systemctl start edge-agent"
        return 0
    fi
    why=
    if start_and_prove; then
        say "$version runs: READY"
    elif [ "$was" = running ] && [ -n "$before" ] && [ "$prefix/$before" != "$target" ]; then
        go_back
    else
        fail "$version is installed and does not start: $why; see: journalctl -u edge-agent"
    fi
}

remove_old_versions() {
    for folder in "$prefix"/*-py3*; do
        if [ "$folder" != "$target" ] && [ -d "$folder" ]; then rm -rf "$folder"; fi
    done
}

# --- the commands ------------------------------------------------------------------------------

install_all() {
    check_machine
    find_version
    if [ "$dry_run" = yes ]; then plan; return; fi
    [ -n "$wheels" ] || fetch_wheels
    check_pip
    make_version
    if [ "$before" = "$(basename "$target")" ] && files_are_current; then
        say "$version is installed already; nothing to do"
        return
    fi
    saved=$target/.before
    rm -rf "$saved"
    note_service
    put_users
    make_user_from_files
    if ! self_test; then
        rm -rf "$target"
        fail "$version does not pass its self-test and is not used${before:+; ${before%-py*} stays}"
    fi
    switch_to "$(basename "$target")"
    put_files
    write_uninstaller
    put_drop_ins
    if has_systemd; then systemctl daemon-reload; fi
    enable_service
    start_service
    rm -rf "$saved"
    remove_old_versions
    say "$version is installed: $("$prefix/current/bin/edge-agent" --version)"
    configured || say_next
}

say_next() {
    if "$prefix/current/bin/edge-agent" setup --help >/dev/null 2>&1; then
        say "next: edge-agent setup"
        return
    fi
    samples=/usr/share/edge-agent/config
    if wanted FILES; then samples=$share_dir/edge-agent/config; fi
    say "next: write $config_dir/agent.toml and $config_dir/cameras.d/*.toml (samples: $samples),"
    say "then: edge-agent config check && systemctl start edge-agent"
}

# The package's own files are dpkg's, and lie in /usr/lib.
make_user_from_files() {
    if wanted FILES; then
        make_user "$sysusers_dir/edge-agent.conf" "$tmpfiles_dir/edge-agent.conf"
    else
        make_user /usr/lib/sysusers.d/edge-agent.conf /usr/lib/tmpfiles.d/edge-agent.conf
    fi
}

files_are_current() {
    wanted FILES || return 0
    own=$target/share/edge-agent/systemd
    cmp -s "$own/$service" "$unit_dir/$service" &&
        cmp -s "$own/edge-agent.sysusers" "$sysusers_dir/edge-agent.conf" &&
        cmp -s "$own/edge-agent.tmpfiles" "$tmpfiles_dir/edge-agent.conf" &&
        [ -e "$bin_dir/edge-agent" ] && [ -x "$prefix/uninstall.sh" ]
}

plan() {
    say "would install $version from ${wheels:-the registry}, for ${python_tag:-no Python}:"
    say "  $prefix/$version-$python_tag, tested by \`edge-agent selftest\`"
    say "  $prefix/current -> $version-$python_tag"
    if wanted FILES; then
        say "  $bin_dir/edge-agent, $unit_dir/$service, $sysusers_dir/edge-agent.conf,"
        say "  $tmpfiles_dir/edge-agent.conf, $share_dir/edge-agent, $prefix/uninstall.sh"
    fi
    if wanted USER; then say "  the user edge-agent; $config_dir, with secrets that only it can read"; fi
    if wanted ENABLE; then say "  $service, started at boot"; fi
    if wanted START; then
        if configured; then
            say "  $service, started now; READY within $ready_s s, or the old version comes back"
        else
            say "  no start now: there is no $config_dir/agent.toml yet"
        fi
    fi
    say "nothing was changed (--dry-run)"
}

uninstall() {
    if [ "$dry_run" = yes ]; then
        say "would stop $service and remove $prefix, $bin_dir/edge-agent, the unit and its files"
        [ "$purge" = no ] || say "would remove $config_dir, $state_dir and the user edge-agent"
        return
    fi
    if wanted USER && [ "$(id -u)" -ne 0 ]; then fail "run this as root"; fi
    ! is_packaged || fail "a Debian package installed it: apt-get remove edge-agent (or purge)"
    if has_systemd; then
        systemctl disable --now --quiet "$service" 2>/dev/null || true
    fi
    rm -f "$unit_dir/$service" "$bin_dir/edge-agent" \
        "$share_dir/edge-agent" "$share_dir/man/man1/edge-agent.1.gz" \
        "$share_dir/bash-completion/completions/edge-agent" \
        "$share_dir/zsh/site-functions/_edge-agent" \
        "$sysusers_dir/edge-agent.conf" "$tmpfiles_dir/edge-agent.conf"
    if wanted USER; then
        rm -f "/etc/systemd/system/$service.d/notify-reload.conf" "/etc/systemd/system/$service.d/usb.conf"
        rmdir "/etc/systemd/system/$service.d" 2>/dev/null || true
    fi
    rm -rf "$prefix"/*-py3* "$prefix/current" "$prefix/install.sh" "$prefix/uninstall.sh"
    rmdir "$prefix" 2>/dev/null || true
    if has_systemd; then systemctl daemon-reload; fi
    if [ "$purge" = yes ]; then
        purge_data
        say "removed, with configuration, state and user"
    else
        say "removed; $config_dir, $state_dir and the user edge-agent stay (--purge removes them)"
    fi
}

# Elsewhere, as setup's drop-in names it: what the service wrote, and nothing of others.
purge_state_elsewhere() {
    getent passwd edge-agent >/dev/null || return 0
    elsewhere=$(sed -n 's|^# box\.state_dir, by edge-agent setup: /|/|p' \
        "/etc/systemd/system/$service.d/state-dir.conf" 2>/dev/null) || return 0
    [ -d "$elsewhere" ] || return 0
    find "$elsewhere" -xdev -depth -user edge-agent -delete 2>/dev/null || true
    [ ! -d "$elsewhere" ] || chown -h root:root "$elsewhere"
}

purge_data() {
    ! wanted USER || purge_state_elsewhere
    rm -rf "$config_dir" "$state_dir" "/etc/systemd/system/$service.d"
    wanted USER || return 0
    if getent passwd edge-agent >/dev/null && have userdel; then userdel edge-agent; fi
    if getent group edge-agent >/dev/null && have groupdel; then groupdel edge-agent; fi
}

main() {
    settings
    action=install purge=no
    while [ $# -gt 0 ]; do
        case $1 in
            --wheels)
                [ $# -ge 2 ] || usage_error "--wheels needs a folder"
                wheels=$(cd "$2" 2>/dev/null && pwd) || usage_error "$2 is no folder"
                shift
                ;;
            --lang)
                case ${2:-} in en | vi) lang=$2 ;; *) usage_error "--lang needs en or vi" ;; esac
                shift
                ;;
            --dry-run) dry_run=yes ;;
            --version) action=version ;;
            --uninstall) action=uninstall ;;
            --purge) purge=yes ;;
            -h | --help) help; exit 0 ;;
            *) usage_error "$1 is not known" ;;
        esac
        shift
    done
    [ "$purge" = no ] || [ "$action" = uninstall ] || usage_error "--purge goes with --uninstall"
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    case $action in
        version) find_version; printf 'edge-agent %s\n' "$version" ;;
        uninstall) uninstall ;;
        install) install_all ;;
    esac
}

main "$@"
