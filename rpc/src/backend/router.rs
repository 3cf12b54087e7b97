//! Which of several backends executes a call.

use core::fmt;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Backend, Context, Execution, Origin, Streams, Watch, listing};
use crate::acl::{Object, Subject};
use crate::bert::Known;
use crate::call::{Call, Failure, Outcome, Success};
use crate::extended::Destination;
use crate::term::{Atom, Pid, Term};

/// Several backends as one.
///
/// - **Calls** go by the name of their module: the first route whose pattern matches it, in the order in which routes were
///   added, or else the default backend. A route decides alone: a function that its backend lacks is `undef`, and is not
///   looked for elsewhere.
/// - **Messages, monitors, links and exit signals** go to the first backend that says of itself that the name or pid is its own, in the order of
///   [`processes`](Self::processes), or else to the default backend. Nobody is asked twice and nothing is tried, so that
///   a message arrives once, and messages of one sender keep their order.
///
/// ```
/// use std::sync::Arc;
/// use sshrpc::backend::{Backend, Caller, Context, Functions, Router};
/// use sshrpc::call::Success;
/// use sshrpc::term::parse_call;
///
/// let mut own = Functions::new();
/// own.add("shop_prices", "cents", |article: i64| article * 100);
/// let router = Router::new(Arc::new(Functions::with_builtins())).route("shop_*", Arc::new(own));
///
/// let context = Context::new(Caller::local());
/// let execution = router.call(parse_call("shop_prices:cents(3)")?, &context);
/// assert_eq!(execution.ready(), Some(Ok(Success::Value(300.into()))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Router {
    routes: Vec<(Pattern, Arc<dyn Backend>)>,
    owners: Vec<(Box<Claim>, Arc<dyn Backend>)>,
    default: Arc<dyn Backend>,
}

/// Whether a process is a backend's own.
type Claim = dyn Fn(&Destination) -> bool + Send + Sync;

impl Router {
    /// Everything goes to this backend, so far.
    #[must_use]
    pub fn new(default: Arc<dyn Backend>) -> Self {
        Self { routes: Vec::new(), owners: Vec::new(), default }
    }

    /// Calls of modules that this pattern matches, and no earlier one, go to this backend. The pattern is the module's name, in
    /// which `*` stands for any characters, or none.
    #[must_use]
    pub fn route(mut self, modules: &str, backend: Arc<dyn Backend>) -> Self {
        self.routes.push((Pattern(modules.to_owned()), backend));
        self
    }

    /// Messages to processes of which `own` holds, and no earlier one, and monitors of them, go to this backend.
    #[must_use]
    pub fn processes(
        mut self,
        own: impl Fn(&Destination) -> bool + Send + Sync + 'static,
        backend: Arc<dyn Backend>,
    ) -> Self {
        self.owners.push((Box::new(own), backend));
        self
    }

    fn routed(&self, module: &str) -> &dyn Backend {
        let route = self.routes.iter().find(|(pattern, _)| pattern.matches(module));
        route.map_or(&*self.default, |(_, backend)| &**backend)
    }

    fn owner(&self, of: &Destination) -> &dyn Backend {
        let owner = self.owners.iter().find(|(own, _)| own(of));
        owner.map_or(&*self.default, |(_, backend)| &**backend)
    }
}

impl Backend for Router {
    fn call(&self, call: Call, context: &Context) -> Execution {
        self.routed(call.module.as_str()).call(call, context)
    }

    fn stream(&self, call: Call, streams: Streams, context: &Context) -> Execution {
        self.routed(call.module.as_str()).stream(call, streams, context)
    }

    fn module(&self, name: &Atom) -> Known {
        self.routed(name.as_str()).module(name)
    }

    fn send(&self, to: &Destination, message: Term, context: &Context) -> Execution {
        self.owner(to).send(to, message, context)
    }

    fn monitor(&self, of: &Destination, context: &Context) -> Result<Watch, Failure> {
        self.owner(of).monitor(of, context)
    }

    fn link(&self, mailbox: &Pid, to: &Pid, context: &Context) -> Outcome {
        self.owner(&to.clone().into()).link(mailbox, to, context)
    }

    fn unlink(&self, mailbox: &Pid, from: &Pid) {
        self.owner(&from.clone().into()).unlink(mailbox, from);
    }

    fn exit(&self, from: &Pid, to: &Pid, reason: Term, context: &Context) -> Execution {
        self.owner(&to.clone().into()).exit(from, to, reason, context)
    }

    fn modules(&self, context: &Context) -> Execution {
        let routes = self.routes.iter().map(|(_, backend)| backend).chain([&self.default]);
        let asked: Vec<_> = routes.map(|backend| backend.modules(context)).collect();
        let patterns: Vec<_> = self.routes.iter().map(|(pattern, _)| pattern.clone()).collect();
        Execution::pending(async move {
            let mut found = BTreeSet::new();
            for (number, execution) in asked.into_iter().enumerate() {
                // Whatever another backend has of this name is hidden.
                let mine = |module: &Atom| {
                    let route = patterns.iter().position(|pattern| pattern.matches(module.as_str()));
                    route.unwrap_or(patterns.len()) == number
                };
                found.extend(listing::atoms(&execution.outcome().await).into_iter().filter(mine));
            }
            Ok(Success::Value(Term::list(found.into_iter().map(Term::from))))
        })
    }

    fn exports(&self, module: &Atom, context: &Context) -> Execution {
        self.routed(module.as_str()).exports(module, context)
    }

    fn origin(&self, subject: Subject<'_>) -> Origin {
        match subject.object {
            Object::Function { module, .. } => self.routed(module).origin(subject),
            Object::Name(name) => match Atom::new(name) {
                Ok(name) => self.owner(&name.into()).origin(subject),
                Err(_too_long) => self.default.origin(subject),
            },
            // Whose it is, is not known here: what may be foreign counts as foreign.
            _ => {
                let mut all = self.owners.iter().map(|(_, backend)| backend).chain([&self.default]);
                match all.all(|backend| backend.origin(subject) == Origin::BuiltIn) {
                    true => Origin::BuiltIn,
                    false => Origin::Foreign,
                }
            }
        }
    }
}

/// The patterns of the routes.
impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.routes.iter().map(|(pattern, _)| &pattern.0)).finish()
    }
}

/// A name in which `*` stands for anything.
#[derive(Clone)]
struct Pattern(String);

impl Pattern {
    fn matches(&self, name: &str) -> bool {
        let Some((start, rest)) = self.0.split_once('*') else { return self.0 == name };
        let Some(mut name) = name.strip_prefix(start) else { return false };
        let (inner, end) = rest.rsplit_once('*').unwrap_or(("", rest));
        // The earliest place for each piece leaves the most for those behind it.
        for piece in inner.split('*') {
            match name.split_once(piece) {
                Some((_, behind)) => name = behind,
                None => return false,
            }
        }
        name.ends_with(end)
    }
}

#[cfg(test)]
mod tests;
