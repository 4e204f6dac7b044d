//! Lines as they may be shown on somebody else's terminal.

/// The line with its ending, and with its control characters made visible: `ESC` as `^[`, as `cat -v`
/// shows it. Nobody can then move another's cursor, clear the screen or answer for the terminal.
/// Tabs stay, and so does everything else, text or not.
///
/// Some terminals obey the control characters from 0x80 to 0x9F too, which UTF-8 writes in two
/// bytes and other encodings in one. Both forms are shown as `M-^[`.
pub(crate) fn visible(line: &[u8], ending: &[u8]) -> Vec<u8> {
    // Most lines are like this, and are copied in one piece.
    if line.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
        return [line, ending].concat();
    }
    let mut shown = Vec::with_capacity(line.len() + ending.len());
    for chunk in line.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\t' => shown.push(b'\t'),
                '\0'..='\x1f' | '\x7f' => shown.extend([b'^', character as u8 ^ 0x40]),
                '\u{80}'..='\u{9f}' => shown.extend([b'M', b'-', b'^', character as u8 ^ 0xc0]),
                _ => shown.extend(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        for &byte in chunk.invalid() {
            match byte {
                0x80..=0x9f => shown.extend([b'M', b'-', b'^', byte ^ 0xc0]),
                _ => shown.push(byte),
            }
        }
    }
    shown.extend(ending);
    shown
}
