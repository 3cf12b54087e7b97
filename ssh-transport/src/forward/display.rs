//! A client's display, lent to the programs that it runs on a server (RFC 4254 §6.3).

use std::{fmt, io};

use rand_core::Rng;
use ssh_proto::{ChannelRequest, X11Request};
use subtle::ConstantTimeEq;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use super::carry::carry;
use super::remote::{Incoming, connect_in_time};
use super::target::Target;
use crate::offer::ChannelOffer;
use crate::rng::os_rng;

/// A display, and how programs authenticate themselves to it.
#[derive(Clone)]
pub struct Display {
    target: Target,
    screen: u32,
    cookie: Option<Cookie>,
}

/// What `xauth list` shows behind `MIT-MAGIC-COOKIE-1`.
type Cookie = Zeroizing<[u8; COOKIE]>;

const COOKIE: usize = 16;

impl fmt::Debug for Display {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Display").field("target", &self.target).field("screen", &self.screen).finish_non_exhaustive()
    }
}

impl Display {
    /// The display that listens there, and asks for no cookie: `/tmp/.X11-unix/X0`, say, or port 6000 of a host.
    #[must_use]
    pub const fn new(target: Target) -> Self {
        Self { target, screen: 0, cookie: None }
    }

    /// The same, which asks for this cookie.
    #[must_use]
    pub fn with_cookie(self, cookie: [u8; 16]) -> Self {
        Self { cookie: Some(cookie.into()), ..self }
    }

    /// The same with another screen than 0.
    #[must_use]
    pub fn with_screen(self, screen: u32) -> Self {
        Self { screen, ..self }
    }

    /// What the display is told by a program that said `setup`: the real cookie. `None` where that does not have the one
    /// that was made for the server.
    fn introduce(&self, mut setup: Setup, made: &Cookie) -> Option<Zeroizing<Vec<u8>>> {
        let number = match setup.first()? {
            b'B' => u16::from_be_bytes,
            b'l' => u16::from_le_bytes,
            _ => return None,
        };
        let (head, authentication) = setup.split_first_chunk_mut::<HEAD>()?;
        let [_, _, _, _, _, _, name @ .., _, _] = head;
        let [n0, n1, d0, d1] = *name;
        let (protocol, cookie) = authentication.split_at_mut(COOKIE_AT);
        let is_right = usize::from(number([n0, n1])) == PROTOCOL.len()
            && usize::from(number([d0, d1])) == COOKIE
            && protocol.starts_with(PROTOCOL.as_bytes())
            && bool::from(cookie.ct_eq(&made[..]));
        if !is_right {
            return None;
        }
        match &self.cookie {
            Some(real) => cookie.copy_from_slice(&real[..]),
            None => {
                name.fill(0);
                return Some(head.to_vec().into());
            }
        }
        Some(setup.to_vec().into())
    }
}

/// The one protocol that can be forwarded: another one's proof is about who sends it.
const PROTOCOL: &str = "MIT-MAGIC-COOKIE-1";
/// Where the cookie begins behind the head.
const COOKIE_AT: usize = PROTOCOL.len().next_multiple_of(4);
const HEAD: usize = 12;

/// How a program begins (X Window System Protocol §8):
///
/// ```text
/// byte order, "B" or "l" · 1 unused · CARD16 major · CARD16 minor · CARD16 n · CARD16 d · 2 unused
/// n bytes authorization-protocol-name · padding to 4 · d bytes authorization-protocol-data · padding to 4
/// ```
type Setup = Zeroizing<[u8; HEAD + COOKIE_AT + COOKIE]>;

/// A display that programs of a connection may show something on, for as long as this lives. Each session that is to have it
/// is asked for with [`request`](Self::request).
pub struct LentDisplay {
    made: String,
    screen: u32,
    task: JoinHandle<()>,
}

impl fmt::Debug for LentDisplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LentDisplay").field("screen", &self.screen).finish_non_exhaustive()
    }
}

impl LentDisplay {
    pub(crate) fn new(display: Display, mut incoming: Incoming) -> io::Result<Self> {
        let mut made = Cookie::default();
        os_rng()?.fill_bytes(&mut made[..]);
        let (digits, screen) = (made.iter().map(|byte| format!("{byte:02x}")).collect(), display.screen);
        let task = tokio::spawn(async move {
            let show = |offer| {
                let (lent, made) = (display.clone(), made.clone());
                async move {
                    if let Err(error) = show(offer, &lent, &made).await {
                        tracing::debug!(%error, ?lent, "a program was not shown, or ended early");
                    }
                }
            };
            incoming.each(show).await;
        });
        Ok(Self { made: digits, screen, task })
    }

    /// `x11-req`, for a session on which nothing runs yet. "It is RECOMMENDED that the 'x11 authentication cookie' that is
    /// sent be a fake, random cookie, and that the cookie be checked and replaced by the real cookie when a connection
    /// request is received."
    #[must_use]
    pub fn request(&self) -> ChannelRequest<'_> {
        ChannelRequest::X11(X11Request {
            single_connection: false,
            protocol: PROTOCOL,
            cookie: &self.made,
            screen: self.screen,
        })
    }
}

impl Drop for LentDisplay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Shows one program. The display hears nothing of who does not have the cookie.
async fn show(offer: ChannelOffer, display: &Display, made: &Cookie) -> io::Result<()> {
    let mut channel = offer.accept()?;
    let mut setup = Setup::new([0; HEAD + COOKIE_AT + COOKIE]);
    channel.read_exact(&mut setup[..]).await?;
    let Some(setup) = display.introduce(setup, made) else {
        tracing::warn!("a program on the server wants the display, and does not have the cookie");
        return Err(io::ErrorKind::PermissionDenied.into());
    };
    let mut stream = connect_in_time(&display.target).await?;
    stream.write_all(&setup).await?;
    carry(channel, stream).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(order: u8, [n, d]: [[u8; 2]; 2], name: &[u8; 18], cookie: [u8; COOKIE]) -> Setup {
        let mut setup = vec![order, 0, 0, 11, 0, 0];
        setup.extend([n, d, [0, 0]].as_flattened());
        setup.extend(name);
        setup.extend([0, 0]);
        setup.extend(cookie);
        Setup::new(setup.try_into().unwrap())
    }

    #[test]
    fn rfc4254_s6_3_1_the_made_cookie_is_checked_and_replaced() {
        let (made, real) = (Cookie::new([7; COOKIE]), [9; COOKIE]);
        let open = Display::new(Target::socket("/tmp/.X11-unix/X0"));
        let display = open.clone().with_cookie(real);
        let name = b"MIT-MAGIC-COOKIE-1";
        for (order, lengths) in [(b'B', [[0, 18], [0, 16]]), (b'l', [[18, 0], [16, 0]])] {
            let said = || setup(order, lengths, name, *made);
            let told = display.introduce(said(), &made).unwrap();
            assert_eq!(told[..], setup(order, lengths, name, real)[..]);
            assert_eq!(open.introduce(said(), &made).unwrap()[..], [order, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0, 0]);
            for other in [
                setup(order, lengths, name, real),
                setup(order, lengths, name, [0; COOKIE]),
                setup(order, lengths, b"MIT-MAGIC-COOKIE-2", *made),
                setup(order, [lengths[1], lengths[1]], name, *made),
                setup(order, [lengths[0], lengths[0]], name, *made),
                setup(order, lengths.map(|[a, b]| [b, a]), name, *made),
                setup(b'x', lengths, name, *made),
            ] {
                assert!(display.introduce(other, &made).is_none() && !format!("{display:?}").contains('9'));
            }
        }
    }
}
