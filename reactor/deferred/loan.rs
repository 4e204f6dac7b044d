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
    /// The value was taken, and what has carried it may carry another one.
    fn keep(&self, spare: Box<Loan<T>>);
}

/// Where a value goes that nobody has taken.
enum WayBack<T> {
    /// To the one who lent it, unless that is gone.
    Lender(Weak<dyn Lender<T>>),
    /// Into its parts.
    Parts(Box<dyn FnOnce(T)>),
}

impl<T> WayBack<T> {
    fn take(self, number: u64, value: T) {
        match self {
            Self::Lender(lender) => {
                if let Some(lender) = lender.upgrade() {
                    lender.take_back(number, value);
                }
            }
            Self::Parts(give_back) => give_back(value),
        }
    }
}

/// Behind a pointer, so that a value that is given, as nearly all are, stays as small as it is. Who
/// lends gets that back, empty, when the value is taken, and needs none for the next one.
pub(super) struct Loan<T> {
    value: Option<T>,
    number: u64,
    /// There until the value goes it.
    way: Option<WayBack<T>>,
}

const EMPTY: &str = "a loan has a value until somebody takes it, and is gone or empty then";

impl<T> Loan<T> {
    /// A loan without a value, of `lender`.
    pub(super) fn of(lender: Weak<dyn Lender<T>>) -> Box<Self> {
        Self::with(None, WayBack::Lender(lender))
    }

    fn with(value: Option<T>, way: WayBack<T>) -> Box<Self> {
        let (number, way) = (0, Some(way));
        Box::new(Self { value, number, way })
    }

    /// The value as one that goes back to the lender with `number` if it is dropped before somebody
    /// takes it.
    #[inline]
    pub(super) fn carry(mut self: Box<Self>, number: u64, value: T) -> Carried<T> {
        self.number = number;
        self.value = Some(value);
        Carried(Kind::Lent(self))
    }

    /// The value, which belongs to the caller. Apart, so that the way of values that are given, which
    /// has to be short, is inlined without it.
    #[cold]
    fn take(mut self: Box<Self>) -> T {
        let value = self.value.take().expect(EMPTY);
        if let Some(WayBack::Lender(lender)) = &self.way
            && let Some(lender) = lender.upgrade()
        {
            lender.keep(self);
        }
        value
    }
}

impl<T> Drop for Loan<T> {
    fn drop(&mut self) {
        if let (Some(value), Some(way)) = (self.value.take(), self.way.take()) {
            way.take(self.number, value);
        }
    }
}

impl<T> Carried<T> {
    /// A value that belongs to whoever has it.
    #[inline]
    pub(super) fn given(value: T) -> Self {
        Self(Kind::Given(value))
    }

    fn of_parts(value: T, give_back: impl FnOnce(T) + 'static) -> Self {
        let way = WayBack::Parts(Box::new(give_back));
        Self(Kind::Lent(Loan::with(Some(value), way)))
    }

    /// The value, which the caller now answers for.
    #[inline]
    pub(super) fn take(self) -> T {
        match self.0 {
            Kind::Given(value) => value,
            Kind::Lent(loan) => loan.take(),
        }
    }

    /// The value, and where it goes if nobody takes it, which the caller now sees to.
    fn split(self) -> (T, Option<impl FnOnce(T) + use<T>>) {
        match self.0 {
            Kind::Given(value) => (value, None),
            Kind::Lent(mut loan) => {
                let value = loan.value.take().expect(EMPTY);
                let give_back = move |value| {
                    // Its drop gives it back.
                    loan.value = Some(value);
                };
                (value, Some(give_back))
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
            (value, Some(way)) => Carried::of_parts(wrap(value), move |whole| way(unwrap(whole))),
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
                    way(value);
                }
            }
        };
        Carried::of_parts(values, give_back)
    }
}

impl<T> std::fmt::Debug for Carried<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Carried")
    }
}
