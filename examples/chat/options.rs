//! What the program was asked to do.

use crate::sender::OwnNames;

const CHAT: &str = "tcp:1400:interface=127.0.0.1";
const API: &str = "tcp:8080:interface=127.0.0.1";

const USAGE: &str = "usage: chat [--api ENDPOINT [--name HOST]… | --no-api] [ENDPOINT…], where an ENDPOINT is like \
tcp:1400 or tcp:1400:interface=127.0.0.1";

/// Where to listen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// For those who chat.
    pub(crate) endpoints: Vec<String>,
    /// For the API.
    pub(crate) api: Option<String>,
    /// The names by which the API is known.
    pub(crate) names: OwnNames,
}

impl Options {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            endpoints: Vec::new(),
            api: Some(API.to_owned()),
            names: OwnNames::default(),
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--api" => options.api = Some(words.next().ok_or(USAGE)?),
                "--name" => options.names.add(words.next().ok_or(USAGE)?),
                "--no-api" => options.api = None,
                option if option.starts_with('-') => {
                    return Err(format!("there is no option {option}; {USAGE}"));
                }
                _ => options.endpoints.push(word),
            }
        }
        if options.endpoints.is_empty() {
            options.endpoints.push(CHAT.to_owned());
        }
        Ok(options)
    }
}
