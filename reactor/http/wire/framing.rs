//! How the end of a body is found, and what the header lines of a request say of it.
//!
//! A request whose end could be taken to be in two places is refused: RFC 9112, sections 6 and 11.2.

use crate::http::wire::headers::is_token;
use crate::http::wire::message_error::MessageError;
use crate::http::wire::number::decimal;
use crate::http::wire::status::Status;

/// How the end of a message's body is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    #[default]
    None,
    /// This many bytes, at least one.
    Length(u64),
    /// Chunks, of which the last one is empty.
    Chunked,
    /// The end of the connection. Only an answer may end so.
    UntilClose,
}

/// What the header lines say of the body.
#[derive(Default)]
pub(super) struct BodyFields {
    length: Option<u64>,
    chunked: bool,
    /// There is a coding that is not `chunked`.
    other_coding: bool,
}

impl BodyFields {
    pub(super) fn length(&mut self, value: &[u8]) -> Result<(), MessageError> {
        let length = decimal(value).ok_or(MessageError::bad("Content-Length is digits"))?;
        // Also where both are the same: RFC 9110, section 8.6, allows to take them for one, and a proxy
        // may take the first or the last.
        if self.length.replace(length).is_some() {
            return Err(MessageError::bad("a request has one Content-Length header"));
        }
        Ok(())
    }

    /// Of several lines the codings are one list: RFC 9110, section 5.3.
    pub(super) fn encoding(&mut self, value: &[u8]) -> Result<(), MessageError> {
        for coding in value.split(|byte| *byte == b',') {
            let coding = coding.trim_ascii();
            if self.chunked || !is_token(coding) {
                return Err(MessageError::bad(
                    "Transfer-Encoding is chunked, once and last",
                ));
            }
            if coding.eq_ignore_ascii_case(b"chunked") {
                self.chunked = true;
            } else {
                self.other_coding = true;
            }
        }
        Ok(())
    }

    pub(super) fn framing(&self) -> Result<Framing, MessageError> {
        match (self.length, self.chunked) {
            (Some(_), true) => Err(BOTH_LENGTHS),
            (Some(_), false) if self.other_coding => Err(BOTH_LENGTHS),
            // RFC 9112, section 6.1. No decoder for it is here, so what follows cannot be read.
            (None, _) if self.other_coding => Err(MessageError::new(
                Status::NOT_IMPLEMENTED,
                "the only transfer coding is chunked",
            )),
            (None | Some(0), false) => Ok(Framing::None),
            (Some(length), false) => Ok(Framing::Length(length)),
            (None, true) => Ok(Framing::Chunked),
        }
    }
}

const BOTH_LENGTHS: MessageError =
    MessageError::bad("a request has Content-Length or Transfer-Encoding, not both");
