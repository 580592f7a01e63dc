//! Looks up ports by the name of their service, as in `-P ssh`, in the table that getservbyname(3) uses.

/// The table of services(5) on every Unix.
const TABLE: &str = "/etc/services";

/// Returns the TCP port of a service in the system's table.
pub(super) fn port(name: &str) -> Option<u16> {
    port_in(&String::from_utf8_lossy(&std::fs::read(TABLE).ok()?), name)
}

/// Lines have the form `NAME PORT/PROTOCOL ALIAS…`; comments begin with `#`.
fn port_in(table: &str, name: &str) -> Option<u16> {
    table.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let service = words.next()?;
        let port = words.next()?.strip_suffix("/tcp")?;
        (service == name || words.any(|alias| alias == name)).then(|| super::number::port_number(port))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_found_by_its_name_or_another_name_of_it() {
        let table =
            "# services\nssh\t22/udp\nssh\t\t22/tcp  secure-shell\t# SSH\nodd\nweb 80/tcp www # ssh2\nnull 0/tcp\n";
        for (name, found) in [
            ("ssh", Some(22)),
            ("secure-shell", Some(22)),
            ("www", Some(80)),
            ("ssh2", None),
            ("SSH", None),
            ("odd", None),
            ("null", None),
            ("22/tcp", None),
            ("", None),
        ] {
            assert_eq!(port_in(table, name), found, "{name}");
        }
    }
}
