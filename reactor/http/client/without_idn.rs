//! What is said of host names beyond ASCII where the crate was built without the feature `idn`.

pub(crate) fn to_ascii(host: &str) -> Result<String, String> {
    let character = host.chars().find(|character| !character.is_ascii());
    let character = character.unwrap_or_default();
    Err(format!(
        "its host has {character:?}, which needs the feature `idn` of the crate `reactor`: {host:?}"
    ))
}
