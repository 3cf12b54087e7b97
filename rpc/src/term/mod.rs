//! Erlang terms.
