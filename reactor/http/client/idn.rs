//! Host names beyond ASCII, as they are looked up.

use idna::AsciiDenyList;

/// The name that is looked up for a host that is not ASCII: URL standard, section 3.3.
pub(crate) fn to_ascii(host: &str) -> Result<String, String> {
    idna::domain_to_ascii_cow(host.as_bytes(), AsciiDenyList::URL)
        .map(|name| name.into_owned())
        .map_err(|_| format!("its host is not a valid international name: {host:?}"))
}
