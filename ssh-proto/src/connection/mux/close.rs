//! End of file and close, [RFC 4254 §5.3](https://www.rfc-editor.org/rfc/rfc4254#section-5.3).

use super::open::send_open_failure;
use super::{Delivery, Mux, Outlet};
use crate::connection::channel::{Blocked, Channel, ChannelId, Sending, Stage};
use crate::connection::messages::{Message, OpenFailureReason};
use crate::error::Error;

impl Mux {
    /// "When a party will no longer send more data to a channel, it SHOULD send SSH_MSG_CHANNEL_EOF."
    pub(crate) fn eof(&mut self, to: &mut Outlet<'_>, id: ChannelId) -> Result<(), Error> {
        let Some(Channel { stage: Stage::Open(open), .. }) = self.channels.get_mut(id) else { return Ok(()) };
        if open.sending != Sending::Open {
            return Ok(());
        }
        open.sending = Sending::Eof;
        let recipient_channel = open.peer.0;
        self.unblock(id);
        to.send(&Message::ChannelEof { recipient_channel })
    }

    /// Says good-bye to a channel, whatever stage it is in.
    pub(crate) fn close(&mut self, to: &mut Outlet<'_>, id: ChannelId) -> Result<(), Error> {
        let Some(channel) = self.channels.get_mut(id) else { return Ok(()) };
        match &mut channel.stage {
            Stage::Opening => channel.stage = Stage::Abandoned,
            Stage::Abandoned => {}
            Stage::Offered { peer, .. } => {
                let peer = *peer;
                self.channels.remove(id);
                let reason = OpenFailureReason::ADMINISTRATIVELY_PROHIBITED;
                return send_open_failure(to, peer, reason, "refused");
            }
            Stage::Open(open) if open.sending != Sending::Closed => {
                open.sending = Sending::Closed;
                let recipient_channel = open.peer.0;
                self.unblock(id);
                return to.send(&Message::ChannelClose { recipient_channel });
            }
            Stage::Open(_) => {}
        }
        Ok(())
    }

    pub(super) fn receive_close(&mut self, to: &mut Outlet<'_>, number: u32) -> Result<Option<Delivery>, Error> {
        let (id, open) = self.opened(number)?;
        let (peer, sending) = (open.peer, open.sending);
        self.unblock(id);
        self.channels.remove(id);
        // "Upon receiving this message, a party MUST send back an SSH_MSG_CHANNEL_CLOSE unless it has already sent this
        // message for the channel."
        if sending != Sending::Closed {
            to.send(&Message::ChannelClose { recipient_channel: peer.0 })?;
        }
        Ok(Some(Delivery::Closed(id)))
    }

    pub(super) fn unblock(&mut self, id: ChannelId) {
        if let Some(Channel { stage: Stage::Open(open), .. }) = self.channels.get_mut(id)
            && core::mem::replace(&mut open.blocked, Blocked::No) == Blocked::Yes
        {
            self.blocked = self.blocked.saturating_sub(1);
        }
    }
}
