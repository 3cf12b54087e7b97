//! Functions over Rust values instead of terms.

use crate::call::Failure;
use crate::term::{Atom, Binary, Integer, List, Map, Term, Tuple};

/// A type that an argument can have.
pub trait Argument: Sized {
    /// The value, when the term is of this type.
    fn from_term(term: &Term) -> Option<Self>;
}

/// A type that a function can return: anything that becomes a [`Term`], a float (which must be finite, or it is
/// `badarith`), or a [`Result`] of either.
pub trait Reply {
    /// The value, or how the function failed.
    ///
    /// # Errors
    /// [`Failure`], when the function failed.
    fn into_result(self) -> Result<Term, Failure>;
}

/// A closure of up to six [`Argument`]s that gives a [`Reply`].
pub trait TypedFunction<A> {
    /// How many arguments it takes.
    fn arity(&self) -> usize;

    /// Calls it, with as many arguments.
    ///
    /// # Errors
    /// [`Failure`]: its own, or `badarg` when an argument is of another type.
    fn call(&self, args: &[Term]) -> Result<Term, Failure>;
}

macro_rules! integer_arguments {
    ($($number:ty)*) => {$(
        impl Argument for $number {
            fn from_term(term: &Term) -> Option<Self> {
                term.try_into().ok()
            }
        }
    )*};
}

macro_rules! term_arguments {
    ($($variant:ident)*) => {$(
        impl Argument for $variant {
            fn from_term(term: &Term) -> Option<Self> {
                match term {
                    Term::$variant(value) => Some(value.clone()),
                    _ => None,
                }
            }
        }
    )*};
}

integer_arguments!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);
term_arguments!(Atom Binary Integer List Map Tuple);

impl Argument for Term {
    fn from_term(term: &Term) -> Option<Self> {
        Some(term.clone())
    }
}

impl Argument for bool {
    fn from_term(term: &Term) -> Option<Self> {
        term.as_bool()
    }
}

/// A float, or an integer that a float can hold.
impl Argument for f64 {
    fn from_term(term: &Term) -> Option<Self> {
        match term {
            Term::Float(float) => Some(float.get()),
            Term::Integer(integer) => super::builtin::to_float(integer),
            _ => None,
        }
    }
}

/// A binary in UTF-8, or a list of code points.
impl Argument for String {
    fn from_term(term: &Term) -> Option<Self> {
        term.to_text()
    }
}

/// A proper list.
impl<T: Argument> Argument for Vec<T> {
    fn from_term(term: &Term) -> Option<Self> {
        term.as_list()?.map(T::from_term).collect()
    }
}

impl<T: Into<Term>> Reply for T {
    fn into_result(self) -> Result<Term, Failure> {
        Ok(self.into())
    }
}

impl Reply for f64 {
    fn into_result(self) -> Result<Term, Failure> {
        Term::try_from(self).map_err(|_| Failure::of("badarith"))
    }
}

/// The atom `ok`, as Erlang's functions return that have nothing to say.
impl Reply for () {
    fn into_result(self) -> Result<Term, Failure> {
        Ok(Term::atom("ok"))
    }
}

impl<T: Reply> Reply for Result<T, Failure> {
    fn into_result(self) -> Result<Term, Failure> {
        self?.into_result()
    }
}

macro_rules! typed_function {
    ($arity:literal: $($name:ident $arg:ident)*) => {
        impl<Body, Value, $($name,)*> TypedFunction<($($name,)*)> for Body
        where
            Body: Fn($($name),*) -> Value,
            Value: Reply,
            $($name: Argument,)*
        {
            fn arity(&self) -> usize {
                $arity
            }

            fn call(&self, args: &[Term]) -> Result<Term, Failure> {
                let [$($arg),*] = args else { return Err(BADARG) };
                self($($name::from_term($arg).ok_or(BADARG)?),*).into_result()
            }
        }
    };
}

const BADARG: Failure = Failure::of("badarg");

typed_function!(0:);
typed_function!(1: A a);
typed_function!(2: A a B b);
typed_function!(3: A a B b C c);
typed_function!(4: A a B b C c D d);
typed_function!(5: A a B b C c D d E e);
typed_function!(6: A a B b C c D d E e G g);
