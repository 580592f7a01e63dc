//! Attributes in little memory, for listings.

use crate::sftp::attributes::{Attributes, Owner, Times};

/// [`Attributes`] in 32 bytes instead of 48.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedAttributes {
    size: u64,
    owner: Owner,
    permissions: u32,
    times: Times,
    has_size: bool,
    has_owner: bool,
    has_permissions: bool,
    has_times: bool,
}

impl From<Attributes> for PackedAttributes {
    fn from(attributes: Attributes) -> PackedAttributes {
        let Attributes { size, owner, permissions, times } = attributes;
        PackedAttributes {
            size: size.unwrap_or(0),
            owner: owner.unwrap_or(Owner { uid: 0, gid: 0 }),
            permissions: permissions.unwrap_or(0),
            times: times.unwrap_or(Times { accessed: 0, modified: 0 }),
            has_size: size.is_some(),
            has_owner: owner.is_some(),
            has_permissions: permissions.is_some(),
            has_times: times.is_some(),
        }
    }
}

impl PackedAttributes {
    /// Returns the attributes that were packed.
    #[must_use]
    pub fn unpack(self) -> Attributes {
        Attributes {
            size: self.has_size.then_some(self.size),
            owner: self.has_owner.then_some(self.owner),
            permissions: self.has_permissions.then_some(self.permissions),
            times: self.has_times.then_some(self.times),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn attributes_come_back_as_they_were_packed(
            size: Option<u64>, uid: Option<u32>, gid: u32, permissions: Option<u32>, accessed: Option<u32>, modified: u32,
        ) {
            let owner = uid.map(|uid| Owner { uid, gid });
            let times = accessed.map(|accessed| Times { accessed, modified });
            let attributes = Attributes { size, owner, permissions, times };
            prop_assert_eq!(PackedAttributes::from(attributes).unpack(), attributes);
        }
    }

    #[test]
    fn packed_attributes_take_32_bytes() {
        assert_eq!(size_of::<PackedAttributes>(), 32);
    }
}
