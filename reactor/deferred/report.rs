//! What a failure shows: its error, the causes of that, and the way that it took.

use std::error::Error;
use std::fmt;

use super::Place;
use super::failure::Failure;

impl Failure {
    /// The error, behind what failed.
    fn text(&self) -> String {
        match &self.record.about {
            None => self.record.error.to_string(),
            Some(about) => format!("{about}: {}", self.record.error),
        }
    }

    /// The texts of the causes, without those with which the text before ends anyhow.
    fn unsaid_causes(&self) -> Vec<String> {
        let mut said = self.record.error.to_string();
        let mut unsaid = Vec::new();
        for cause in self.causes().map(ToString::to_string) {
            if !said.ends_with(&cause) {
                unsaid.push(cause.clone());
                said = cause;
            }
        }
        unsaid
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())?;
        if f.alternate() {
            for cause in self.unsaid_causes() {
                write!(f, ": {cause}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = &self.record;
        f.write_str(&self.text())?;
        write!(f, "\n    arose at {}", record.origin)?;
        // Of what was asked for elsewhere, this is the only place there is.
        let is_elsewhere = |place: &Place| record.about.is_none() || *place != record.origin;
        if let Some(place) = record.raised_in.filter(is_elsewhere) {
            write!(f, "\n    in the callback added at {place}")?;
        }
        for place in record.passed.iter().filter(|place| is_elsewhere(place)) {
            write!(f, "\n    passed the callback added at {place}")?;
        }
        if record.passed_uncounted > 0 {
            write!(f, "\n    and {} more", record.passed_uncounted)?;
        }
        if let Some(place) = record.made.filter(is_elsewhere) {
            write!(f, "\n    in the chain made at {place}")?;
        }
        for cause in self.unsaid_causes() {
            write!(f, "\n    caused by: {cause}")?;
        }
        Ok(())
    }
}

/// Lets `?` return a failure from a `main` that returns `Result<(), Box<dyn Error>>`, which then
/// prints the whole report.
///
/// The box is not `Send` and `Sync`, so there is no conversion into `Box<dyn Error + Send + Sync>`:
/// clones of a failure share its error by an [`Rc`](std::rc::Rc), on one thread. Look at what the error is with
/// [`check`](Failure::check) before: the box cannot be downcast to it.
impl From<Failure> for Box<dyn Error> {
    fn from(failure: Failure) -> Self {
        // A type of its own, because `Failure` must not be an `Error` (see above), and its error
        // may be shared and so cannot be moved into the box.
        Box::new(Boxed(failure))
    }
}

/// A failure as an [`Error`], with its texts and its causes.
struct Boxed(Failure);

impl fmt::Display for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Error for Boxed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.error().source()
    }
}
