//! This side's end of a connection, which the connections of a port share.

use crate::address::Address;
use crate::proxy_protocol::Proxied;

/// An address, and for a connection that a proxy passes on what is known of the proxy. Kept together because the
/// address is shared already: so those without a proxy pay nothing for those with one.
#[derive(Debug)]
pub(crate) struct LocalEnd {
    pub(crate) address: Address,
    pub(crate) proxied: Option<Box<Proxied>>,
}

impl From<Address> for LocalEnd {
    fn from(address: Address) -> Self {
        Self {
            address,
            proxied: None,
        }
    }
}
