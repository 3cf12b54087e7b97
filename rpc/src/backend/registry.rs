//! Rust functions, callable by name.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use std::collections::{BTreeSet, HashMap};

use super::builtin::{self, Limits};
use super::{Backend, Context, Execution, Origin, Streams, TypedFunction, listing};
use crate::acl::Subject;
use crate::bert::Known;
use crate::call::{Call, Failure, Outcome, Success};
use crate::term::{Atom, Term};

/// Rust functions, registered under module, function and number of arguments.
///
/// ```
/// use sshrpc::backend::Functions;
/// use sshrpc::call::Failure;
///
/// let mut functions = Functions::with_builtins();
/// functions
///     .add("math", "double", |x: i64| x * 2)
///     .add("math", "halve", |x: i64| if x % 2 == 0 { Ok(x / 2) } else { Err(Failure::of("odd")) })
///     .register("math", "first", 2, |args, _context| Ok(args[0].clone()))
///     .register_async("math", "later", 1, |args, _context| async move { Ok(args.into()) });
/// ```
///
/// What is called and not registered fails with `undef`. Panics are the [`Executor`](super::Executor)'s to catch.
#[derive(Default)]
pub struct Functions {
    table: HashMap<Key, Function>,
}

impl Functions {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The built-in functions, which behave as Erlang's: some of the modules `erlang`, `lists`, `binary` and `timer`,
    /// and `sshrpc:echo/1`.
    #[must_use]
    pub fn with_builtins() -> Self {
        let mut functions = Self::new();
        functions.add_builtins(Limits::default());
        functions
    }

    /// Adds the built-in functions, with these limits to their results.
    pub fn add_builtins(&mut self, limits: Limits) -> &mut Self {
        builtin::register(self, limits);
        self
    }

    /// Adds a function whose arguments and result are Rust values. It takes as many arguments as the closure does, and
    /// fails with `badarg` when one is of another type. One that was there under this name is replaced.
    ///
    /// # Panics
    /// When a name has more than 255 bytes; so do the others.
    pub fn add<A>(
        &mut self,
        module: &'static str,
        function: &'static str,
        body: impl TypedFunction<A> + Send + Sync + 'static,
    ) -> &mut Self {
        let arity = body.arity();
        self.register(module, function, arity, move |args, _context| body.call(args))
    }

    /// Adds a function that gets its arguments as terms. It runs within the turn of the connection that called: one that
    /// computes for long should be an asynchronous one, and compute elsewhere.
    pub fn register<F>(&mut self, module: &'static str, function: &'static str, arity: usize, body: F) -> &mut Self
    where
        F: Fn(&[Term], &Context) -> Result<Term, Failure> + Send + Sync + 'static,
    {
        self.insert(module, function, arity, Function::Sync(Box::new(body)))
    }

    /// Adds an asynchronous function, which may wait. It is dropped when its call is cancelled or its deadline passes.
    pub fn register_async<F, W>(
        &mut self,
        module: &'static str,
        function: &'static str,
        arity: usize,
        body: F,
    ) -> &mut Self
    where
        F: Fn(Vec<Term>, Context) -> W + Send + Sync + 'static,
        W: Future<Output = Result<Term, Failure>> + Send + 'static,
    {
        let body = move |args, context: &Context| -> Work {
            let work = body(args, context.clone());
            Box::pin(async move { work.await.map(Success::Value) })
        };
        self.insert(module, function, arity, Function::Async(Box::new(body)))
    }

