//! What a reader makes of bytes, part by part.

/// A part of a message, in the order in which they come: `H` is the type of its head.
#[derive(Debug)]
pub enum Part<'d, H> {
    /// The head. A request whose framing is [`Framing::None`](crate::http::wire::Framing::None) is
    /// whole with it, and no `End` comes.
    Head(H),
    /// Bytes of the body, at least one.
    Body(&'d [u8]),
    /// The end of the body, with the trailer lines, each with its CRLF: see
    /// [`trailers`](crate::http::wire::trailers).
    End(Vec<u8>),
}
