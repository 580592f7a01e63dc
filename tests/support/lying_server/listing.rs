//! Lies of READDIR about the number or size of entries: `list-…`. `endless` is part of a name if the listing never
//! ends.

use super::wire::{self, Attributes, Packet};

/// Bytes that make a packet almost as long as clients accept, whatever else it contains.
const PADDING: usize = 200_000;

/// The kind of listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// `list-padded`: honest, but each packet has bytes after its last field.
    Padded,
    /// `list-in-one=N`: N entries in one packet, however long that is.
    InOne(u32),
    /// `list-million`: 1,000,000 entries, 1,000 in a packet.
    Million,
    /// `list-endless-padding`: an entry and padding, forever.
    EndlessPadding,
    /// `list-endless-dots`: `.` forever, each with a long name of many bytes.
    EndlessDots,
    /// `list-endless-lines`: entries forever, each with a long name of many bytes.
    EndlessLines,
    /// `list-endless-long-names`: names of 200,000 bytes, forever.
    EndlessLongNames,
    /// `list-endless-names`: names of 4,096 bytes, forever.
    EndlessNames,
    /// `list-endless-slashes`: short names with a slash, forever, as many as a packet can hold.
    EndlessSlashes,
    /// `list-endless-directories`: directories with long names, forever.
    EndlessDirectories,
    /// `list-absurd-sizes`: files of 2^63 bytes and of 2^64 - 1.
    AbsurdSizes,
    /// `list-absurd-times`: files from the last second of the protocol, and from the first.
    AbsurdTimes,
    /// `list-ok`: success instead of names.
    Ok,
}

impl Listing {
    /// Parses the word of a lie.
    pub(crate) fn parse(name: &str, number: u64) -> Option<Self> {
        Some(match name {
            "list-padded" => Self::Padded,
            "list-in-one" => Self::InOne(u32::try_from(number).ok()?),
            "list-million" => Self::Million,
            "list-endless-padding" => Self::EndlessPadding,
            "list-endless-dots" => Self::EndlessDots,
            "list-endless-lines" => Self::EndlessLines,
            "list-endless-long-names" => Self::EndlessLongNames,
            "list-endless-names" => Self::EndlessNames,
            "list-endless-slashes" => Self::EndlessSlashes,
            "list-endless-directories" => Self::EndlessDirectories,
            "list-absurd-sizes" => Self::AbsurdSizes,
            "list-absurd-times" => Self::AbsurdTimes,
            "list-ok" => Self::Ok,
            _ => return None,
        })
    }

    /// Returns the answer to the READDIR with this number, counted from 0. Returns `None` for the honest answer,
    /// which `pad` may still change.
    pub(crate) fn answer(self, id: u32, before: usize) -> Option<Packet> {
        let regular = Attributes { permissions: Some(0o100_644), size: Some(1), ..Attributes::default() };
        let list = |entries: &[(Vec<u8>, usize, Attributes)]| {
            let packet = Packet::new(wire::NAME, id).number(entries.len() as u32);
            entries.iter().fold(packet, |packet, (name, line, attributes)| {
                packet.string(name).string(&vec![b'l'; *line]).attributes(*attributes)
            })
        };
        let numbered = |length: usize| {
            let mut name = format!("{before:08}").into_bytes();
            name.resize(length, b'n');
            name
        };
        Some(match self {
            Self::Padded => return None,
            Self::InOne(count) if before == 0 => {
                list(&(0..count).map(|number| (format!("n{number:07}").into(), 60, regular)).collect::<Vec<_>>())
            }
            Self::Million if before < 1000 => {
                let name = |number| format!("entry-{:08}", 1000 * before + number).into_bytes();
                list(&(0..1000).map(|number| (name(number), 70, regular)).collect::<Vec<_>>())
            }
            Self::InOne(_) | Self::Million => Packet::status(id, wire::EOF, "End of file"),
            Self::EndlessPadding => list(&[(numbered(8), 8, regular)]).raw(&vec![0; PADDING]),
            Self::EndlessDots => list(&[(b".".to_vec(), PADDING, regular)]),
            Self::EndlessLines => list(&[(numbered(8), PADDING, regular)]),
            Self::EndlessLongNames => list(&[(numbered(PADDING), 8, regular)]),
            Self::EndlessNames => list(&vec![(numbered(4096), 8, regular); 40]),
            Self::EndlessSlashes => list(&vec![(b"a/b".to_vec(), 0, Attributes::default()); PADDING / 20]),
            Self::EndlessDirectories => {
                let directory = Attributes { permissions: Some(0o040_755), ..Attributes::default() };
                list(
                    &(0..40)
                        .map(|number| ([format!("{number}-").into_bytes(), numbered(4000)].concat(), 8, directory))
                        .collect::<Vec<_>>(),
                )
            }
            Self::AbsurdSizes if before == 0 => {
                let sized = |size| Attributes { size: Some(size), ..regular };
                list(&[(b"big".to_vec(), 8, sized(1 << 63)), (b"bigger".to_vec(), 8, sized(u64::MAX))])
            }
            Self::AbsurdTimes if before == 0 => {
                let timed = |time| Attributes { times: Some((time, time)), ..regular };
                list(&[(b"late".to_vec(), 0, timed(u32::MAX)), (b"early".to_vec(), 0, timed(0))])
            }
            Self::Ok => Packet::status(id, wire::OK, "Success"),
            Self::AbsurdSizes | Self::AbsurdTimes => return None,
        })
    }

    /// Changes an honest packet as this lie demands.
    pub(crate) fn pad(self, packet: Packet) -> Packet {
        if self == Self::Padded { packet.raw(&[b'p'; 1000]) } else { packet }
    }
}