    /// Adds an asynchronous function that reads a stream from its caller and writes one to it, besides its arguments and its
    /// value: both may be larger than memory. Called without streams, it has an empty input and a closed output.
    ///
    /// ```
    /// # use sshrpc::Functions;
    /// use tokio::io::{AsyncReadExt, AsyncWriteExt};
    ///
    /// Functions::new().register_stream("text", "upcase", 0, |_args, mut streams, _context| async move {
    ///     let mut piece = vec![0; 8192];
    ///     loop {
    ///         let octets = streams.input.read(&mut piece).await?;
    ///         if octets == 0 {
    ///             return Ok("done".into());
    ///         }
    ///         piece[..octets].make_ascii_uppercase();
    ///         streams.output.write_all(&piece[..octets]).await?;
    ///     }
    /// });
    /// ```
    pub fn register_stream<F, W>(
        &mut self,
        module: &'static str,
        function: &'static str,
        arity: usize,
        body: F,
    ) -> &mut Self
    where
        F: Fn(Vec<Term>, Streams, Context) -> W + Send + Sync + 'static,
        W: Future<Output = Result<Term, Failure>> + Send + 'static,
    {
        let body = move |args, streams, context: &Context| -> Work {
            let work = body(args, streams, context.clone());
            Box::pin(async move { work.await.map(Success::Value) })
        };
        self.insert(module, function, arity, Function::Stream(Box::new(body)))
    }

    /// Whether there is a function of this name.
    #[must_use]
    pub fn contains(&self, module: &str, function: &str, arity: usize) -> bool {
        let (Ok(module), Ok(function)) = (Atom::new(module), Atom::new(function)) else { return false };
        self.table.contains_key(&Key { module, function, arity })
    }

    fn insert(&mut self, module: &'static str, function: &'static str, arity: usize, body: Function) -> &mut Self {
        let key = Key { module: Atom::from_static(module), function: Atom::from_static(function), arity };
        self.table.insert(key, body);
        self
    }
}

impl Backend for Functions {
    fn call(&self, call: Call, context: &Context) -> Execution {
        match self.table.get(&Key::of(&call)) {
            Some(Function::Sync(body)) => Execution::Ready(body(&call.args, context).map(Success::Value)),
            Some(Function::Async(body)) => Execution::Pending(body(call.args, context)),
            Some(Function::Stream(body)) => Execution::Pending(body(call.args, Streams::none(), context)),
            None => Execution::Ready(Err(Failure::undef(&call))),
        }
    }

    fn stream(&self, call: Call, streams: Streams, context: &Context) -> Execution {
        match self.table.get(&Key::of(&call)) {
            Some(Function::Stream(body)) => Execution::Pending(body(call.args, streams, context)),
            Some(Function::Sync(_) | Function::Async(_)) => Execution::Ready(Err(Failure::erpc("notsup"))),
            None => Execution::Ready(Err(Failure::undef(&call))),
        }
    }

    fn modules(&self, _context: &Context) -> Execution {
        let modules: BTreeSet<_> = self.table.keys().map(|key| key.module.clone()).collect();
        listing::ready(modules.into_iter().map(Term::from))
    }

    fn exports(&self, module: &Atom, _context: &Context) -> Execution {
        let own = self.table.keys().filter(|key| key.module == *module);
        let functions: BTreeSet<_> = own.map(|key| (key.function.clone(), key.arity)).collect();
        listing::ready(functions.into_iter().map(listing::export))
    }

    fn origin(&self, _subject: Subject<'_>) -> Origin {
        Origin::BuiltIn
    }

    fn module(&self, name: &Atom) -> Known {
        if self.table.keys().any(|key| key.module == *name) { Known::Yes } else { Known::No }
    }
}

/// The names, in order.
impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<_> =
            self.table.keys().map(|key| format!("{}:{}/{}", key.module, key.function, key.arity)).collect();
        names.sort_unstable();
        f.debug_list().entries(names).finish()
    }
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    module: Atom,
    function: Atom,
    arity: usize,
}

impl Key {
    fn of(call: &Call) -> Self {
        Self { module: call.module.clone(), function: call.function.clone(), arity: call.args.len() }
    }
}

type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;
type SyncBody = dyn Fn(&[Term], &Context) -> Result<Term, Failure> + Send + Sync;
type AsyncBody = dyn Fn(Vec<Term>, &Context) -> Work + Send + Sync;
type StreamBody = dyn Fn(Vec<Term>, Streams, &Context) -> Work + Send + Sync;

enum Function {
    Sync(Box<SyncBody>),
    Async(Box<AsyncBody>),
    Stream(Box<StreamBody>),
}

#[cfg(test)]
mod tests;
