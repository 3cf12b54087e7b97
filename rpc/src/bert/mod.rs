//! BERT-RPC 1.0 as machines without sockets, clocks or tasks: bytes in, requests and replies out.
//! Source: [bert-rpc.org](http://bert-rpc.org), of 2009.
//!
//! A BERP is a frame, `uint32 length · term`, as on the subsystem `sshrpc@k2r.org`. [`Server`] and [`Client`] are the two ends
//! of a connection: calls, casts, and the `info` about the next message: callbacks, caching, streams.
//!
//! What Erlang and BERT say differently is translated, each way ([`to_bert`], [`from_bert`]):
//!
//! | BERT | here |
//! |---|---|
//! | `{bert,nil}` `{bert,true}` `{bert,false}` | the atoms `nil`, `true`, `false` |
//! | `{bert,dict,[{K,V}]}` | a map; of equal keys the last one stays |
//! | `{bert,time,MegaSec,Sec,MicroSec}` `{bert,regex,Source,Options}` | the same tuple |
//! | `{bert,string,'UTF-8',Octets}`, which some clients write though no version has it | the binary; with another encoding the same tuple |
//! | any other tuple that begins with `bert` | an error |
//! | no tag | bit strings, pids, ports, references, funs, improper lists, atoms beyond Latin-1: an error when written |
//!
//! Terms are written with BERT's tags alone ([`Emit::Bert`](crate::term::Emit::Bert)), and read with whatever tags Erlang
//! writes, so that a client may use `term_to_binary/1`.
//!
//! ```
//! use sshrpc::bert::{Answer, Client, ClientConfig, Reply, Request, RequestInfo, Server, ServerConfig};
//! use sshrpc::term::{Term, parse_call};
//!
//! let (mut client, mut server) = (Client::new(ClientConfig::default()), Server::new(ServerConfig::default()));
//! let (mut requests, mut replies) = (Vec::new(), Vec::new());
//! client.call(&parse_call("calc:add(1, 2)")?, RequestInfo::default(), &mut requests)?;
//!
//! assert_eq!(server.receive(&requests), requests.len());
//! let Some((ticket, Request::Call { call, .. })) = server.next_request(&mut replies) else { panic!("a call") };
//! assert_eq!(call.to_string(), "calc:add(1,2)");
//! server.reply(ticket, Reply::from(Term::from(3)), &mut replies)?;
//!
//! client.receive(&replies)?;
//! assert_eq!(client.next_answer(), Some(Ok(Answer::from(Term::from(3)))));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable)
)]

mod client;
mod fault;
mod message;
mod server;
mod value;

pub use self::client::{Answer, AnswerError, Client, ClientConfig, ClientError};
pub use self::fault::{Fault, FaultKind, Known};
pub use self::message::{Access, Caching, Callback, Freshness, NotSayable, RequestInfo};
pub use self::server::{Reply, Request, Server, ServerConfig, StaleTicket, Ticket};
pub use self::value::{NotBert, from_bert, to_bert};
