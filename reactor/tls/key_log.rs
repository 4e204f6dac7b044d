//! The secrets of connections, written down for a program that decrypts what was captured.

use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use rustls::KeyLog;

/// Writes secrets in the format of `SSLKEYLOGFILE`, which Wireshark reads.
pub(super) struct KeyLogWriter(Mutex<Option<Box<dyn Write + Send>>>);

impl KeyLogWriter {
    pub(super) fn new(to: impl Write + Send + 'static) -> Self {
        Self(Mutex::new(Some(Box::new(to))))
    }
}

impl KeyLog for KeyLogWriter {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let mut line = format!("{label} ");
        push_hex(&mut line, client_random);
        line.push(' ');
        push_hex(&mut line, secret);
        line.push('\n');
        let mut to = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writer) = &mut *to else { return };
        // One write a line, so that programs that append to the same file do not mix theirs.
        let written = writer
            .write_all(line.as_bytes())
            .and_then(|()| writer.flush());
        if let Err(error) = written {
            log::warn!("the key log of TLS cannot be written and ends: {error}");
            *to = None;
        }
    }
}

fn push_hex(line: &mut String, bytes: &[u8]) {
    for byte in bytes {
        line.push_str(&format!("{byte:02x}"));
    }
}

impl fmt::Debug for KeyLogWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyLogWriter")
    }
}
