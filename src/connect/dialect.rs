//! What is known of servers by the version that they tell (RFC 4253, section 4.2).
#![forbid(unsafe_code)]

use crate::sftp::SymlinkOrder;

/// Servers whose SYMLINK takes the link first, as the draft has it, by the beginning of their software version.
///
/// All others get OpenSSH's order, target first: OpenSSH itself, ProFTPD, Paramiko, Apache MINA SSHD, Go's pkg/sftp and
/// Twisted's server read it so, and whatever serves SFTP behind OpenSSH's sshd is meant for its clients.
const LINK_FIRST: &[(&[u8], &str)] = &[
    (b"AsyncSSH_", "takes OpenSSH's order only from clients that call themselves OpenSSH or Paramiko"),
    (b"Erlang/", "ssh_sftpd makes a link of the first path to the second"),
    (b"libssh_", "its server library keeps to the draft, and says so; libssh2 serves nobody"),
];

/// Servers that answer however many requests wait, by the beginning of their software version: each was seen to, or reads the next
/// request only when it has room for it. `docs/servers.md` has the whole story.
const COPING: &[(&[u8], &str)] = &[
    (b"OpenSSH_", "its own, where it reads no more than it has room to answer"),
    (b"dropbear_", "it runs OpenSSH's server program"),
    (b"mod_sftp", "ProFTPD answers each request before it reads the next"),
    (b"AsyncSSH_", "begins each request as a task of its own"),
    (b"paramiko_", "answers each request before it reads the next"),
    (b"rclone/", "reads no more than its workers take"),
];

/// Returns whether a server answers however many requests wait for an answer. `version` is its identification.
pub(super) fn copes_with_many_requests(version: &[u8]) -> bool {
    let software = version.strip_prefix(b"SSH-2.0-").or_else(|| version.strip_prefix(b"SSH-1.99-"));
    software.is_some_and(|software| COPING.iter().any(|(name, _)| software.starts_with(name)))
}

/// The order in which a server reads the paths of SYMLINK. `version` is its identification: `SSH-2.0-OpenSSH_9.2p1`.
pub(super) fn symlink_order(version: &[u8]) -> SymlinkOrder {
    let software = version.strip_prefix(b"SSH-2.0-").or_else(|| version.strip_prefix(b"SSH-1.99-"));
    let link_first = software.is_some_and(|software| LINK_FIRST.iter().any(|(name, _)| software.starts_with(name)));
    if link_first { SymlinkOrder::LinkFirst } else { SymlinkOrder::TargetFirst }
}

/// Whether a server calls itself OpenSSH.
pub(super) fn is_openssh(version: &[u8]) -> bool {
    version.starts_with(b"SSH-2.0-OpenSSH_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_version_tells_the_order_of_a_links_paths() {
        use SymlinkOrder::{LinkFirst, TargetFirst};
        for (version, order) in [
            ("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10", TargetFirst),
            ("SSH-2.0-mod_sftp", TargetFirst),
            ("SSH-2.0-ProFTPD", TargetFirst),
            ("SSH-2.0-paramiko_3.4.0", TargetFirst),
            ("SSH-2.0-APACHE-SSHD-2.12.0", TargetFirst),
            ("SSH-2.0-SFTPGo_2.6.2", TargetFirst),
            ("SSH-2.0-Go", TargetFirst),
            ("SSH-2.0-Twisted_24.3", TargetFirst),
            ("SSH-2.0-dropbear_2022.83", TargetFirst),
            ("SSH-2.0-AsyncSSH_2.10.1", LinkFirst),
            ("SSH-1.99-AsyncSSH_1.0", LinkFirst),
            ("SSH-2.0-Erlang/5.1.4", LinkFirst),
            ("SSH-2.0-libssh_0.11.1", LinkFirst),
            ("SSH-2.0-libssh2_1.11.0", TargetFirst),
            ("SSH-2.0-Not_AsyncSSH_2", TargetFirst),
            ("AsyncSSH_2.10.1", TargetFirst),
            ("", TargetFirst),
        ] {
            assert_eq!(symlink_order(version.as_bytes()), order, "{version}");
        }
    }

    #[test]
    fn a_servers_version_tells_whether_it_copes() {
        for (version, copes) in [
            ("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3", true),
            ("SSH-2.0-OpenSSH_for_Windows_9.5", true),
            ("SSH-2.0-dropbear_2022.83", true),
            ("SSH-2.0-mod_sftp/1.0.0", true),
            ("SSH-2.0-mod_sftp", true),
            ("SSH-2.0-AsyncSSH_2.14.2", true),
            ("SSH-2.0-paramiko_3.4.0", true),
            ("SSH-2.0-rclone/v1.60.1-DEV", true),
            ("SSH-2.0-9.99 FlowSsh: Bitvise SSH Server (WinSSHD)", false),
            ("SSH-2.0-Serv-U_15.1.7.162", false),
            ("SSH-2.0-SFTP Server ready, like OpenSSH_9", false),
            ("OpenSSH_9.2p1", false),
            ("", false),
        ] {
            assert_eq!(copes_with_many_requests(version.as_bytes()), copes, "{version}");
        }
    }
}
