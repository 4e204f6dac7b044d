//! Text from outside as it may be shown: on a terminal, or in a line of a log.
//!
//! Text of a peer that is shown as it is can move the cursor, end the line, and turn around what stands
//! beside it. So whatever has come from outside passes through here before it is printed or logged.

use std::borrow::Cow;

/// The text with control characters and invisible ones written out in visible characters.
///
/// - Control characters are as `cat -v` shows them: `ESC` is `^[`, a line feed is `^J`. Some
///   terminals obey those from U+0080 to U+009F too; these are as `M-^[`. Tabs stay.
/// - Characters that turn the direction of text around, that have no width, that end a line, and
///   tags are written with their number: `<U+202E>`. The joiner between two pictographs stays, so
///   that the picture of a family remains one: it changes these two and nothing beside them.
///
/// A text without any of these, as most are, is returned as it is. What is shown can be typed as
/// well, so that it says nothing of what was sent.
///
/// ```
/// use reactor::visible;
///
/// assert_eq!(visible("caf\u{e9}"), "caf\u{e9}");
/// assert_eq!(visible("red \u{1b}[31m\r\n"), "red ^[[31m^M^J");
/// assert_eq!(visible("exe.\u{202e}gpj"), "exe.<U+202E>gpj");
/// ```
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if is_plain(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    show(text, &mut |piece| shown.push_str(piece));
    Cow::Owned(shown)
}

/// As [`visible`], of bytes that may be text or not. Bytes that are no UTF-8 stay, in whatever
/// encoding they mean something, except for those from 0x80 to 0x9F, which control some terminals.
#[must_use]
pub fn visible_bytes(bytes: &[u8]) -> Cow<'_, [u8]> {
    if is_plain(bytes) {
        return Cow::Borrowed(bytes);
    }
    let mut shown = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        show(chunk.valid(), &mut |piece| {
            shown.extend_from_slice(piece.as_bytes());
        });
        for &byte in chunk.invalid() {
            match byte {
                0x80..=0x9f => shown.extend([b'M', b'-', b'^', byte ^ 0xc0]),
                _ => shown.push(byte),
            }
        }
    }
    Cow::Owned(shown)
}

/// Most texts are like this, and are looked at once.
fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

fn show(text: &str, put: &mut impl FnMut(&str)) {
    let (mut before, mut rest) = (None, text.chars());
    while let Some(character) = rest.next() {
        let next = rest.clone().next();
        match character {
            '\t' => put("\t"),
            '\0'..='\x1f' | '\x7f' => put(&format!("^{}", flipped(character, 0x40))),
            '\u{80}'..='\u{9f}' => put(&format!("M-^{}", flipped(character, 0xc0))),
            '\u{200d}' if is_pictograph(before) && is_pictograph(next) => put("\u{200d}"),
            _ if is_hidden(character) => put(&format!("<U+{:04X}>", u32::from(character))),
            _ => put(character.encode_utf8(&mut [0; 4])),
        }
        before = Some(character);
    }
}

/// The character that a control character has the name of.
fn flipped(control: char, bits: u8) -> char {
    char::from(control as u8 ^ bits)
}

/// Whether a character is invisible, or moves what is visible.
fn is_hidden(character: char) -> bool {
    matches!(character,
        // The mark of Arabic letters, the spaces and joiners without width, the marks of direction.
        '\u{61c}' | '\u{200b}'..='\u{200f}'
        // The ends of lines and paragraphs, embeddings and overrides of direction.
        | '\u{2028}'..='\u{202e}'
        // Joiners and operators that are not seen, isolates of direction.
        | '\u{2060}'..='\u{206f}'
        // The mark of byte order, and what stands between annotations.
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        // Tags, and the selectors of variants beyond the usual ones, in which whole texts hide.
        | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a character is a picture, or says how the one before it looks.
fn is_pictograph(character: Option<char>) -> bool {
    matches!(
        character,
        Some(
            '\u{fe0f}'
            | '\u{2190}'..='\u{21ff}'
            | '\u{2600}'..='\u{27bf}'
            | '\u{2b00}'..='\u{2bff}'
            | '\u{1f000}'..='\u{1faff}',
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_controls_a_terminal_or_is_not_seen_is_written_out() {
        for (text, shown) in [
            ("plain\ttext", "plain\ttext"),
            (
                "caf\u{e9} 日本 \u{5d0}\u{5d1}",
                "caf\u{e9} 日本 \u{5d0}\u{5d1}",
            ),
            ("\0\u{7}\u{1b}[2J\u{7f}\r\n", "^@^G^[[2J^?^M^J"),
            ("\u{9b}31m\u{85}", "M-^[31mM-^E"),
            (
                "\u{202a}\u{202e}\u{2066}\u{2069}",
                "<U+202A><U+202E><U+2066><U+2069>",
            ),
            (
                "\u{200b}\u{200f}\u{2028}\u{2029}",
                "<U+200B><U+200F><U+2028><U+2029>",
            ),
            ("\u{feff}\u{61c}\u{2060}", "<U+FEFF><U+061C><U+2060>"),
            ("\u{e0041}\u{e007f}\u{e0100}", "<U+E0041><U+E007F><U+E0100>"),
            ("a\u{200d}b", "a<U+200D>b"),
            ("\u{200d}", "<U+200D>"),
            ("\u{1f468}\u{200d}", "\u{1f468}<U+200D>"),
        ] {
            assert_eq!(visible(text), shown, "{text:?}");
            assert_eq!(visible_bytes(text.as_bytes()), shown.as_bytes(), "{text:?}");
        }
    }

    #[test]
    fn a_family_and_other_joined_pictures_stay_whole() {
        for text in [
            "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}",
            "\u{1f937}\u{1f3fd}\u{200d}\u{2640}\u{fe0f}",
            "\u{2764}\u{fe0f}\u{200d}\u{1f525}",
            "\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}",
        ] {
            assert_eq!(visible(text), text);
        }
    }

    #[test]
    fn bytes_that_are_no_text_stay_but_for_those_that_control_terminals() {
        assert_eq!(visible_bytes(b"caf\xe9"), &b"caf\xe9"[..]);
        assert_eq!(visible_bytes(b"\x9b31m\xff"), &b"M-^[31m\xff"[..]);
        assert_eq!(visible_bytes(b"\x1b\xe9"), &b"^[\xe9"[..]);
    }
}
