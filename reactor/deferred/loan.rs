//! Values that go back to where they came from if nobody takes them.
//!
//! Who awaits a Deferred, or has it in a race, is given its value some time after it was fired, or
//! never: the task is cancelled, another one has won. A value that must not be lost by that, an item
//! of a [`Queue`](super::Queue), is on loan until it goes into the hands of a consumer, a callback or
//! an `.await`. What only hands a result on, a timeout, a list, a chain that waits for another one,
//! hands on the loan with it.

use std::rc::{Rc, Weak};

use super::failure::Failure;

/// A value on its way down a chain, or at rest at the end of one.
///
/// It is public for the signature of [`Recovery`](super::Recovery) only.
pub struct Carried<T>(Kind<T>);

/// A result on its way down a chain.
pub(super) type Passing<T> = Result<Carried<T>, Failure>;

enum Kind<T> {
    Given(T),
    Lent(Box<Loan<T>>),
}

/// What lends values.
pub(super) trait Lender<T> {
    /// The value that was lent with `number` comes back.
    fn take_back(self: Rc<Self>, number: u64, value: T);
}

/// Where a value goes that nobody has taken.
enum WayBack<T> {
    /// To the one who lent it, unless that is gone. Not a closure like the other: a loan is one
    /// allocation so, and a queue makes one for each item.
    Lender(Weak<dyn Lender<T>>, u64),
    /// Into its parts.
    Parts(Box<dyn FnOnce(T)>),
}

impl<T> WayBack<T> {
    fn take(self, value: T) {
        match self {
            Self::Lender(lender, number) => {
                if let Some(lender) = lender.upgrade() {
                    lender.take_back(number, value);
                }
            }
            Self::Parts(give_back) => give_back(value),
        }
    }
}

/// Behind a pointer, so that a value that is given, as nearly all are, stays as small as it is.
struct Loan<T> {
    /// Both are there until the value is taken.
    lent: Option<(T, WayBack<T>)>,
}

impl<T> Drop for Loan<T> {
    fn drop(&mut self) {
        if let Some((value, way)) = self.lent.take() {
            way.take(value);
        }
    }
}

/// Apart, so that the way of values that are given, which has to be short, is inlined without it.
#[cold]
#[expect(clippy::boxed_local, reason = "what frees the box belongs here too")]
fn take_from<T>(mut loan: Box<Loan<T>>) -> (T, WayBack<T>) {
    let lent = loan.lent.take();
    lent.expect("a loan is emptied by whoever takes or drops it, and that is its end")
}

impl<T> Carried<T> {
    /// A value that belongs to whoever has it.
    #[inline]
    pub(super) fn given(value: T) -> Self {
        Self(Kind::Given(value))
    }

    /// A value that goes back to `lender` if it is dropped before somebody takes it.
    pub(super) fn lent(value: T, lender: Weak<dyn Lender<T>>, number: u64) -> Self {
        Self::with_way(value, WayBack::Lender(lender, number))
    }

    fn with_way(value: T, way: WayBack<T>) -> Self {
        let lent = Some((value, way));
        Self(Kind::Lent(Box::new(Loan { lent })))
    }

    /// The value, which the caller now answers for.
    #[inline]
    pub(super) fn take(self) -> T {
        match self.0 {
            Kind::Given(value) => value,
            Kind::Lent(loan) => take_from(loan).0,
        }
    }

    /// The value, and where it goes if nobody takes it, which the caller now sees to.
    fn split(self) -> (T, Option<WayBack<T>>) {
        match self.0 {
            Kind::Given(value) => (value, None),
            Kind::Lent(loan) => {
                let (value, way) = take_from(loan);
                (value, Some(way))
            }
        }
    }

    /// The value as a part of something larger, out of which `unwrap` gets it again to give it
    /// back.
    pub(super) fn wrap<U>(
        self,
        wrap: impl FnOnce(T) -> U,
        unwrap: impl FnOnce(U) -> T + 'static,
    ) -> Carried<U>
    where
        T: 'static,
    {
        match self.split() {
            (value, None) => Carried::given(wrap(value)),
            (value, Some(way)) => {
                let give_back = move |whole| way.take(unwrap(whole));
                Carried::with_way(wrap(value), WayBack::Parts(Box::new(give_back)))
            }
        }
    }

    /// Many results as one value, whose parts go back one by one.
    pub(super) fn together(results: Vec<Passing<T>>) -> Carried<Vec<Result<T, Failure>>>
    where
        T: 'static,
    {
        let mut ways = Vec::new();
        let mut values = Vec::with_capacity(results.len());
        for (index, result) in results.into_iter().enumerate() {
            values.push(result.map(|carried| {
                let (value, way) = carried.split();
                ways.extend(way.map(|way| (index, way)));
                value
            }));
        }
        if ways.is_empty() {
            return Carried::given(values);
        }
        let give_back = move |values: Vec<Result<T, Failure>>| {
            // Both are in the order of the inputs, so one pass finds each value its way.
            let mut ways = ways.into_iter().peekable();
            for (index, result) in values.into_iter().enumerate() {
                let way = ways.next_if(|(of, _)| *of == index);
                if let (Ok(value), Some((_, way))) = (result, way) {
                    way.take(value);
                }
            }
        };
        Carried::with_way(values, WayBack::Parts(Box::new(give_back)))
    }
}

impl<T> std::fmt::Debug for Carried<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Carried")
    }
}
