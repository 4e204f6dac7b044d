//! The secret that who changes the banner has to know. The chat's API and the dashboard share this
//! file, so that the same environment means the same to both.

/// What `CHAT_TOKEN` is; nothing where it is not set or empty, which is said.
pub(crate) fn from_environment() -> Option<String> {
    let token = std::env::var("CHAT_TOKEN").ok()?;
    if token.is_empty() {
        log::warn!("CHAT_TOKEN is empty, which is no token: anybody may change the banner");
        return None;
    }
    Some(token)
}
