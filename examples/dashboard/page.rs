//! What the dashboard looks like. It works without its script, which only keeps the count up to
//! date.

use reactor::http::{Response, Status};

use crate::chat::Now;

/// What is said above the form.
pub(crate) enum Note {
    None,
    Saved,
    Error(String),
}

/// A page, as text.
pub(crate) struct Page(String);

impl Page {
    /// What is typed in the form, if that was refused, is not lost.
    pub(crate) fn of(now: Now, note: Note, typed: Option<String>) -> Self {
        let Now { users, banner } = now;
        let people = if users == 1 { "person" } else { "people" };
        let banner = escape(banner.trim_end());
        // A line feed right behind `<pre>` means nothing, so a banner that begins with one needs two.
        let gap = if banner.starts_with(['\r', '\n']) {
            "\n"
        } else {
            ""
        };
        let typed = typed.map_or_else(|| banner.clone(), |typed| escape(&typed));
        let (note, invalid) = match note {
            Note::None => (String::new(), ""),
            Note::Saved => (
                "<p class=\"note saved\" role=\"status\">Saved. This is what newcomers see.</p>"
                    .to_owned(),
                "",
            ),
            Note::Error(reason) => (
                format!(
                    "<p class=\"note error\" role=\"alert\" id=\"error\">Not saved: {}.</p>",
                    escape(&reason)
                ),
                " aria-invalid=\"true\" aria-describedby=\"error\"",
            ),
        };
        Self(shell(&format!(
            r#"
<section class="card count" aria-labelledby="here">
  <h2 id="here">In the chat now</h2>
  <p class="number" aria-live="polite"><output id="users">{users}</output> <span id="people">{people}</span></p>
  <p class="hint">Join with <code>nc 127.0.0.1 1400</code></p>
</section>
<section class="card" aria-labelledby="welcome">
  <h2 id="welcome">The banner</h2>
  <pre id="banner" tabindex="0">{gap}{banner}</pre>
  {note}
  <form method="post" action="/" accept-charset="utf-8">
    <label for="text">Welcome newcomers with</label>
    <textarea id="text" name="banner" rows="3" data-bytes="2000" required{invalid}>
{typed}</textarea>
    <button>Save</button>
  </form>
</section>"#
        )))
    }

    /// There is nothing to show, and that is said.
    pub(crate) fn without_chat() -> Self {
        Self(shell(
            r#"
<section class="card down" role="alert" id="no-chat">
  <h2>The chat does not answer</h2>
  <p>Its API cannot be reached, so there is nothing to show and nothing to set.</p>
  <p class="hint">Start it with <code>cargo run --example chat</code>. This page comes back by itself when it
  answers, or <a href="/">try again</a>.</p>
</section>"#,
        ))
    }

    pub(crate) fn answer(self, status: Status) -> Response {
        Response::html(self.0)
            .with_status(status)
            .with_header("Cache-Control", "no-store")
            .with_header(
                "Content-Security-Policy",
                "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                 img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            )
            .with_header("X-Content-Type-Options", "nosniff")
            .with_header("Referrer-Policy", "same-origin")
    }
}

fn shell(main: &str) -> String {
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>NetCatChat</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css">
<script src="/script.js" defer></script>
</head>
<body>
<header>
  <h1><span aria-hidden="true">&gt;_</span> NetCatChat</h1>
  <p id="state" class="state" role="status"></p>
</header>
<main>{main}
</main>
<footer>A dashboard made of the chat's API, which it asks over HTTP.</footer>
</body>
</html>
"#
    )
}

/// Text that means only itself in a page.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
