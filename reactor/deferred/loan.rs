//! Values that go back to where they came from if nobody takes them.
//!
//! Who awaits a Deferred, or has it in a race, is given its value some time after it was fired, or
//! never: the task is cancelled, another one has won. A value that must not be lost by that, an item
//! of a [`Queue`](super::Queue), is on loan until it goes into the hands of a consumer, a callback or
//! an `.await`. What only hands a result on, a timeout, a list, a chain that waits for another one,
//! hands on the loan with it.

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

/// Where a value goes that nobody has taken.
pub(super) type GiveBack<T> = Box<dyn FnOnce(T)>;

struct Loan<T> {
    /// Both are there until the value is taken.
    lent: Option<(T, GiveBack<T>)>,
}

impl<T> Drop for Loan<T> {
    fn drop(&mut self) {
        if let Some((value, give_back)) = self.lent.take() {
            give_back(value);
        }
    }
}

impl<T> Carried<T> {
    /// A value that belongs to whoever has it.
    #[inline]
    pub(super) fn given(value: T) -> Self {
        Self(Kind::Given(value))
    }

    /// A value that is handed to `give_back` if it is dropped before somebody takes it.
    pub(super) fn lent(value: T, give_back: GiveBack<T>) -> Self {
        let lent = Some((value, give_back));
        Self(Kind::Lent(Box::new(Loan { lent })))
    }

    /// The value, which the caller now answers for.
    #[inline]
    pub(super) fn take(self) -> T {
        match self.0 {
            Kind::Given(value) => value,
            Kind::Lent(_) => self.split().0,
        }
    }

    /// The value, and where it goes if nobody takes it, which the caller now sees to.
    pub(super) fn split(self) -> (T, Option<GiveBack<T>>) {
        match self.0 {
            Kind::Given(value) => (value, None),
            Kind::Lent(mut loan) => {
                let lent = loan.lent.take();
                let (value, give_back) = lent.expect("only taking and dropping empty a loan");
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
            (value, Some(give_back)) => {
                Carried::lent(wrap(value), Box::new(move |whole| give_back(unwrap(whole))))
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
                let (value, give_back) = carried.split();
                ways.extend(give_back.map(|give_back| (index, give_back)));
                value
            }));
        }
        if ways.is_empty() {
            return Carried::given(values);
        }
        let give_back = move |values: Vec<Result<T, Failure>>| {
            let mut ways = ways.into_iter().peekable();
            for (index, result) in values.into_iter().enumerate() {
                let way = ways.next_if(|(of, _)| *of == index);
                if let (Ok(value), Some((_, give_back))) = (result, way) {
                    give_back(value);
                }
            }
        };
        Carried::lent(values, Box::new(give_back))
    }
}

impl<T> std::fmt::Debug for Carried<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Carried")
    }
}
