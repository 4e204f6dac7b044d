//! Lines as they may be shown on somebody else's terminal.

use std::borrow::Cow;

use reactor::visible_bytes;

/// The line with its ending, and with what controls a terminal or is not seen written out. Nobody
/// can then move another's cursor, clear the screen, answer for the terminal, or turn a line around.
pub(crate) fn visible(line: &[u8], ending: &[u8]) -> Vec<u8> {
    match visible_bytes(line) {
        // Most lines are like this, and are copied in one piece.
        Cow::Borrowed(line) => [line, ending].concat(),
        Cow::Owned(mut line) => {
            line.extend_from_slice(ending);
            line
        }
    }
}
