//! Properties of servers that we know by their version (RFC 4253, section 4.2).

use crate::sftp::SymlinkOrder;

/// Servers whose SYMLINK takes the link first, as in the draft, by the beginning of their software version.
///
/// All others get OpenSSH's order, target first. OpenSSH itself, ProFTPD, Paramiko, Apache MINA SSHD and Go's
/// pkg/sftp use it, and so does any SFTP server that runs under OpenSSH's sshd, because it has OpenSSH's clients.
const LINK_FIRST: &[(&[u8], &str)] = &[
    (b"AsyncSSH_", "takes OpenSSH's order only from clients that call themselves OpenSSH or Paramiko"),
    (b"Twisted", "conch takes the link first"),
    (b"Erlang/", "ssh_sftpd makes a link of the first path to the second"),
    (b"libssh_", "its server library keeps to the draft, and says so; libssh2 serves nobody"),
];

/// Servers that answer any number of waiting requests, by the beginning of their software version. Each was tested,
/// or reads the next request only when it has room for it. `docs/servers.md` has the details.
const COPING: &[(&[u8], Order, &str)] = &[
    (b"OpenSSH_", Order::Kept, "its own, where it reads no more than it has room to answer"),
    (b"dropbear_", Order::Kept, "it runs OpenSSH's server program"),
    (b"mod_sftp", Order::Kept, "ProFTPD answers each request before it reads the next"),
    (b"AsyncSSH_", Order::Free, "begins each request as a task of its own"),
    (b"paramiko_", Order::Kept, "answers each request before it reads the next"),
    (b"rclone/", Order::Free, "reads no more than its workers take"),
];

/// Servers that mix up many open files, by the beginning of their software version, and how many open files are safe.
const FEW_HANDLES: &[(&[u8], u64, &str)] =
    &[(b"Erlang/", 2, "ssh_sftpd gives the third open file the handle of the second, and mixes their data")];

/// Servers that empty a file opened for writing only, whatever the flags, by the beginning of their software version.
const EMPTYING: &[(&[u8], &str)] = &[(b"Erlang/", "ssh_sftpd opens it in the mode [write]")];

/// Servers on which a file that is being transferred must not be opened a second time, by the beginning of their
/// software version.
const ONE_HANDLE: &[(&[u8], &str)] = &[
    (b"rclone/", "empties what is opened for writing, and without a cache waits before each READ that leaves a gap"),
    (b"Go", "what is built on Go's SSH library and has no name of its own may be the same"),
];

/// The order in which a server carries out the requests on one file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Kept,
    Free,
}

/// Returns whether a server answers any number of waiting requests. `version` is its identification.
pub(super) fn copes_with_many_requests(version: &[u8]) -> bool {
    coping(version).is_some()
}

/// Returns whether a server is known to carry out the requests on one file in order. `version` is its identification.
pub(super) fn keeps_order(version: &[u8]) -> bool {
    coping(version) == Some(Order::Kept)
}

/// Returns how many files and directories a server can have open, if it doesn't report that itself. `version` is its
/// identification.
pub(super) fn open_handles(version: &[u8]) -> Option<u64> {
    let software = software(version)?;
    FEW_HANDLES.iter().find(|(name, ..)| software.starts_with(name)).map(|(_, handles, _)| *handles)
}

/// Returns whether a server empties a file opened for writing only. `version` is its identification.
pub(super) fn empties_files(version: &[u8]) -> bool {
    software(version).is_some_and(|software| EMPTYING.iter().any(|(name, _)| software.starts_with(name)))
}

/// Returns whether a file that is being transferred must not be opened a second time. `version` is the server's
/// identification.
pub(super) fn wants_one_handle(version: &[u8]) -> bool {
    software(version).is_some_and(|software| ONE_HANDLE.iter().any(|(name, _)| software.starts_with(name)))
}

fn coping(version: &[u8]) -> Option<Order> {
    let software = software(version)?;
    COPING.iter().find(|(name, ..)| software.starts_with(name)).map(|(_, order, _)| *order)
}

/// Returns the software version, which follows the protocol version in an identification.
fn software(version: &[u8]) -> Option<&[u8]> {
    version.strip_prefix(b"SSH-2.0-").or_else(|| version.strip_prefix(b"SSH-1.99-"))
}

/// Returns the order in which a server reads the paths of SYMLINK. `version` is its identification, such as
/// `SSH-2.0-OpenSSH_9.2p1`.
pub(super) fn symlink_order(version: &[u8]) -> SymlinkOrder {
    let link_first =
        software(version).is_some_and(|software| LINK_FIRST.iter().any(|(name, _)| software.starts_with(name)));
    if link_first { SymlinkOrder::LinkFirst } else { SymlinkOrder::TargetFirst }
}

/// Returns whether a server calls itself OpenSSH.
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
            ("SSH-2.0-Twisted_24.3", LinkFirst),
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
    fn a_servers_version_tells_how_many_files_are_safe_and_whether_they_are_emptied() {
        for (version, handles) in [("SSH-2.0-Erlang/4.15.3.17", Some(2)), ("SSH-2.0-OpenSSH_9.2p1", None), ("", None)] {
            assert_eq!(open_handles(version.as_bytes()), handles, "{version}");
            assert_eq!(empties_files(version.as_bytes()), handles.is_some(), "{version}");
        }
    }

    #[test]
    fn a_servers_version_tells_whether_a_file_may_be_opened_twice() {
        for (version, one) in [
            ("SSH-2.0-rclone/v1.60.1-DEV", true),
            ("SSH-2.0-Go", true),
            ("SSH-2.0-OpenSSH_9.2p1", false),
            ("SSH-2.0-SFTPGo_2.6.2", false),
            ("", false),
        ] {
            assert_eq!(wants_one_handle(version.as_bytes()), one, "{version}");
        }
    }

    #[test]
    fn a_servers_version_tells_whether_it_copes_and_keeps_the_order() {
        for (version, copes, keeps) in [
            ("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3", true, true),
            ("SSH-2.0-OpenSSH_for_Windows_9.5", true, true),
            ("SSH-2.0-dropbear_2022.83", true, true),
            ("SSH-2.0-mod_sftp/1.0.0", true, true),
            ("SSH-2.0-mod_sftp", true, true),
            ("SSH-2.0-AsyncSSH_2.14.2", true, false),
            ("SSH-2.0-paramiko_3.4.0", true, true),
            ("SSH-2.0-rclone/v1.60.1-DEV", true, false),
            ("SSH-2.0-9.99 FlowSsh: Bitvise SSH Server (WinSSHD)", false, false),
            ("SSH-2.0-Serv-U_15.1.7.162", false, false),
            ("SSH-2.0-SFTP Server ready, like OpenSSH_9", false, false),
            ("OpenSSH_9.2p1", false, false),
            ("", false, false),
        ] {
            let version_bytes = version.as_bytes();
            assert_eq!(
                (copes_with_many_requests(version_bytes), keeps_order(version_bytes)),
                (copes, keeps),
                "{version}"
            );
        }
    }
}
